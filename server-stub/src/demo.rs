//! Server, till and shop on loopback in one process: `server-stub demo`.
//!
//! The three talk to each other over HTTP, as they would on three machines. The shop's origin is the till's public URL.

use std::fs::OpenOptions;
use std::future::IntoFuture as _;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser as _;
use tokio::net::TcpListener;

use crate::cli::{Ending, Fault};
use crate::log;
use crate::serve::{self, until_asked};
use crate::server::rehearsal::Rehearsal;
use crate::settings::LogSettings;
use crate::shop;
use crate::shop::playground::{self, Playground};
use crate::till::{self, Till};

/// Where server, till and shop listen if nothing is said: three ports in a row.
const PORT_BASE: u16 = 8401;

/// Arguments of `server-stub demo`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The server's port; till and shop take the two after it.
    #[arg(long, value_name = "PORT", default_value_t = PORT_BASE, value_parser = clap::value_parser!(u16).range(1..=65533))]
    pub port_base: u16,
    /// The server's port, where not the base; 0 picks a free one.
    #[arg(long, value_name = "PORT")]
    pub server_port: Option<u16>,
    /// The till's port; 0 picks a free one.
    #[arg(long, value_name = "PORT")]
    pub till_port: Option<u16>,
    /// The shop's port; 0 picks a free one.
    #[arg(long, value_name = "PORT")]
    pub shop_port: Option<u16>,
    /// What the shop serves beside its pages, with the widget, as `cargo xtask build` makes it.
    #[arg(long, alias = "assets", value_name = "DIR", default_value = "target/shop")]
    pub shop_dir: PathBuf,
    /// Keep the data of server and till here; without it they are thrown away at the end.
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}

impl Args {
    fn ports(&self) -> [u16; 3] {
        let base = self.port_base;
        [self.server_port.unwrap_or(base), self.till_port.unwrap_or(base + 1), self.shop_port.unwrap_or(base + 2)]
    }
}

/// Runs the demo until it is asked to end.
///
/// # Errors
/// It cannot start.
pub async fn run(args: Args) -> Ending {
    log::start(&LogSettings::default());
    let data = Data::at(args.data_dir.clone());
    let end = until_asked()?;
    tokio::select! {
        ended = show(&args, &data.folder) => ended.map(|()| ExitCode::SUCCESS),
        () = end => Ok(ExitCode::SUCCESS),
    }
}

/// Starts server, till and shop, in this order, and serves until one of them fails.
async fn show(args: &Args, data: &Path) -> Result<(), Fault> {
    let [server, till, shop] = args.ports();
    let (server, till, shop) = (listen(server).await?, listen(till).await?, listen(shop).await?);
    let (at_server, at_till, at_shop) = (server.local_addr()?, till.local_addr()?, shop.local_addr()?);

    let payments = serve_args(at_server, data.join("server"))?;
    let settings = payments.settings()?;
    let rehearsal = Rehearsal::default();
    let books = Arc::new(serve::open(&settings, &payments.place, &payments.keys).await?.rehearsing(rehearsal.clone()));
    let playground = Playground::new(books.clone(), &format!("http://{at_server}"), rehearsal);
    let payments = tokio::spawn(async move { serve::serve(books, &settings, server).await });
    // The till takes it for the server: on this line things go wrong on request.
    let line = listen(0).await?;
    let at_line = line.local_addr()?;
    tokio::spawn(axum::serve(line, playground::line::router(playground.clone())).into_future());

    let origin = format!("http://{at_shop}");
    let (password_file, password) = dashboard_password(data)?;
    let mut merchant = till_args(at_line, at_till, &origin, data.join("till"))?;
    merchant.dashboard_password_file = Some(password_file);
    let (merchant, api_key) = Till::start(&merchant, at_till).await?;
    let api_key = api_key.ok_or("the till made no new API key")?;

    let assets = args.shop_dir.clone();
    let till_url = format!("http://{at_till}");
    let playground = Some(playground);
    let shelves = shop::router(shop::Config { origin, till: till_url, api_key, assets, playground });
    announce(&password, &[("server", at_server), ("till", at_till), ("shop", at_shop)])?;
    let till = axum::serve(till, till::routes::all(merchant, axum::Router::new())).into_future();
    let shop = axum::serve(shop, shelves).into_future();
    tokio::select! {
        ended = payments => ended??,
        ended = till => ended?,
        ended = shop => ended?,
    }
    Ok(())
}

async fn listen(port: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await
}

/// The password of the till's dashboard, in a file that only its owner can read; made once.
fn dashboard_password(folder: &Path) -> std::io::Result<(PathBuf, String)> {
    let file = folder.join("dashboard-password");
    let mut open = OpenOptions::new();
    match open.write(true).create_new(true).mode(0o600).open(&file) {
        Ok(mut new) => writeln!(new, "{:016x}", rand::random::<u64>())?,
        Err(fault) if fault.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(fault) => return Err(fault),
    }
    let password = std::fs::read_to_string(&file)?.trim().to_owned();
    Ok((file, password))
}

/// One line for each, for whoever waits for them, and who may look at the till's dashboard.
fn announce(password: &str, addresses: &[(&str, SocketAddr)]) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "dashboard password: {password}")?;
    for (name, address) in addresses {
        writeln!(out, "{name} listening on http://{address}")?;
    }
    out.flush()
}

/// Arguments as they are read from a command line, so that defaults stand in one place.
#[derive(Debug, clap::Parser)]
struct Line<A: clap::Args> {
    #[command(flatten)]
    args: A,
}

fn serve_args(listen: SocketAddr, data: PathBuf) -> Result<serve::Args, clap::Error> {
    let line =
        ["serve".into(), "--listen".into(), listen.to_string().into(), "--data-dir".into(), data.into_os_string()];
    Line::<serve::Args>::try_parse_from(line).map(|line| line.args)
}

/// A till whose API key is new each time, since nobody kept the last one.
fn till_args(server: SocketAddr, listen: SocketAddr, origin: &str, data: PathBuf) -> Result<till::Args, clap::Error> {
    let fixed =
        ["till", "--name", "acme", "--email", "till@acme.example", "--new-api-key", "--allow-loopback-webhooks"];
    let mut line: Vec<std::ffi::OsString> = fixed.map(Into::into).into();
    line.extend(["--public-url".into(), origin.into()]);
    line.extend(["--listen".into(), listen.to_string().into(), "--server".into(), format!("http://{server}").into()]);
    line.extend(["--data-dir".into(), data.into_os_string()]);
    Line::<till::Args>::try_parse_from(line).map(|line| line.args)
}

/// The folder of the demo's data; removed at the end unless it is to be kept.
struct Data {
    folder: PathBuf,
    kept: bool,
}

impl Data {
    fn at(kept: Option<PathBuf>) -> Self {
        let scratch = || std::env::temp_dir().join(format!("pay-cash-demo-{}", std::process::id()));
        Self { kept: kept.is_some(), folder: kept.unwrap_or_else(scratch) }
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        if !self.kept
            && let Err(fault) = std::fs::remove_dir_all(&self.folder)
        {
            tracing::warn!("{}: {fault}", self.folder.display());
        }
    }
}
