//! The real server, the real till and the demo shop, each behind the proxy.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, bail, ensure};
use server_stub::audit::audit;
use server_stub::shop;
use server_stub::store::Place;
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::line::{Proxy, Way};
use crate::browser;
use crate::world::judge::{Judge, Ledger};

/// Server, till and shop, and the ways to them.
pub struct Street {
    /// What lies between them.
    pub proxy: Arc<Proxy>,
    data: TempDir,
    _server: Program,
    _till: Program,
    judge: Mutex<Judge>,
}

impl Street {
    /// Opens server, till and shop, one after the other; each knows the others by the proxy's addresses.
    ///
    /// # Errors
    /// Something is not built, or does not start.
    pub async fn open() -> Result<Self> {
        let data = tempfile::tempdir()?;
        let proxy = Proxy::start().await?;
        let mut serve = Command::new(browser::server_stub()?);
        serve.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data.path().join("server"));
        let (server, said) = Program::start(serve, &data.path().join("server.log"), &["listening on "]).await?;
        let at_server = address(&said[0])?;
        proxy.lead(Way::Wallet, at_server);
        proxy.lead(Way::Till, at_server);

        let origin = url(proxy.address(Way::Shop));
        let mut merchant = Command::new(browser::server_stub()?);
        merchant.args(["till", "--listen", "127.0.0.1:0", "--name", "acme", "--public-url", &origin]);
        merchant.args(["--server", &url(proxy.address(Way::Till))]).arg("--data-dir").arg(data.path().join("till"));
        let marks = &["listening on ", "api key: "];
        let (till, said) = Program::start(merchant, &data.path().join("till.log"), marks).await?;
        let (at_till, api_key) = (said[0].clone(), said[1].clone());

        let assets = browser::shop()?;
        let shelves = shop::router(shop::Config { origin, till: at_till, api_key, assets, playground: None });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        proxy.lead(Way::Shop, listener.local_addr()?);
        tokio::spawn(async move { axum::serve(listener, shelves).await });
        Ok(Self { proxy, data, _server: server, _till: till, judge: Mutex::default() })
    }

    /// The server, as wallets know it.
    pub fn server(&self) -> String {
        url(self.proxy.address(Way::Wallet))
    }

    /// The shop, as browsers know it.
    pub fn shop(&self) -> String {
        url(self.proxy.address(Way::Shop))
    }

    /// The server's books as they lie on its disk.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn ledger(&self) -> Result<Ledger> {
        let place = Place::in_folder(&self.data.path().join("server"));
        Ledger::read(&*place.books()?).await.map_err(anyhow::Error::msg)
    }

    /// The server's own audit and the simulated world's judge look at the books, which neither may find fault with.
    ///
    /// # Errors
    /// What they find.
    pub async fn inspect(&self) -> Result<Ledger> {
        let place = Place::in_folder(&self.data.path().join("server"));
        let lies = audit(&*place.books()?).await?.lies;
        ensure!(lies.is_empty(), "the audit finds {lies:?}");
        let ledger = self.ledger().await?;
        let mut judge = self.judge.lock().unwrap_or_else(PoisonError::into_inner);
        judge.look(&ledger).map_err(anyhow::Error::msg)?;
        let lies = self.proxy.lies();
        ensure!(lies.is_empty(), "{lies:?}");
        Ok(ledger)
    }

    /// Nothing that server and till write or log shows any of these in clear.
    ///
    /// # Errors
    /// The file that does.
    pub fn keeps_secret(&self, secrets: &[&str]) -> Result<()> {
        for file in files(self.data.path())? {
            let bytes = std::fs::read(&file)?;
            let shown = secrets.iter().find(|secret| contains(&bytes, secret.as_bytes()));
            ensure!(shown.is_none(), "{} shows {shown:?}", file.display());
        }
        Ok(())
    }
}

/// Whether `needle` stands in `bytes`.
pub fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

/// All files below a folder.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            found.extend(files(&entry.path())?);
        } else {
            found.push(entry.path());
        }
    }
    Ok(found)
}

fn url(address: SocketAddr) -> String {
    format!("http://{address}")
}

fn address(url: &str) -> Result<SocketAddr> {
    Ok(url.strip_prefix("http://").context("an address")?.parse()?)
}

/// A program that ends with the test; what it logs goes to a file.
struct Program {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Program {
    /// Starts it, and reads on until it has said a line with each of `marks`, in this order; gives what follows them.
    async fn start(mut command: Command, log: &Path, marks: &'static [&str]) -> Result<(Self, Vec<String>)> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(File::create(log)?);
        // A till that starts talks to the server through the proxy, which must not wait for it.
        let started = tokio::task::spawn_blocking(move || -> Result<_> {
            let mut child = command.spawn().context("server-stub")?;
            let lines = BufReader::new(child.stdout.take().context("the pipe was asked for")?);
            // Made before anything can fail, so that the child ends in any case.
            let mut program = Self { child, lines };
            let said = marks.iter().map(|mark| program.said(mark)).collect::<Result<Vec<_>>>()?;
            Ok((program, said))
        });
        started.await?
    }

    fn said(&mut self, mark: &str) -> Result<String> {
        let mut line = String::new();
        while self.lines.read_line(&mut line)? > 0 {
            if let Some(rest) = line.trim_end().strip_prefix(mark) {
                return Ok(rest.to_owned());
            }
            line.clear();
        }
        bail!("it ended before it said {mark:?}")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Both fail only if it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
