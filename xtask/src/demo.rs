//! `cargo xtask demo`: the whole of it on one machine, to look at and to click through.

use std::{
    env, fs,
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::{
    build,
    house::House,
    run::{run, say},
    tools,
};

/// How to show it.
#[derive(Args)]
pub struct Options {
    /// Open no window, as where there is no display: the addresses are printed and served.
    #[arg(long)]
    headless: bool,
    /// The port of the payment server; till and shop take the two after it.
    #[arg(long, default_value_t = 8401, value_parser = clap::value_parser!(u16).range(1..=65533))]
    port_base: u16,
    /// Keep the data of server, till and browser here; without it they are thrown away at the end.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// Longest wait for the servers to listen: making their keys takes a second or two on a slow machine.
const START: Duration = Duration::from_secs(30);
/// Longest wait for a program to end after it was asked to.
const END: Duration = Duration::from_secs(5);

/// Builds, starts and keeps running until Ctrl-C, or until one of the programs ends.
///
/// # Errors
///
/// If something does not build or start.
pub fn demo(house: &House, options: &Options) -> Result<()> {
    let chromium = tools::chromium(house)?;
    build::build(house)?;
    run(&mut house.cargo(&["build", "--package", "server-stub", "--locked"]))?;
    let (stop, stopped) = mpsc::channel();
    ctrlc::set_handler(move || {
        // A second Ctrl-C finds nobody waiting any more, and there is nobody to tell.
        let _ = stop.send(());
    })?;

    let scratch = tempfile::tempdir()?;
    let folder = options.data_dir.clone().unwrap_or_else(|| scratch.path().to_owned());
    fs::create_dir_all(&folder)?;
    let mut server = Program::start("the servers", &mut servers(house, options, &folder))?;
    server.wait_for(address(options.port_base + 2))?;
    let mut window = Program::start("Chromium", &mut browser(house, options, &chromium.browser, &folder))?;
    addresses(options);
    keep_running(&stopped, &mut [&mut server, &mut window])
}

fn servers(house: &House, options: &Options, folder: &Path) -> Command {
    let mut command = house.command(house.target("debug/server-stub"));
    command.args(["demo", "--port-base", &options.port_base.to_string()]);
    command.arg("--shop-dir").arg(house.target(build::SHOP)).arg("--data-dir").arg(folder.join("servers"));
    command
}

/// Chromium with the extension, a profile of its own and no visits to anyone but us.
fn browser(house: &House, options: &Options, chromium: &Path, folder: &Path) -> Command {
    let extension = house.target(build::EXTENSION);
    let mut command = house.command(chromium);
    command.args(["--no-first-run", "--no-default-browser-check", "--disable-background-networking"]);
    command.args(["--disable-component-update", "--disable-sync", "--disable-quic", "--password-store=basic"]);
    command.arg(format!("--user-data-dir={}", folder.join("browser").display()));
    command.arg(format!("--disable-extensions-except={}", extension.display()));
    command.arg(format!("--load-extension={}", extension.display()));
    if options.headless || !has_display() {
        command.args(["--headless=new", "--disable-gpu"]);
    }
    if rustix::process::geteuid().is_root() {
        // Chromium's sandbox refuses to be started by root.
        command.arg("--no-sandbox");
    }
    command.arg(format!("http://{}/", address(options.port_base + 2))).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn has_display() -> bool {
    ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| env::var_os(name).is_some_and(|value| !value.is_empty()))
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

fn addresses(options: &Options) {
    say("Pay Cash is running; Ctrl-C ends it");
    for (what, offset) in [("payment server", 0), ("till", 1), ("shop", 2)] {
        println!("{what:>16}  http://{}/", address(options.port_base + offset));
    }
    println!(
        "The till's dashboard is at /dashboard; its password stands above. Rehearse what goes wrong at the shop's /playground."
    );
    if !options.headless && !has_display() {
        println!("No display was found, so Chromium runs without a window.");
    }
}

fn keep_running(stopped: &mpsc::Receiver<()>, programs: &mut [&mut Program]) -> Result<()> {
    const LOOK_EVERY: Duration = Duration::from_millis(200);
    loop {
        match stopped.recv_timeout(LOOK_EVERY) {
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
            Err(RecvTimeoutError::Timeout) => {}
        }
        for program in &mut *programs {
            if let Some(status) = program.child.try_wait()? {
                if status.success() {
                    say(&format!("{} ended", program.name));
                    return Ok(());
                }
                bail!("{} ended: {status}", program.name);
            }
        }
    }
}

/// A program that we started, and that ends with us.
struct Program {
    name: &'static str,
    child: Child,
}

impl Program {
    fn start(name: &'static str, command: &mut Command) -> Result<Self> {
        let child = command.stdin(Stdio::null()).spawn().with_context(|| format!("cannot start {name}"))?;
        Ok(Self { name, child })
    }

    /// Waits until something answers at `address`.
    fn wait_for(&mut self, address: SocketAddr) -> Result<()> {
        let give_up = Instant::now() + START;
        while TcpStream::connect(address).is_err() {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended at once: {status}", self.name);
            }
            if Instant::now() > give_up {
                bail!("{} does not listen on {address}", self.name);
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

impl Drop for Program {
    /// Asks the program to end, and makes it end if it does not.
    fn drop(&mut self) {
        use rustix::process::{Pid, Signal, kill_process};
        let give_up = Instant::now() + END;
        while let Ok(None) = self.child.try_wait() {
            // Failing to signal means that it has just ended; asking again does no harm.
            let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
            if Instant::now() > give_up {
                let _ = self.child.kill();
                let _ = self.child.wait();
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
}
