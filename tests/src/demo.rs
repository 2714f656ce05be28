//! Server, till and shop as one process of their own: `server-stub demo` on free ports.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result};

use crate::browser;

/// The running demo; dropping it ends it.
pub struct Demo {
    child: Child,
    /// Base URL of the payment server.
    pub server: String,
    /// Base URL of the till.
    pub till: String,
    /// The shop's origin.
    pub shop: String,
    /// The password of the till's dashboard.
    pub password: String,
}

impl Demo {
    /// Starts the demo over the data in `folder`.
    ///
    /// # Errors
    /// It is not built, or does not start.
    pub fn start(folder: &Path) -> Result<Self> {
        Self::start_with(folder, &browser::shop()?)
    }

    /// Starts the demo with a shop that serves the files of another folder beside its pages.
    ///
    /// # Errors
    /// It is not built, or does not start.
    pub fn start_with(folder: &Path, assets: &Path) -> Result<Self> {
        let mut command = Command::new(browser::server_stub()?);
        command.args(["demo", "--server-port", "0", "--till-port", "0", "--shop-port", "0"]);
        command.arg("--shop-dir").arg(assets).arg("--data-dir").arg(folder);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("server-stub demo")?;
        let mut lines = BufReader::new(child.stdout.take().context("the pipe was asked for")?);
        // Made before anything can fail, so that the child ends in any case.
        let mut demo =
            Self { child, server: String::new(), till: String::new(), shop: String::new(), password: String::new() };
        demo.password = after(&mut lines, "dashboard password: ")?;
        demo.server = announced(&mut lines, "server")?;
        demo.till = announced(&mut lines, "till")?;
        demo.shop = announced(&mut lines, "shop")?;
        Ok(demo)
    }
}

/// Reads on until `NAME listening on URL`; without a name, until `listening on URL`.
///
/// # Errors
/// The program ended before.
pub fn announced(lines: &mut BufReader<ChildStdout>, name: &str) -> Result<String> {
    after(lines, format!("{name} listening on ").trim_start())
}

/// Reads on until a line with this beginning; yields the rest of it.
fn after(lines: &mut BufReader<ChildStdout>, start: &str) -> Result<String> {
    let mut line = String::new();
    while lines.read_line(&mut line)? > 0 {
        if let Some(rest) = line.trim_end().strip_prefix(start) {
            return Ok(rest.to_owned());
        }
        line.clear();
    }
    anyhow::bail!("the program ended before it said {start:?}")
}

impl Drop for Demo {
    fn drop(&mut self) {
        // Both fail only if it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
