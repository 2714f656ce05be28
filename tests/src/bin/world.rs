//! Runs schedules of the simulated world: `world --count 1000`, or one of them again as a failing test printed it.

use std::time::Instant;

use anyhow::Result;
use clap::Parser;
use tests::world::fate::Weather;
use tests::world::{Genesis, Schedule};

/// A simulated world that tries to break the product.
#[derive(Parser)]
struct Arguments {
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many seeds.
    #[arg(long, default_value_t = 1)]
    count: u64,
    /// How long things go wrong, milliseconds; the seed decides if nothing is said.
    #[arg(long)]
    busy: Option<i64>,
    /// Nothing goes wrong but the deaths that are ordered.
    #[arg(long)]
    calm: bool,
    /// Faults that stay away.
    #[arg(long)]
    without: Vec<String>,
    /// Moments at which the party concerned dies.
    #[arg(long)]
    death: Vec<u64>,
    /// Prints what happened.
    #[arg(long)]
    diary: bool,
}

impl Arguments {
    fn schedule(&self, seed: u64) -> Schedule {
        let mut schedule = Schedule::of_seed(seed);
        if self.calm {
            schedule.weather = Weather::CALM;
        }
        for name in &self.without {
            let without = schedule.weather.without_each();
            if let Some((_, weather)) = without.into_iter().find(|(other, _)| other == name) {
                schedule.weather = weather;
            }
        }
        schedule.fees &= !self.calm && !self.without.iter().any(|name| name == "fees");
        schedule.busy_millis = self.busy.unwrap_or(schedule.busy_millis);
        schedule.deaths = self.death.iter().copied().collect();
        schedule
    }
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let begun = Instant::now();
    let genesis = Genesis::settled()?;
    println!("everybody has moved in after {:.1} s", begun.elapsed().as_secs_f64());
    let begun = Instant::now();
    let (mut moments, mut payments) = (0, 0);
    for seed in arguments.seed..arguments.seed + arguments.count {
        let schedule = arguments.schedule(seed);
        match genesis.run(&schedule, arguments.diary || arguments.count == 1) {
            Ok(report) => {
                moments += report.moments;
                payments += report.payments;
                if arguments.diary {
                    println!("{}", tests::world::fate::diary().join("\n"));
                }
                if arguments.count == 1 {
                    println!("{report:#?}");
                }
            }
            Err(failure) => {
                if arguments.diary || arguments.count == 1 {
                    println!("{}", failure.diary.join("\n"));
                }
                println!("seed {seed}: {}", failure.lie);
                let short = genesis.shrink(schedule, 60);
                println!("again with: {}", short.command());
                std::process::exit(1);
            }
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    println!("{} runs, {moments} moments, {payments} payments in {seconds:.1} s", arguments.count);
    Ok(())
}
