//! Runs schedules of the simulated world: `world --count 1000`, or one of them again as a failing test printed it.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::{Result, bail};
use clap::Parser as _;
use tests::world::command::{Command, story};
use tests::world::{Failure, Genesis, Report, Schedule, fate};

/// How many runs a shrinker tries.
const TRIES: usize = 60;

fn main() -> Result<()> {
    let command = Command::parse();
    if let Some(deaths) = command.story() {
        return tell(&command, deaths);
    }
    let begun = Instant::now();
    let genesis = Genesis::settled()?;
    println!("everybody has moved in after {:.1} s", begun.elapsed().as_secs_f64());
    let begun = Instant::now();
    let mut sums = Sums::default();
    for seed in command.seed..command.seed + command.count {
        let schedule = command.schedule(seed);
        let result = genesis.run(&schedule, command.diary || command.count == 1);
        if let Ok(report) = &result {
            sums.add(report);
        }
        show(&command, result, |failure| shrink(&genesis, schedule, failure));
    }
    sums.print(begun.elapsed().as_secs_f64());
    Ok(())
}

/// Tells the story of every procedure: once, or once for each pair of deaths that is asked for.
fn tell(command: &Command, deaths: &[u64]) -> Result<()> {
    let genesis = Genesis::empty()?;
    let whole = genesis.tell(&[], false).map_err(|failure| anyhow::Error::msg(failure.lie))?;
    let Some(pairs) = command.pairs(whole.moments) else {
        show(command, genesis.tell(deaths, true), |_| {});
        return Ok(());
    };
    let mut sums = Sums::default();
    let begun = Instant::now();
    for pair in pairs {
        match genesis.tell(&pair, false) {
            Ok(report) => sums.add(&report),
            Err(failure) => bail!("{}\nagain with: {}", failure.lie, story(&pair)),
        }
    }
    sums.print(begun.elapsed().as_secs_f64());
    Ok(())
}

/// Prints what a run came to, where one was asked for or one failed; the program then ends.
fn show(command: &Command, result: Result<Report, Failure>, failed: impl FnOnce(&Failure)) {
    let one = command.count == 1;
    match result {
        Ok(report) => {
            if command.diary {
                println!("{}", fate::diary().join("\n"));
            }
            if one {
                println!("{report:#?}");
            }
        }
        Err(failure) => {
            if command.diary || one {
                println!("{}", failure.diary.join("\n"));
            }
            println!("{}", failure.lie);
            failed(&failure);
            std::process::exit(1);
        }
    }
}

fn shrink(genesis: &Genesis, schedule: Schedule, failure: &Failure) {
    println!("seed {}: {}", schedule.seed, failure.lie);
    println!("again with: {}", genesis.shrink(schedule, TRIES).command());
}

/// What all runs came to together.
#[derive(Default)]
struct Sums {
    runs: u64,
    moments: u64,
    payments: usize,
    /// What went wrong and what was done, by name.
    counts: BTreeMap<&'static str, u64>,
}

impl Sums {
    fn add(&mut self, report: &Report) {
        self.runs += 1;
        self.moments += report.moments;
        self.payments += report.payments;
        report.counts.iter().for_each(|(name, count)| *self.counts.entry(name).or_default() += count);
    }

    fn print(&self, seconds: f64) {
        let Self { runs, moments, payments, counts } = self;
        println!("{runs} runs, {moments} moments, {payments} payments in {seconds:.1} s");
        for (name, count) in counts {
            println!("{count:>9} {name}");
        }
    }
}
