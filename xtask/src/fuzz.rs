//! Fuzzing: builds the targets of `tests/fuzz` with coverage, and has libFuzzer look for what breaks them.
//!
//! The pinned stable toolchain builds them: the pass that counts coverage is LLVM's and needs no nightly compiler, nor
//! `cargo-fuzz`. Only our own crates are counted in (`RUSTC_WORKSPACE_WRAPPER`), so that dependencies are those that the
//! tests have compiled already, and coverage leads to our own code. No sanitizer: our code has no `unsafe`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::{
    house::House,
    run::{output, run, say},
    tools,
};

/// The environment variable that has this program be rustc, see [`be_rustc`].
const WRAPPER: &str = "PAY_CASH_COVERAGE";
/// What rustc needs to count coverage as libFuzzer reads it.
const COVERAGE: [&str; 5] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];
/// Where corpus, dictionary and findings lie, below `target/`.
const FOLDER: &str = "fuzz";
/// An input that takes longer is a finding, seconds: a schedule of the simulator takes the longest, on a busy machine.
const PATIENCE_SECS: u32 = 60;
/// More memory than this is a finding, megabytes.
const MEMORY_MB: u32 = 2_048;
/// No message is longer that a reader has to think about.
const LONGEST_INPUT: u32 = 16_384;

/// Whether cargo called this program in rustc's place: then it is rustc, and coverage is counted in what it compiles.
pub fn be_rustc() -> Option<Result<()>> {
    std::env::var_os(WRAPPER)?;
    let mut arguments = std::env::args_os().skip(1);
    let rustc = arguments.next()?;
    let arguments: Vec<_> = arguments.collect();
    // A build script has nobody to tell what it covered; a question to the compiler is none of ours.
    let ours = arguments.windows(2).any(|pair| pair[0] == "--crate-name" && pair[1] != "build_script_build");
    let coverage = if ours { COVERAGE.as_slice() } else { &[] };
    let status = Command::new(rustc).args(arguments).args(coverage).status();
    Some(status.context("rustc").and_then(|status| if status.success() { Ok(()) } else { bail!("rustc: {status}") }))
}

/// Fuzzes every target for `seconds`, two of them at a time; gives a line for each that says how often it ran.
///
/// # Errors
///
/// If a target breaks; the error names the input that broke it.
pub fn fuzz(house: &House, seconds: u32) -> Result<Vec<String>> {
    tools::cplusplus(house)?;
    let (program, targets) = build(house)?;
    let mut waiting = targets.iter();
    let mut running: Vec<Run> = Vec::new();
    let mut lines = Vec::new();
    loop {
        while running.len() < 2
            && let Some(target) = waiting.next()
        {
            say(&format!("fuzz {target} for {seconds} s"));
            running.push(Run::start(house, &program, target, seconds)?);
        }
        if running.is_empty() {
            return Ok(lines);
        }
        std::thread::sleep(Duration::from_millis(200));
        let ended = running.extract_if(.., |run| !matches!(run.child.try_wait(), Ok(None)));
        for run in ended.collect::<Vec<_>>() {
            lines.push(run.end()?);
        }
    }
}

/// Builds the program and what it begins with; gives the program and the names of its targets.
fn build(house: &House) -> Result<(PathBuf, Vec<String>)> {
    // All members are named, so that the dependencies have the features that they have for the tests.
    let mut seeds = house.cargo(&["build", "--workspace", "--bin", "fuzz-seeds", "--locked"]);
    run(&mut seeds)?;
    let names = output(house.command(house.target("debug/fuzz-seeds")).arg(house.target(FOLDER)))?;
    say("building the fuzz targets with coverage");
    let mut command =
        house.cargo(&["build", "--workspace", "--bin", "fuzz", "--features", "fuzz/libfuzzer", "--locked"]);
    // What the targets spend their time in is our own; everything else is there already, as the tests have compiled it.
    command.args(house.members().map(|package| format!("--config=profile.dev.package.{package}.opt-level=2")));
    command.env("RUSTC_WORKSPACE_WRAPPER", std::env::current_exe()?).env(WRAPPER, "1");
    run(&mut command)?;
    Ok((house.target("debug/fuzz"), names.lines().map(str::to_owned).collect()))
}

/// A target that is being fuzzed.
struct Run {
    target: String,
    child: Child,
    log: PathBuf,
    began: Instant,
}

impl Run {
    fn start(house: &House, program: &Path, target: &str, seconds: u32) -> Result<Self> {
        let folder = house.target(FOLDER);
        let (corpus, found) = (folder.join(target), folder.join("found").join(target));
        fs::create_dir_all(&found)?;
        let log = folder.join(format!("{target}.log"));
        let mut command = house.command(program);
        command.arg(&corpus).arg(format!("-max_total_time={seconds}")).arg(format!("-timeout={PATIENCE_SECS}"));
        command.arg(format!("-rss_limit_mb={MEMORY_MB}")).arg(format!("-max_len={LONGEST_INPUT}"));
        command.arg(format!("-dict={}", folder.join("dictionary").display())).arg("-print_final_stats=1");
        command.arg(format!("-artifact_prefix={}/", found.display())).arg("-verbosity=1");
        command.env("PAY_CASH_FUZZ_TARGET", target).stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.stderr(fs::File::create(&log)?).spawn().context("the fuzz targets do not start")?;
        Ok(Self { target: target.to_owned(), child, log, began: Instant::now() })
    }

    /// What came of it.
    fn end(mut self) -> Result<String> {
        let ended = self.child.wait()?;
        let Self { target, log, began, .. } = &self;
        let text = String::from_utf8_lossy(&fs::read(log)?).into_owned();
        if !ended.success() {
            let last: Vec<&str> = text.lines().rev().take(30).collect();
            let last: Vec<&str> = last.into_iter().rev().collect();
            bail!("fuzz target {target} broke (all of it: {}):\n{}", log.display(), last.join("\n"));
        }
        let executions = text.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
        let executions = executions.context("libFuzzer did not say how often it ran")?.trim();
        Ok(format!("fuzz {target}: {executions} executions in {:.0} s", began.elapsed().as_secs_f64()))
    }
}
