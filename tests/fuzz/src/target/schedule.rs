//! The simulated world: the bytes are a schedule of faults.

use std::cell::OnceCell;

use tests::world::fate::Weather;
use tests::world::{Genesis, Schedule};

thread_local! {
    static GENESIS: OnceCell<Genesis> = const { OnceCell::new() };
}

pub fn run(data: &[u8]) {
    let schedule = schedule(data);
    let failure = GENESIS.with(|genesis| {
        let genesis = genesis.get_or_init(|| Genesis::settled().expect("everybody moves in"));
        genesis.run(&schedule, false).err()
    });
    if let Some(failure) = failure {
        panic!("{}\nagain with: {}", failure.lie, schedule.command());
    }
}

/// A number for each kind of fault, up to its worst; how long; a seed; and moments at which somebody dies.
fn schedule(data: &[u8]) -> Schedule {
    let mut bytes = data.iter().copied();
    let mut byte = || bytes.next().map_or(0, u64::from);
    let mut up_to = |worst: u64| u32::try_from(byte() * worst / 255).expect("small");
    let mut weather = Weather {
        lost: up_to(300),
        repeated: up_to(500),
        altered: up_to(50),
        cut: up_to(60),
        death: up_to(15),
        write_fault: up_to(100),
        write_doubt: up_to(50),
        slow_disk: up_to(100),
        clock_jump: up_to(20),
        delay_millis: up_to(5_000).max(20),
        server_clock: up_to(10),
        restore: up_to(20),
        rare: 0,
    };
    let busy_millis = 5_000 + i64::from(up_to(40_000));
    let seed = byte() << 8 | byte();
    let last = byte();
    let fees = last % 2 == 1;
    weather.rare = u32::try_from(last / 2).expect("small");
    let mut deaths = std::collections::BTreeSet::new();
    let mut moment = 0;
    for step in data.iter().skip(16).take(64) {
        moment += 1 + u64::from(*step);
        deaths.insert(moment);
    }
    Schedule { seed, busy_millis, weather, deaths, fees }
}
