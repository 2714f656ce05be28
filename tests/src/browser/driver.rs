//! One chromedriver of our own.

use std::{
    env, fs,
    io::{BufRead, BufReader, Read as _, Write as _},
    net::{Ipv4Addr, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use tempfile::TempDir;

/// Longest wait for chromedriver to end its browser and itself.
const END: Duration = Duration::from_secs(10);

/// A running chromedriver; dropping it ends it and the browsers that it started.
pub struct ChromeDriver {
    child: Child,
    port: u16,
    /// Each session leaves some 20 MB of temporary files, which go with this.
    _scratch: TempDir,
}

impl ChromeDriver {
    /// Starts chromedriver on a port that it picks itself; its browsers speak `language`.
    pub fn start(language: &str) -> Result<Self> {
        let scratch = tempfile::tempdir()?;
        // Cargo sets the variable, from .cargo/config.toml.
        let program = env::var_os("CHROMEDRIVER").unwrap_or_else(|| "chromedriver".into());
        let mut command = Command::new(&program);
        command.arg("--port=0").env("TMPDIR", scratch.path()).env("LANGUAGE", language);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
        let stdout = BufReader::new(child.stdout.take().context("the pipe was asked for")?);
        // Made before anything can fail, so that the child ends in any case.
        let mut driver = Self { child, port: 0, _scratch: scratch };
        driver.port = announced_port(stdout)?;
        Ok(driver)
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Asks it to end all sessions, and itself: killing it would leave its browsers behind.
    fn shut_down(&self) -> std::io::Result<()> {
        let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        connection.set_read_timeout(Some(END))?;
        connection.write_all(b"GET /shutdown HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")?;
        connection.read_to_end(&mut Vec::new()).map(drop)
    }
}

/// The browser that was started with an argument that names its profile: the one such process which is nobody's helper.
pub fn process_with(wanted: &str) -> Result<u32> {
    for entry in fs::read_dir("/proc")?.flatten() {
        let Some(process) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // Processes end while we look.
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let arguments: Vec<_> = line.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
        if arguments.iter().any(|it| it == wanted) && !arguments.iter().any(|it| it.starts_with("--type=")) {
            return Ok(process);
        }
    }
    anyhow::bail!("no browser was started with {wanted}")
}

/// Reads the port out of `ChromeDriver was started successfully on port 12345.`
fn announced_port(mut stdout: impl BufRead + Send + 'static) -> Result<u16> {
    let announced = "started successfully on port ";
    let mut line = String::new();
    while stdout.read_line(&mut line)? > 0 {
        if let Some((_, port)) = line.trim_end().split_once(announced) {
            // What it says later has to be read too, or it would wait for us some day.
            thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()));
            return port.trim_end_matches('.').parse().context("chromedriver's port");
        }
        line.clear();
    }
    anyhow::bail!("chromedriver ended before it said its port")
}

impl Drop for ChromeDriver {
    fn drop(&mut self) {
        let asked = self.shut_down();
        let give_up = Instant::now() + END;
        while asked.is_ok() && Instant::now() < give_up {
            if let Ok(Some(_)) = self.child.try_wait() {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        // Both fail only if it has ended by now.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
