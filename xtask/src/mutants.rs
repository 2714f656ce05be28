//! Mutation testing: cargo-mutants changes our code in one place at a time, and a test has to notice.
//!
//! `tests/mutants.md` explains every change that no test notices. Where money is counted there may be no other; elsewhere
//! a few of a hundred.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::{Context, Result, bail};

use crate::{
    house::House,
    run::{run, say},
    tools,
};

/// Files whose mutants are tried together, with the same tests.
struct Pass {
    name: &'static str,
    package: &'static str,
    /// Another package whose tests notice too.
    also: Option<&'static str>,
    /// Globs of files.
    files: &'static [&'static str],
    /// What is left out of them, because another pass has it.
    without: &'static [&'static str],
    /// Which of the packages' tests notice: those that take seconds, since they run for every mutant.
    tests: &'static [&'static str],
    /// How many of 100 may go unnoticed beside those that are explained.
    percent: usize,
}

/// Where every mutant has to be noticed or explained.
const STRICT: [&str; 2] = ["strict-protocol", "strict-books"];
const MONEY: [&str; 3] = ["protocol/src/money.rs", "protocol/src/envelope.rs", "protocol/src/template.rs"];
const BOOKS: [&str; 5] = [
    "server-stub/src/store/account.rs",
    "server-stub/src/store/chain.rs",
    "server-stub/src/store/memory/table.rs",
    "server-stub/src/store/plan.rs",
    "server-stub/src/store/record.rs",
];

const PASSES: [Pass; 6] = [
    Pass {
        name: STRICT[0],
        package: "protocol",
        also: None,
        files: &MONEY,
        without: &[],
        tests: &["--lib"],
        percent: 0,
    },
    Pass {
        name: STRICT[1],
        package: "server-stub",
        also: None,
        files: &BOOKS,
        without: &[],
        tests: &["--lib", "--test=store", "--test=payments", "--test=accounts", "--test=audit"],
        percent: 0,
    },
    Pass {
        name: "protocol",
        package: "protocol",
        // Its stores are tested there, by the suite that every store passes.
        also: Some("wallet-wasm"),
        files: &["protocol/src/**/*.rs"],
        without: &["protocol/src/{money,envelope,template}.rs", "protocol/src/store/conformance.rs"],
        tests: &["--lib", "--test=vectors", "--test=injective", "--test=offers", "--test=published", "--test=store"],
        percent: 5,
    },
    Pass {
        name: "server",
        package: "server-stub",
        also: None,
        files: &["server-stub/src/server/**/*.rs"],
        without: &[],
        tests: &[
            "--lib",
            "--test=sample",
            "--test=vectors",
            "--test=exchange",
            "--test=accounts",
            "--test=challenges",
            "--test=payments",
            "--test=fees",
            "--test=refunds",
            "--test=modification",
            "--test=http",
            "--test=doors",
            "--test=clock",
            "--test=admin_settings",
            "--test=restore",
            "--test=races",
        ],
        percent: 5,
    },
    Pass {
        name: "wallet",
        package: "wallet-wasm",
        also: None,
        files: &["wallet-wasm/src/wallet/*.rs", "wallet-wasm/src/record/*.rs"],
        without: &[],
        tests: &["--lib", "--tests"],
        percent: 5,
    },
    Pass {
        name: "till",
        package: "merchant-widget",
        also: None,
        files: &["merchant-widget/src/till/*.rs"],
        without: &[],
        tests: &["--lib", "--tests"],
        percent: 5,
    },
];

/// Runs all passes, or those that are named.
///
/// # Errors
///
/// If more mutants live than may.
pub fn mutants(house: &House, names: &[String]) -> Result<Vec<String>> {
    tools::cargo_mutants(house)?;
    tools::nextest(house)?;
    let explained = fs::read_to_string(house.source("tests/mutants.md")).context("tests/mutants.md")?;
    let chosen = |pass: &&Pass| names.is_empty() || names.iter().any(|name| name == pass.name);
    let mut lines = Vec::new();
    for pass in PASSES.iter().filter(chosen) {
        lines.push(pass.run(house, &explained)?);
    }
    Ok(lines)
}

impl Pass {
    fn run(&self, house: &House, explained: &str) -> Result<String> {
        let folder = house.target("mutants").join(self.name);
        fs::create_dir_all(&folder)?;
        say(&format!("mutants of {} (hours)", self.name));
        let mut command = house.cargo(&["mutants", "--no-shuffle", "--package", self.package, "--output"]);
        command.arg(&folder);
        command.args(self.files.iter().flat_map(|file| ["--file", file]));
        command.args(self.without.iter().flat_map(|file| ["--exclude", file]));
        if let Some(also) = self.also {
            command.args(["--test-package", self.package, "--test-package", also]);
        }
        command.args(self.tests.iter().map(|test| format!("--cargo-arg={test}")));
        // A survivor is no failure of the tool: what it may be is judged here.
        let ended = run(&mut command);
        let found = folder.join("mutants.out");
        let count =
            |name: &str| Ok::<_, anyhow::Error>(names(&found.join(name)).with_context(|| name.to_owned())?.len());
        let (caught, timeout) = (count("caught.txt")?, count("timeout.txt")?);
        let missed = names(&found.join("missed.txt"))?;
        let all = caught + timeout + missed.len();
        if all == 0 {
            ended?;
        }
        let unexplained: BTreeSet<&String> = missed.iter().filter(|name| !explained.contains(name.as_str())).collect();
        if unexplained.len() * 100 > all * self.percent {
            bail!("mutants of {} live, and tests/mutants.md does not say why: {unexplained:#?}", self.name);
        }
        let (explained, left) = (missed.len() - unexplained.len(), unexplained.len());
        Ok(format!("mutants {}: {all} tried, {explained} live and are explained, {left} others live", self.name))
    }
}

/// The mutants of a list, without line and column, which change with every edit.
fn names(list: &Path) -> Result<Vec<String>> {
    let text = fs::read_to_string(list)?;
    let name = |line: &str| {
        let mut parts = line.splitn(4, ':');
        let (file, what) = (parts.next()?, parts.nth(2)?);
        Some(format!("{file}:{what}"))
    };
    Ok(text.lines().filter_map(name).collect())
}
