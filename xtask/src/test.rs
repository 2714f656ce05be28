//! `cargo xtask test`: every check, one step after the other; the first that fails ends the run and is named.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

use crate::{
    build,
    fuzz::{self, Effort},
    house::{House, Target},
    run::{run, run_and_pick, say},
    tools::{self, WASM_TARGET},
};

/// What of `cargo xtask test` to run.
#[derive(Args)]
pub struct Options {
    /// Run this step alone; may be given several times. `browser`, `extension` and `types` check what `build` has built before.
    #[arg(long, value_name = "STEP")]
    only: Vec<Step>,
}

/// The steps, in the order in which they run: what is quick and often wrong first.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Step {
    /// rustfmt.
    Format,
    /// clippy, warnings denied, natively and for the browser.
    Clippy,
    /// `cargo xtask build`, and the payment server.
    Build,
    /// All native tests but those that drive a browser.
    Unit,
    /// The examples in the documentation.
    Examples,
    /// Half a minute of fuzzing for each thing that reads what others wrote, every day from the same random numbers.
    Fuzz,
    /// The tests that run as wasm inside a browser.
    Wasm,
    /// The tests that drive Chromium with the built extension.
    Browser,
    /// web-ext's lint of the built extension.
    Extension,
    /// The worker's wasm, built once more in another folder: byte for byte what `build` has built.
    Reproducible,
    /// The types in the scripts that carry `// @ts-check`.
    Types,
    /// Licences, sources and known faults of the dependencies.
    Deny,
    /// The documentation, warnings denied.
    Doc,
}

/// The members of the workspace that are compiled for the browser.
const BROWSER_PACKAGES: [&str; 5] = ["protocol", "wallet-messages", "wallet-wasm", "wallet-ui", "merchant-widget"];

/// Those of package `tests` that drive a browser, in nextest's filter language.
const BROWSER_TESTS: &str = "package(tests) & binary(/^browser/)";

/// Folders of scripts that no build changes, and of what is compiled against them.
const TYPED: &[&str] = &["merchant-widget/js", "www/shop", "tests/types"];

/// Longest wait for one file of tests in a browser: unoptimised, with every bit of a sealed message flipped in turn.
const WASM_PATIENCE_SECS: &str = "300";

/// Runs the steps.
///
/// # Errors
///
/// If a step fails; the error names it.
pub fn test(house: &House, options: &Options) -> Result<()> {
    let chosen = |step: &&Step| options.only.is_empty() || options.only.contains(step);
    let mut report = Vec::new();
    for &step in Step::value_variants().iter().filter(chosen) {
        let name = step.name();
        say(&format!("step {name}"));
        let start = Instant::now();
        let lines =
            step.run(house).with_context(|| format!("step {name} failed (again: cargo xtask test --only {name})"))?;
        report.push((name, start.elapsed(), lines));
    }
    print(&report);
    Ok(())
}

/// Says what was done, and last of all what the test runner counted.
fn print(report: &[(String, Duration, Vec<String>)]) {
    say("all steps passed");
    for (name, time, _) in report {
        println!("{:>8.1} s  {name}", time.as_secs_f64());
    }
    for line in report.iter().flat_map(|(_, _, lines)| lines) {
        println!("{line}");
    }
}

impl Step {
    fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Runs one step; gives the lines that are worth repeating at the end.
    fn run(self, house: &House) -> Result<Vec<String>> {
        match self {
            Self::Format => run(&mut house.cargo(&["fmt", "--all", "--check"]))?,
            Self::Clippy => clippy(house)?,
            Self::Build => built(house)?,
            Self::Unit => return nextest(house, &["-E", &format!("not ({BROWSER_TESTS})")]),
            Self::Examples => run(&mut house.cargo(&["test", "--workspace", "--doc", "--locked"]))?,
            Self::Fuzz => return fuzz::fuzz(house, Effort::Daily),
            Self::Wasm => wasm(house)?,
            Self::Browser => return browser(house),
            Self::Extension => extension(house)?,
            Self::Reproducible => build::rebuild_elsewhere(house)?,
            Self::Types => types(house)?,
            Self::Deny => return deny(house),
            Self::Doc => doc(house)?,
        }
        Ok(Vec::new())
    }
}

fn clippy(house: &House) -> Result<()> {
    const DENY: [&str; 3] = ["--", "-D", "warnings"];
    run(house.cargo(&["clippy", "--workspace", "--all-targets", "--locked"]).args(DENY))?;
    tools::wasm_target(house)?;
    let mut browser = house.cargo(&["clippy", "--locked", "--target", WASM_TARGET]);
    run(browser.args(BROWSER_PACKAGES.iter().flat_map(|package| ["--package", package])).args(DENY))
}

fn built(house: &House) -> Result<()> {
    build::build(house)?;
    // The browser tests start the payment server as a program. The whole workspace is named, so that the dependencies
    // have the same features, and are compiled once, for this and the tests.
    run(&mut house.cargo(&["build", "--workspace", "--bins", "--locked"]))
}

