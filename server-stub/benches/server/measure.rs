//! Times and memory, as figures.

use std::time::Duration;

/// In seconds.
pub fn secs(time: Duration) -> f64 {
    time.as_secs_f64()
}

/// In microseconds.
pub fn micros(time: Duration) -> f64 {
    secs(time) * 1e6
}

/// Processor time that a process has used, threads and kernel included.
pub fn cpu_of(process: u32) -> Duration {
    // proc(5): fields 14 and 15, in ticks of a hundredth of a second; the name before them may hold blanks.
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).expect("a process");
    let fields = stat.rsplit_once(')').expect("a name").1;
    let ticks = fields.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().expect("ticks"));
    Duration::from_millis(10 * ticks.sum::<u64>())
}

/// Bytes of memory that a process holds.
pub fn memory_of(process: u32) -> u64 {
    // proc(5): the second field, in pages of 4 KiB.
    let statm = std::fs::read_to_string(format!("/proc/{process}/statm")).expect("a process");
    4_096 * statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok()).expect("pages")
}
