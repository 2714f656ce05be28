//! `cargo xtask soak`: the tests that take too long for every day (those marked `#[ignore]`).

use anyhow::Result;
use clap::Args;

use crate::{build, house::House, run::say, test, tools};

/// What of `cargo xtask soak` to run.
#[derive(Args)]
pub struct Options {
    /// Only tests whose names hold one of these words.
    names: Vec<String>,
}

/// Runs the long tests.
///
/// # Errors
///
/// If one fails.
pub fn soak(house: &House, options: &Options) -> Result<()> {
    tools::chromium(house)?;
    build::build(house)?;
    let mut filter = vec!["--profile", "soak", "--run-ignored", "only", "--no-tests", "pass"];
    filter.extend(options.names.iter().map(String::as_str));
    let lines = test::nextest(house, &filter)?;
    say("the long tests passed");
    println!("{}", lines.join("\n"));
    Ok(())
}
