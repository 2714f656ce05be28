//! Fuzzing: builds the targets of `tests/fuzz` with coverage, and has libFuzzer look for what breaks them.
//!
//! The pinned stable toolchain builds them: the pass that counts coverage is LLVM's and needs no nightly compiler, nor
//! `cargo-fuzz`. Only our own crates are counted in (`RUSTC_WORKSPACE_WRAPPER`), so that dependencies are those that the
//! tests have compiled already, and coverage leads to our own code. No sanitizer: our code has no `unsafe`.
//!
//! Every day looks at the same inputs ([`Effort::Daily`]), so that a change is judged by what it changes and not by the
//! luck of the draw; `cargo xtask soak fuzz` looks for new ones, and what it finds becomes a test by name.

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
/// Where seeds, corpus, dictionary and findings lie, below `target/`.
const FOLDER: &str = "fuzz";
/// What libFuzzer's random numbers begin with every day.
const DAILY_SEED: u32 = 1995;
/// The longest that a target runs every day, seconds; on a slow machine it does not get as far.
const DAILY_SECS: u32 = 30;
/// An input that takes longer is a finding, seconds: a schedule of the simulator takes a second, on a busy machine ten.
const PATIENCE_SECS: u32 = 240;
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

/// How far to look.
#[derive(Clone, Copy)]
pub enum Effort {
    /// From the seeds alone, with the same random numbers, as many runs as the target names, within half a minute.
    Daily,
    /// With new random numbers, from all that was ever found worth keeping, for so many seconds.
    Seconds(u32),
}

/// Fuzzes every target, two of them at a time; gives a line for each that says how often it ran.
///
/// # Errors
///
/// If a target breaks; the error names the input that broke it.
pub fn fuzz(house: &House, effort: Effort) -> Result<Vec<String>> {
    tools::cplusplus(house)?;
    let (program, targets) = build(house)?;
    let mut waiting = targets.iter();
    let mut running: Vec<Run> = Vec::new();
    let mut lines = Vec::new();
    loop {
        while running.len() < 2
            && let Some(target) = waiting.next()
        {
            running.push(Run::start(house, &program, target, effort)?);
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

/// What can be fuzzed.
struct Target {
    name: String,
    /// How often it runs every day at most.
    daily_runs: u32,
}

impl Target {
    /// Reads a line of `fuzz-seeds`.
    fn of_line(line: &str) -> Result<Self> {
        let (name, runs) = line.split_once(' ').with_context(|| format!("fuzz-seeds says {line:?}"))?;
        Ok(Self {
            name: name.to_owned(),
            daily_runs: runs.parse().with_context(|| format!("fuzz-seeds says {line:?}"))?,
        })
    }
}

/// Builds the program and what it begins with; gives the program and its targets.
fn build(house: &House) -> Result<(PathBuf, Vec<Target>)> {
    // All members are named, so that the dependencies have the features that they have for the tests.
    let mut seeds = house.cargo(&["build", "--workspace", "--bin", "fuzz-seeds", "--locked"]);
    run(&mut seeds)?;
    let targets = output(house.command(house.target("debug/fuzz-seeds")).arg(house.target(FOLDER)))?;
    say("building the fuzz targets with coverage");
    let mut command =
        house.cargo(&["build", "--workspace", "--bin", "fuzz", "--features", "fuzz/libfuzzer", "--locked"]);
    // What the targets spend their time in is our own; everything else is there already, as the tests have compiled it.
    // More than 1 costs more minutes of building every day than it saves of running.
    command.args(house.members().map(|package| format!("--config=profile.dev.package.{package}.opt-level=1")));
    // Nobody edits and builds this again; what an incremental build keeps for that takes time.
    command.env("CARGO_INCREMENTAL", "0");
    // Named by its place: building the workspace has put another file there than the one that runs.
    command.env("RUSTC_WORKSPACE_WRAPPER", house.target("debug/xtask")).env(WRAPPER, "1");
    run(&mut command)?;
    Ok((house.target("debug/fuzz"), targets.lines().map(Target::of_line).collect::<Result<_>>()?))
}

/// A target that is being fuzzed.
struct Run {
    target: String,
    child: Child,
    log: PathBuf,
    began: Instant,
}

impl Run {
    fn start(house: &House, program: &Path, target: &Target, effort: Effort) -> Result<Self> {
        let (folder, name) = (house.target(FOLDER), &target.name);
        let found = folder.join("found").join(name);
        fs::create_dir_all(&found)?;
        let log = folder.join(format!("{name}.log"));
        let mut command = match effort {
            Effort::Daily => repeatable(house, program, target)?,
            Effort::Seconds(seconds) => explore(house, program, target, seconds)?,
        };
        command.arg(format!("-timeout={PATIENCE_SECS}")).arg(format!("-rss_limit_mb={MEMORY_MB}"));
        command.arg(format!("-max_len={LONGEST_INPUT}")).arg("-dict=dictionary").arg("-print_final_stats=1");
        command.arg(format!("-artifact_prefix={}/", found.display())).arg("-verbosity=1");
        command.env("PAY_CASH_FUZZ_TARGET", name).stdin(Stdio::null()).stdout(Stdio::null());
        // The folder is where names begin, since those of a list must not hold a comma.
        command.current_dir(&folder).stderr(fs::File::create(&log)?);
        let child = command.spawn().context("the fuzz targets do not start")?;
        Ok(Self { target: name.clone(), child, log, began: Instant::now() })
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

/// Every day the same: the seeds in the order of their names, nothing that another day has left, nothing that hangs on the
/// time, and every address in its place, since libFuzzer's choices follow from addresses too.
fn repeatable(house: &House, program: &Path, target: &Target) -> Result<Command> {
    let Target { name, daily_runs } = target;
    say(&format!("fuzz {name}: {daily_runs} runs, or {DAILY_SECS} s"));
    let (folder, seeds) = (house.target(FOLDER), Path::new("seeds").join(name));
    let mut names = Vec::new();
    for entry in fs::read_dir(folder.join(&seeds))? {
        names.push(seeds.join(entry?.file_name()).display().to_string());
    }
    names.sort();
    let list = seeds.with_extension("list");
    fs::write(folder.join(&list), names.join(","))?;
    let mut command = unmoved(house, program);
    command.arg(format!("-seed_inputs=@{}", list.display())).arg("-reload=0");
    command.arg(format!("-seed={DAILY_SEED}")).arg(format!("-runs={daily_runs}"));
    command.arg(format!("-max_total_time={DAILY_SECS}"));
    Ok(command)
}

/// The program, loaded at the same addresses each time, where the machine allows that.
fn unmoved(house: &House, program: &Path) -> Command {
    const SETARCH: [&str; 2] = ["setarch", "--addr-no-randomize"];
    let mut try_it = house.command(SETARCH[0]);
    if output(try_it.args([SETARCH[1], "true"])).is_err() {
        return house.command(program);
    }
    let mut command = house.command(SETARCH[0]);
    command.arg(SETARCH[1]).arg(program);
    command
}

/// With all that was found before; what is worth keeping goes to the first folder.
fn explore(house: &House, program: &Path, target: &Target, seconds: u32) -> Result<Command> {
    let name = &target.name;
    say(&format!("fuzz {name} for {seconds} s"));
    let corpus = Path::new("corpus").join(name);
    fs::create_dir_all(house.target(FOLDER).join(&corpus))?;
    let mut command = house.command(program);
    command.arg(corpus).arg(Path::new("seeds").join(name)).arg(format!("-max_total_time={seconds}"));
    Ok(command)
}