/// Runs the native tests that `filter` picks; gives nextest's closing line, and those of tests that passed only when they
/// were run again.
///
/// # Errors
///
/// If a test fails.
pub fn nextest(house: &House, filter: &[&str]) -> Result<Vec<String>> {
    tools::nextest(house)?;
    tools::postgresql(house)?;
    let scratch = tempfile::tempdir()?;
    // PostgreSQL refuses to be run by root; whoever runs it then has to get to its folder in here.
    fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o711))?;
    let mut command = house.cargo(&["nextest", "run", "--workspace", "--locked", "--no-fail-fast"]);
    // An error of a test says where it was; frames of its runtime would only push that out of a short log.
    command.args(filter).env("TMPDIR", scratch.path()).env("RUST_LIB_BACKTRACE", "0");
    if let Some(driver) = house.find("chromedriver") {
        command.env("CHROMEDRIVER", driver);
    }
    let is_result = |line: &str| ["Summary [", "FLAKY"].iter().any(|start| line.trim_start().starts_with(start));
    let (passed, lines) = run_and_pick(&mut command, is_result)?;
    if !passed {
        bail!("cargo nextest: {}", lines.first().map_or("the tests did not run", String::as_str));
    }
    Ok(lines)
}

fn browser(house: &House) -> Result<Vec<String>> {
    tools::chromium(house)?;
    tools::npm_folder(house)?;
    let has_flask = tools::flask(house);
    let mut lines = nextest(house, &["-E", BROWSER_TESTS])?;
    if !has_flask {
        lines.push("the shop in Flask of docs/merchant.md: NOT RUN, this machine has no Python with Flask".to_owned());
    }
    Ok(lines)
}

/// Runs every integration test that says where in a browser it runs.
fn wasm(house: &House) -> Result<()> {
    tools::wasm_target(house)?;
    tools::wasm_pack(house)?;
    let driver = tools::chromium(house)?.driver;
    for package in BROWSER_PACKAGES {
        let of_this = house.targets_of_kind("test").filter(|test| test.package == package);
        let tests: Vec<&str> = of_this.filter(runs_in_browser).map(|test| test.name).collect();
        if !tests.is_empty() {
            wasm_pack(house, package, &tests, &driver)?;
        }
    }
    Ok(())
}

fn runs_in_browser(test: &Target) -> bool {
    fs::read_to_string(test.source).is_ok_and(|text| text.contains("wasm_bindgen_test_configure!"))
}

fn wasm_pack(house: &House, package: &str, tests: &[&str], driver: &Path) -> Result<()> {
    say(&format!("{package}: wasm-pack test --headless: {}", tests.join(", ")));
    // Each session leaves 22 MB in its temporary folder.
    let scratch = tempfile::tempdir()?;
    let mut command = house.command("wasm-pack");
    command.args(["test", "--mode", "no-install", "--headless", "--chrome", "--chromedriver"]).arg(driver);
    command.arg(package).arg("--locked").args(tests.iter().flat_map(|test| ["--test", test]));
    command.env("TMPDIR", scratch.path()).env("WASM_BINDGEN_TEST_TIMEOUT", WASM_PATIENCE_SECS);
    run(&mut command)
}

fn extension(house: &House) -> Result<()> {
    let npm = tools::npm_folder(house)?;
    let mut node = house.command("node");
    node.arg(npm.join("node_modules/web-ext/bin/web-ext.js")).args(["lint", "--no-config-discovery", "--source-dir"]);
    run(node.arg(house.target(build::EXTENSION)))
}

/// The scripts as they are written, and a shop in TypeScript that uses the widget's types.
fn types(house: &House) -> Result<()> {
    let npm = tools::npm_folder(house)?;
    build::gather(house, TYPED, "types")?;
    let mut node = house.command("node");
    run(node.arg(npm.join("node_modules/typescript/bin/tsc")).arg("--project").arg(npm.join("tsconfig.json")))
}

fn deny(house: &House) -> Result<Vec<String>> {
    tools::cargo_deny(house)?;
    run(&mut house.cargo(&["deny", "--locked", "check", "--hide-inclusion-graph", "bans", "licenses", "sources"]))?;
    if run(&mut house.cargo(&["deny", "--locked", "fetch", "db"])).is_err() {
        let note = "advisories: NOT CHECKED, their database cannot be fetched from this machine";
        return Ok(vec![note.to_owned()]);
    }
    run(&mut house.cargo(&["deny", "--locked", "check", "--disable-fetch", "advisories"]))?;
    Ok(Vec::new())
}

fn doc(house: &House) -> Result<()> {
    let mut command = house.cargo(&["doc", "--workspace", "--no-deps", "--locked"]);
    run(command.env("RUSTDOCFLAGS", "-D warnings"))
}
