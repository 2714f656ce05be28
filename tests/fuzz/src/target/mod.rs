//! The targets: one for each thing that reads what others wrote.

mod backup;
mod envelope;
mod extension;
mod messages;
mod offer;
mod pairs;
mod schedule;
mod sealed;
mod till;
mod urls;
mod values;

use protocol::Protocol;

pub use messages::ENTRIES;

/// Something to fuzz.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// What it is called on the command line.
    pub name: &'static str,
    /// How often libFuzzer runs it every day: what takes about 25 seconds of one core.
    pub daily_runs: u32,
    /// Panics where an invariant breaks.
    pub run: fn(&[u8]),
}

/// All targets, in the order in which they are run.
pub const TARGETS: &[Target] = &[
    Target { name: "envelope", daily_runs: 60_000, run: envelope::run },
    Target { name: "pairs", daily_runs: 60_000, run: pairs::run },
    Target { name: "messages", daily_runs: 150_000, run: messages::run },
    Target { name: "values", daily_runs: 120_000, run: values::run },
    Target { name: "urls", daily_runs: 250_000, run: urls::run },
    Target { name: "sealed", daily_runs: 20_000, run: sealed::run },
    Target { name: "offer", daily_runs: 40_000, run: offer::run },
    Target { name: "extension", daily_runs: 300_000, run: extension::run },
    Target { name: "backup", daily_runs: 300_000, run: backup::run },
    Target { name: "till", daily_runs: 400_000, run: till::run },
    Target { name: "schedule", daily_runs: 80, run: schedule::run },
];

/// The target of a name.
pub fn find(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

/// The first byte chooses among several things to do with the rest.
fn choice(data: &[u8]) -> Option<(u8, &[u8])> {
    data.split_first().map(|(first, rest)| (*first, rest))
}

fn protocol_of(byte: u8) -> Protocol {
    Protocol::ALL[usize::from(byte) % Protocol::ALL.len()]
}
