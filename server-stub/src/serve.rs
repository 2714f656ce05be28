//! The payment server as a process: `server-stub serve`.

use std::error::Error;
use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng as _;
use rand::rngs::{StdRng, SysRng};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::bank::Sandbox;
use crate::cli::Ending;
use crate::http;
use crate::keys::ServerKeys;
use crate::server::{Config, Server};
use crate::store::Place;
use crate::vault::{Vault, make_folder};

/// How often sessions whose lifetime is over are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(5);
/// How many sweeps follow each other where many personas are due at once.
const SWEEPS_AT_ONCE: usize = 64;

/// Arguments of `server-stub serve`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Where to listen; port 0 picks a free one. The first line printed is `listening on http://ADDRESS`.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8401")]
    pub listen: SocketAddr,
    /// Where the books and the server's keys are kept.
    #[command(flatten)]
    pub place: Place,
    /// Also speak protocol 1.0, whose ciphers (RSA, DES, MD5) are historic and broken today.
    #[arg(long)]
    pub allow_classic: bool,
    /// The shortest RSA key of a persona that protocol 1.0 accepts at registration.
    #[arg(long, value_name = "BITS", default_value_t = 2048, value_parser = clap::value_parser!(u32).range(768..=4096))]
    pub classic_min_bits: u32,
}

/// Runs the server until it is asked to end.
///
/// # Errors
/// It cannot start.
pub async fn run(args: Args) -> Ending {
    start_logging();
    let server = Arc::new(open(&args).await?);
    let listener = TcpListener::bind(args.listen).await?;
    announce(listener.local_addr()?)?;
    serve(server, listener, until_asked()?).await?;
    Ok(ExitCode::SUCCESS)
}

/// Opens the server's data directory, or makes it.
///
/// # Errors
/// It cannot be read or written, or its secrets can be read by others.
pub async fn open(args: &Args) -> Result<Server, Box<dyn Error + Send + Sync>> {
    let config =
        Config { allow_classic: args.allow_classic, classic_min_bits: args.classic_min_bits, ..Config::default() };
    let mut rng = StdRng::try_from_rng(&mut SysRng)?;
    let secrets = args.place.keys();
    make_folder(args.place.folder())?;
    make_folder(&secrets)?;
    let keys = ServerKeys::open(&secrets, args.allow_classic, &mut rng)?;
    let vault = Vault::open(&secrets, &mut rng)?;
    let store = args.place.open().await?;
    Ok(Server::new(store, keys, vault, Box::new(Sandbox), config))
}

/// Serves until `end`; requests that have come are answered first.
///
/// # Errors
/// The listener failed.
pub async fn serve(
    server: Arc<Server>,
    listener: TcpListener,
    end: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let sweeping = tokio::spawn(sweep(server.clone()));
    let served = axum::serve(listener, http::router(server)).with_graceful_shutdown(end).await;
    sweeping.abort();
    served
}

/// Prints the first line, for whoever waits for it.
fn announce(address: SocketAddr) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "listening on http://{address}")?;
    out.flush()
}

async fn sweep(server: Arc<Server>) {
    let mut ticks = tokio::time::interval(SWEEP_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        for _ in 0..SWEEPS_AT_ONCE {
            match server.sweep(http::now()).await {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => {
                    tracing::error!(%error, "the sweep failed");
                    break;
                }
            }
        }
    }
}

/// Ends when the process is asked to end: Ctrl-C, or SIGTERM.
///
/// # Errors
/// The system does not tell of signals.
pub fn until_asked() -> std::io::Result<impl Future<Output = ()> + Send + 'static> {
    let (mut interrupted, mut terminated) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
        }
    })
}

/// Logs go to standard error, as much as `RUST_LOG` asks for; without it, what needs someone's attention.
pub fn start_logging() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    // Started twice in one process (a test, the demo), the first stays.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
}
