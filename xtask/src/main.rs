//! `cargo xtask`: what must run before and around cargo. See `cargo xtask --help`.

mod bench;
mod build;
mod demo;
mod fuzz;
mod house;
mod mutants;
mod run;
mod soak;
mod test;
mod tools;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Builds, tests and shows Pay Cash.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install what is missing for all the other commands (each of them does its own share by itself).
    Setup,
    /// Build the browser's side: target/extension, target/pay-cash-extension.zip, target/widget and target/shop.
    Build,
    /// Start payment server, till and shop on loopback, and Chromium with the extension on the shop's page.
    Demo(demo::Options),
    /// Run every check: format, lints, tests, wasm tests, browser tests, dependencies, documentation.
    Test(test::Options),
    /// Print sizes and timings as ratios; nothing is asserted.
    Bench(bench::Options),
    /// Run the long tests that `test` leaves out.
    Soak(soak::Options),
}

fn main() -> ExitCode {
    match fuzz::be_rustc().unwrap_or_else(|| execute(Args::parse().command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn execute(command: Command) -> anyhow::Result<()> {
    let house = house::House::open()?;
    match command {
        Command::Setup => tools::install_all(&house),
        Command::Build => build::build(&house).map(drop),
        Command::Demo(options) => demo::demo(&house, &options),
        Command::Test(options) => test::test(&house, &options),
        Command::Bench(options) => bench::bench(&house, &options),
        Command::Soak(options) => soak::soak(&house, &options),
    }
}
