//! The simulated world: schedules of faults, and a death at every single moment of every procedure.
//!
//! More schedules, and deaths at every pair of moments, are for `cargo xtask soak`.

use tests::world::{Genesis, Schedule};

/// How many schedules one test runs.
const SCHEDULES: u64 = 12;

fn run_from(first: u64) {
    let genesis = Genesis::settled().expect("everybody moves in");
    for seed in first..first + SCHEDULES {
        let schedule = Schedule::of_seed(seed);
        if let Err(failure) = genesis.run(&schedule, false) {
            let short = genesis.shrink(schedule, 20);
            panic!("{}\nagain with: {}", failure.lie, short.command());
        }
    }
}

#[test]
fn no_schedule_of_faults_makes_anybody_lose_money() {
    run_from(1);
}

#[test]
fn nor_does_another_dozen() {
    run_from(1_001);
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
        if let Err(failure) = genesis.tell(&[moment], true) {
            panic!("death at moment {moment}: {}\n{}", failure.lie, failure.diary.join("\n"));
        }
    }
}

#[test]
#[ignore = "soak: thousands of schedules"]
fn thousands_of_schedules_make_nobody_lose_money() {
    (0..250).for_each(|dozen| run_from(100_000 + dozen * SCHEDULES));
}

#[test]
#[ignore = "soak: every pair of moments"]
fn two_deaths_at_any_two_moments_do_no_harm() {
    let genesis = Genesis::empty().expect("keys can be made");
    let whole = genesis.tell(&[], false).expect("a calm story").moments;
    for first in 1..=whole {
        // The second may come while the first is being mended, which is when there are new moments.
        for second in first + 1..=whole + 20 {
            if let Err(failure) = genesis.tell(&[first, second], false) {
                panic!("deaths at moments {first} and {second}: {}", failure.lie);
            }
        }
    }
}
