//! Running other programs: one line that says what is done, and an error that names what failed.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
    thread,
};

use anyhow::{Context, Result, bail};

/// Says on one line what is being done.
pub fn say(what: &str) {
    println!("==> {what}");
}

/// Runs `command` to its end, its output going where ours goes.
///
/// # Errors
///
/// If it cannot be started or does not succeed.
pub fn run(command: &mut Command) -> Result<()> {
    let name = name(command);
    let status = command.stdin(Stdio::null()).status().with_context(|| format!("cannot start {name}"))?;
    if !status.success() {
        bail!("{name}: {status}");
    }
    Ok(())
}

/// Runs `command` to its end and gives what it wrote to its standard output.
///
/// # Errors
///
/// If it cannot be started, does not succeed, or writes something that is not UTF-8.
pub fn output(command: &mut Command) -> Result<String> {
    let name = name(command);
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.with_context(|| format!("cannot start {name}"))?;
    if !output.status.success() {
        bail!("{name}: {}", output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("{name} wrote something else than text"))
}

/// Runs `command` to its end, its output going where ours goes, and gives the lines of its standard error for which
/// `wanted` holds.
///
/// # Errors
///
/// If it cannot be started; whether it succeeded is the first half of the answer.
pub fn run_and_pick(command: &mut Command, wanted: fn(&str) -> bool) -> Result<(bool, Vec<String>)> {
    let name = name(command);
    let child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut child = child.with_context(|| format!("cannot start {name}"))?;
    let stderr = child.stderr.take().context("the pipe was asked for")?;
    let reader = thread::spawn(move || pick(BufReader::new(stderr), wanted));
    let status = child.wait().with_context(|| format!("waiting for {name}"))?;
    let lines = reader.join().map_err(|_| anyhow::anyhow!("reading from {name} failed"))?;
    Ok((status.success(), lines))
}

fn pick(from: impl BufRead, wanted: fn(&str) -> bool) -> Vec<String> {
    let mut picked = Vec::new();
    for line in from.split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        // Losing the screen is no reason to stop the command that writes to it.
        let _ = writeln!(std::io::stderr(), "{line}");
        if wanted(&line) {
            picked.push(line.trim().to_owned());
        }
    }
    picked
}

/// The command as a person would name it: the program and its first arguments.
fn name(command: &Command) -> String {
    const ARGUMENTS: usize = 4;
    let program = std::path::Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args().take(ARGUMENTS));
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
