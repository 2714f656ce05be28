//! `cargo xtask soak`: the tests that take too long for every day (those marked `#[ignore]`), fuzzing for new inputs, and mutants.

use anyhow::Result;
use clap::Args;

use crate::{
    build,
    fuzz::{self, Effort},
    house::House,
    mutants,
    run::say,
    test, tools,
};

/// The word for fuzzing.
const FUZZ: &str = "fuzz";
/// The word for mutation testing; names of its passes may follow.
const MUTANTS: &str = "mutants";

/// What of `cargo xtask soak` to run.
#[derive(Args)]
pub struct Options {
    /// Only tests whose names hold one of these words; `fuzz` is fuzzing, `mutants` is mutation testing.
    names: Vec<String>,
    /// How long each fuzz target runs.
    #[arg(long, default_value_t = 600)]
    seconds: u32,
}

/// Runs the long tests.
///
/// # Errors
///
/// If one fails.
pub fn soak(house: &House, options: &Options) -> Result<()> {
    let mut lines = Vec::new();
    match options.names.first().map(String::as_str) {
        Some(FUZZ) => lines.extend(fuzz::fuzz(house, Effort::Seconds(options.seconds))?),
        Some(MUTANTS) => lines.extend(mutants::mutants(house, &options.names[1..])?),
        Some(_) => lines.extend(long_tests(house, &options.names)?),
        None => {
            lines.extend(long_tests(house, &[])?);
            lines.extend(fuzz::fuzz(house, Effort::Seconds(options.seconds))?);
            lines.extend(mutants::mutants(house, &[])?);
        }
    }
    say("the long tests passed");
    println!("{}", lines.join("\n"));
    Ok(())
}

fn long_tests(house: &House, names: &[String]) -> Result<Vec<String>> {
    tools::chromium(house)?;
    build::build(house)?;
    let mut filter = vec!["--profile", "soak", "--run-ignored", "only", "--no-tests", "pass"];
    filter.extend(names.iter().map(String::as_str));
    test::nextest(house, &filter)
}
