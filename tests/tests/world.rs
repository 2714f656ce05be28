//! The simulated world: schedules of faults, and a death at every single moment of every procedure.
//!
//! More schedules, and deaths at every pair of moments, are for `cargo xtask soak`.

use std::collections::BTreeMap;

use protocol::buggify::Site;
use tests::world::command::{pairs, story};
use tests::world::{Genesis, Schedule};

/// How many schedules one test runs.
const SCHEDULES: u64 = 12;

/// Runs a dozen; yields what went wrong how often.
fn run_from(first: u64) -> BTreeMap<&'static str, u64> {
    let mut counts = BTreeMap::new();
    let genesis = Genesis::settled().expect("everybody moves in");
    for seed in first..first + SCHEDULES {
        let schedule = Schedule::of_seed(seed);
        match genesis.run(&schedule, false) {
            Ok(report) => report.counts.into_iter().for_each(|(name, count)| *counts.entry(name).or_default() += count),
            Err(failure) => {
                let short = genesis.shrink(schedule, 20);
                panic!("{}\nagain with: {}", failure.lie, short.command());
            }
        }
    }
    counts
}

#[test]
fn no_schedule_of_faults_makes_anybody_lose_money() {
    let counts = run_from(1);
    // A weather in which one of these never happens proves nothing.
    for fault in [
        "letters lost",
        "letters repeated",
        "letters altered",
        "answers lost",
        "answers altered",
        "links cut",
        "deaths",
        "slow writes",
        "writes failed",
        "writes in doubt",
        "clock jumps",
        "server's clock jumps",
        "backups",
        "restores",
        "refunds begun",
        "letters delayed",
        "writes lost with the dead",
        "writes of the dead",
        "answers of the server again",
        "answers of tills again",
        Site::CommitQueueFull.name(),
        Site::EarlyTimer.name(),
        Site::Overtaken.name(),
    ] {
        assert!(counts.get(fault).is_some_and(|count| *count > 0), "no {fault} in {counts:?}");
    }
}

#[test]
fn nor_does_another_dozen() {
    drop(run_from(1_001));
}

#[test]
fn one_seed_is_one_run() {
    let genesis = Genesis::settled().expect("everybody moves in");
    let run = || genesis.run(&Schedule::of_seed(3), false).expect("a good world");
    assert_eq!(run(), run());
}

#[test]
fn a_death_at_any_moment_of_any_procedure_does_no_harm() {
    let genesis = Genesis::empty().expect("keys can be made");
    let whole = genesis.tell(&[], false).expect("a calm story");
    assert!(whole.payments >= 1 && whole.moments > 100, "{whole:?}");
    for moment in 1..=whole.moments {
        if let Err(failure) = genesis.tell(&[moment], false) {
            panic!("{}\nagain with: {}", failure.lie, story(&[moment]));
        }
    }
}

#[test]
fn after_a_restore_everybody_goes_on() {
    let genesis = Genesis::settled().expect("everybody moves in");
    let mut restores = 0;
    for seed in 0..6 {
        let report = genesis.run(&Schedule::of_restores(seed, 60_000, []), true);
        let report =
            report.unwrap_or_else(|failure| panic!("seed {seed}: {}\n{}", failure.lie, failure.diary.join("\n")));
        restores += report.counts.get("restores").copied().unwrap_or(0);
    }
    assert!(restores >= 3, "{restores} restores");
}

/// A schedule with a restore in it, and the moments of that.
fn a_restore(genesis: &Genesis) -> (u64, Vec<u64>) {
    let seeds = (0..50).map(|seed| (seed, genesis.run(&Schedule::of_restores(seed, 40_000, []), false)));
    let mut restored = seeds.filter_map(|(seed, report)| Some((seed, report.ok()?.restoring)));
    restored.find(|(_, moments)| moments.len() > 6).expect("a restore that ends sessions")
}

#[test]
fn a_death_at_any_moment_of_a_restore_does_no_harm() {
    let genesis = Genesis::settled().expect("everybody moves in");
    let (seed, moments) = a_restore(&genesis);
    for moment in moments {
        if let Err(failure) = genesis.run(&Schedule::of_restores(seed, 40_000, [moment]), false) {
            panic!("seed {seed}, death at moment {moment}: {}", failure.lie);
        }
    }
}

#[test]
#[ignore = "soak: every pair of moments of a restore"]
fn two_deaths_at_any_two_moments_of_a_restore_do_no_harm() {
    let genesis = Genesis::settled().expect("everybody moves in");
    let (seed, moments) = a_restore(&genesis);
    let end = moments.last().copied().unwrap_or(0);
    for (at, first) in moments.iter().enumerate() {
        // The second may come while the first is being mended, which is when there are new moments.
        for second in moments[at + 1..].iter().copied().chain(end + 1..end + 20) {
            if let Err(failure) = genesis.run(&Schedule::of_restores(seed, 40_000, [*first, second]), false) {
                panic!("seed {seed}, deaths at moments {first} and {second}: {}", failure.lie);
            }
        }
    }
}

#[test]
#[ignore = "soak: thousands of schedules"]
fn thousands_of_schedules_make_nobody_lose_money() {
    (0..250).for_each(|dozen| drop(run_from(100_000 + dozen * SCHEDULES)));
}

#[test]
#[ignore = "soak: every pair of moments"]
fn two_deaths_at_any_two_moments_do_no_harm() {
    let genesis = Genesis::empty().expect("keys can be made");
    let whole = genesis.tell(&[], false).expect("a calm story").moments;
    for pair in pairs(whole) {
        if let Err(failure) = genesis.tell(&pair, false) {
            panic!("{}\nagain with: {}", failure.lie, story(&pair));
        }
    }
}
