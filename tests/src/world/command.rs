//! A run of the world as a line that a person types: what a failing run prints, and the program `world` reads.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};
use std::str::FromStr;

use clap::Parser;

use super::fate::Weather;
use super::run::Schedule;

/// A simulated world that tries to break the product.
#[derive(Debug, Parser)]
pub struct Command {
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// How many seeds.
    #[arg(long, default_value_t = 1)]
    pub count: u64,
    /// How long things go wrong, milliseconds; the seed decides if nothing is said.
    #[arg(long)]
    busy: Option<i64>,
    /// What goes wrong, as `calm` or as `lost=300,death=15`; the seed decides if nothing is said.
    #[arg(long)]
    weather: Option<Weather>,
    /// Faults that stay away.
    #[arg(long)]
    without: Vec<String>,
    /// Whether the operator takes fees; the seed decides if nothing is said.
    #[arg(long)]
    fees: Option<bool>,
    /// Moments at which the party concerned dies.
    #[arg(long)]
    death: Vec<u64>,
    /// Every procedure once, in calm weather but for the deaths, instead of a seed.
    #[arg(long)]
    story: bool,
    /// With `--story`: every so many-th pair of deaths, from the one whose number is the seed.
    #[arg(long)]
    pairs: Option<usize>,
    /// Prints what happened.
    #[arg(long)]
    pub diary: bool,
}

impl Command {
    /// The deaths of a story, if that is what is asked for.
    pub fn story(&self) -> Option<&[u64]> {
        self.story.then_some(&self.death)
    }

    /// The pairs of deaths that are to be told, of a story with so many moments; nothing if pairs are not asked for.
    pub fn pairs(&self, moments: u64) -> Option<impl Iterator<Item = [u64; 2]>> {
        let skipped = usize::try_from(self.seed).unwrap_or(usize::MAX);
        Some(pairs(moments).skip(skipped).step_by(self.pairs?.max(1)))
    }

    /// What is to be run of a seed.
    pub fn schedule(&self, seed: u64) -> Schedule {
        let mut schedule = Schedule::of_seed(seed);
        schedule.weather = self.weather.unwrap_or(schedule.weather);
        for name in &self.without {
            schedule.weather.calm(name);
        }
        schedule.fees = self.fees.unwrap_or(schedule.fees);
        schedule.busy_millis = self.busy.unwrap_or(schedule.busy_millis);
        schedule.deaths = self.death.iter().copied().collect();
        schedule
    }
}

/// The word for a weather in which nothing goes wrong.
const CALM: &str = "calm";
/// What runs the program.
const PROGRAM: &str = "cargo run -q -p tests --bin world --";

impl Schedule {
    /// The command that runs it again.
    pub fn command(&self) -> String {
        let of_seed = Self::of_seed(self.seed);
        let mut line = format!("{PROGRAM} --seed {} --busy {}", self.seed, self.busy_millis);
        if self.weather != of_seed.weather {
            let _ = write!(line, " --weather {}", self.weather);
        }
        if self.fees != of_seed.fees {
            let _ = write!(line, " --fees {}", self.fees);
        }
        line + deaths(&self.deaths).as_str()
    }
}

/// All pairs of moments of a story. The second may come while the first is being mended, which is when there are new moments.
pub fn pairs(moments: u64) -> impl Iterator<Item = [u64; 2]> {
    (1..=moments).flat_map(move |first| (first + 1..=moments + 20).map(move |second| [first, second]))
}

/// The command that tells the story of every procedure with these deaths.
pub fn story(moments: &[u64]) -> String {
    format!("{PROGRAM} --story{}", deaths(&moments.iter().copied().collect()))
}

fn deaths(moments: &BTreeSet<u64>) -> String {
    moments.iter().fold(String::new(), |line, moment| line + " --death " + moment.to_string().as_str())
}

impl fmt::Display for Weather {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut own, mut calm) = (*self, Self::CALM);
        let own = own.faults().into_iter().zip(calm.faults());
        let bad: Vec<_> = own.filter(|((_, own), (_, calm))| own != calm).collect();
        let words: Vec<_> = bad.iter().map(|((name, chance), _)| format!("{name}={chance}")).collect();
        f.write_str(if words.is_empty() { CALM.to_owned() } else { words.join(",") }.as_str())
    }
}

impl FromStr for Weather {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut weather = Self::CALM;
        for word in text.split(',').filter(|word| *word != CALM) {
            let (name, chance) = word.split_once('=').ok_or_else(|| format!("{word} is not of the form lost=300"))?;
            let mut faults = weather.faults().into_iter();
            let (_, fault) = faults.find(|(other, _)| *other == name).ok_or_else(|| format!("no fault is {name}"))?;
            *fault = chance.parse().map_err(|_| format!("{chance} is not a number"))?;
        }
        Ok(weather)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a line that was printed runs.
    fn read(line: &str) -> Schedule {
        let words = line.strip_prefix("cargo run -q -p tests --bin ").expect("a command").split_whitespace();
        let command = Command::try_parse_from(words.filter(|word| *word != "--")).expect("words that it knows");
        command.schedule(command.seed)
    }

    #[test]
    fn the_line_that_a_failing_run_prints_runs_it_again() {
        for seed in 0..200 {
            let whole = Schedule::of_seed(seed);
            let milder =
                whole.weather.without_each().into_iter().map(|(_, weather)| Schedule { weather, ..whole.clone() });
            let deaths = Schedule { deaths: [7, 70].into(), fees: !whole.fees, busy_millis: 5, ..whole.clone() };
            let restores = Schedule::of_restores(seed, 40_000, [3]);
            for schedule in milder.chain([whole.clone(), deaths, restores]) {
                assert_eq!(read(&schedule.command()), schedule, "{}", schedule.command());
            }
        }
    }

    #[test]
    fn weathers_are_told_as_they_are_read() {
        assert_eq!("calm".parse(), Ok(Weather::CALM));
        assert_eq!(Weather::CALM.to_string(), "calm");
        assert_eq!("lost=300,delay=70".parse(), Ok(Weather { lost: 300, delay_millis: 70, ..Weather::CALM }));
        assert!("lost".parse::<Weather>().is_err() && "rain=3".parse::<Weather>().is_err());
    }
}
