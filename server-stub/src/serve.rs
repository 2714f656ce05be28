//! The payment server as a process: `server-stub serve`.

use std::future::{IntoFuture as _, pending};
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt as _;
use rand::SeedableRng as _;
use rand::rngs::{StdRng, SysRng};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use crate::bank::Sandbox;
use crate::cli::{Ending, Fault};
use crate::door::Door;
use crate::http::operator::{self, Readiness};
use crate::http::{self, security_txt};
use crate::keys::{self, ServerKeys};
use crate::log;
use crate::metrics::{self, Metrics};
use crate::server::{Config, Server};
use crate::settings::{Settings, SettingsError, ShutdownSettings};
use crate::store::{KeyPlace, Place};
use crate::vault::{self, Vault, VaultError, make_folder};

/// How often what the operator has set is read.
const REFRESH_EVERY: Duration = Duration::from_secs(1);
/// How often sessions whose lifetime is over are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(5);
/// How many sweeps follow each other where many personas are due at once.
const SWEEPS_AT_ONCE: usize = 64;

/// Arguments of `server-stub serve`. What is given here comes before what the configuration file says.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Read the settings from this file (TOML); `docs/server.toml` is a sample with every key.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Check the settings, print them as they would be in force, and end.
    #[arg(long)]
    pub check_config: bool,
    /// Where to listen; port 0 picks a free one. The first line printed is `listening on http://ADDRESS`.
    /// [default: 127.0.0.1:8401]
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,
    /// Where to serve `/metrics`, `/healthz` and `/readyz`; the second line printed is `metrics on http://ADDRESS`.
    #[arg(long, value_name = "ADDRESS")]
    pub metrics_listen: Option<SocketAddr>,
    /// Where the books are kept.
    #[command(flatten)]
    pub place: Place,
    /// Where the server's keys are kept.
    #[command(flatten)]
    pub keys: KeyPlace,
    /// Also speak protocol 1.0, whose ciphers (RSA, DES, MD5) are historic and broken today.
    #[arg(long)]
    pub allow_classic: bool,
    /// The shortest RSA key of a persona that protocol 1.0 accepts at registration. [default: 2048]
    #[arg(long, value_name = "BITS", value_parser = clap::value_parser!(u32).range(768..=4096))]
    pub classic_min_bits: Option<u32>,
}

impl Args {
    /// The settings that these arguments and the file that they name come to.
    ///
    /// # Errors
    /// The file cannot be read, or something in it cannot be meant.
    pub fn settings(&self) -> Result<Settings, SettingsError> {
        let mut settings = self.config.as_deref().map_or_else(|| Ok(Settings::default()), Settings::read)?;
        settings.listen = self.listen.unwrap_or(settings.listen);
        settings.metrics_listen = self.metrics_listen.or(settings.metrics_listen);
        settings.classic.allow |= self.allow_classic;
        settings.classic.min_bits = self.classic_min_bits.unwrap_or(settings.classic.min_bits);
        settings.check()?;
        Ok(settings)
    }
}

/// Runs the server until it is asked to end.
///
/// # Errors
/// It cannot start.
pub async fn run(args: Args) -> Ending {
    let settings = args.settings()?;
    if args.check_config {
        print!("{}", toml::to_string(&settings)?);
        return Ok(ExitCode::SUCCESS);
    }
    log::start(&settings.log);
    let server = Arc::new(open(&settings, &args.place, &args.keys).await?);
    let listener = TcpListener::bind(settings.listen).await?;
    let ready = Readiness::new(server.clone());
    let mut lines = vec![format!("listening on http://{}", listener.local_addr()?)];
    if let Some(address) = settings.metrics_listen {
        let operators = TcpListener::bind(address).await?;
        lines.push(format!("metrics on http://{}", operators.local_addr()?));
        let router = operator::router(ready.clone(), Metrics::start());
        tokio::spawn(axum::serve(operators, router).into_future());
    }
    let end = until_asked()?;
    announce(&lines)?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), classic = settings.classic.allow, "started");
    let router = router(server.clone(), &settings).merge(operator::readiness(ready.clone()));
    let ended = serve_until(server, router, listener, ready, end, &settings.shutdown).await;
    tracing::info!("ended");
    ended.map(|()| ExitCode::SUCCESS)
}

/// Opens the books and keys of a server, or makes them.
///
/// # Errors
/// They cannot be read or written, or the secrets can be read by others.
pub async fn open(settings: &Settings, place: &Place, keys: &KeyPlace) -> Result<Server, Fault> {
    let mut rng = StdRng::try_from_rng(&mut SysRng)?;
    let secrets = keys.folder(place).ok_or("say where the keys are: --keys-dir")?;
    make_folder(&secrets)?;
    let store = place.open_with(settings.database.connections).await?;
    // New keys over old books would be taken for the old ones, and open nothing that is sealed to those.
    let missing = [vault::FILE.to_owned(), keys::modern_file()].map(|name| secrets.join(name));
    let missing = missing.into_iter().find(|path| !path.exists());
    if let Some(path) = missing
        && !store.are_empty().await?
    {
        return Err(VaultError::Missing(path).into());
    }
    let keys = ServerKeys::open(&secrets, settings.classic.allow, &mut rng)?;
    let vault = Vault::open(&secrets, &mut rng)?;
    let restored = store.epoch().await?.map(|epoch| epoch.began);
    let config = Config { restored, ..settings.config() };
    let server = Server::new(store, keys, vault, Box::new(Sandbox), config);
    server.refresh(http::now()).await?;
    Ok(server.behind(Door::new(&settings.doors)))
}

/// The routes of a server with these settings.
fn router(server: Arc<Server>, settings: &Settings) -> Router {
    http::router(server).merge(security_txt::router(&settings.security_contact))
}

/// Serves until something else ends the process.
///
/// # Errors
/// The listener failed.
pub async fn serve(server: Arc<Server>, settings: &Settings, listener: TcpListener) -> Result<(), Fault> {
    let (router, ready) = (router(server.clone(), settings), Readiness::new(server.clone()));
    serve_until(server, router, listener, ready, pending(), &settings.shutdown).await
}

/// Serves until `end`. Then the server says that it is not ready, closes the door, answers what has come, and ends.
async fn serve_until(
    server: Arc<Server>,
    router: Router,
    listener: TcpListener,
    ready: Readiness,
    end: impl Future<Output = ()> + Send + 'static,
    shutdown: &ShutdownSettings,
) -> Result<(), Fault> {
    let (notice, drain) = (seconds(shutdown.notice_secs), seconds(shutdown.drain_secs));
    let (closed, closing) = oneshot::channel();
    let closes = async move {
        end.await;
        ready.end();
        tokio::time::sleep(notice).await;
        let _ = closed.send(());
    };
    let (sweeping, following) = (tokio::spawn(sweep(server.clone())), tokio::spawn(follow(server)));
    // Answers are small and someone waits for each: none of them should wait for a second packet.
    let listener = listener.tap_io(|connection| drop(connection.set_nodelay(true)));
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let served = axum::serve(listener, service).with_graceful_shutdown(closes);
    let outcome = tokio::select! {
        served = served.into_future() => served.map_err(Into::into),
        () = too_late(closing, drain) => {
            tracing::warn!("some requests were not answered in time; their senders will ask again");
            Ok(())
        }
    };
    sweeping.abort();
    following.abort();
    outcome
}

/// Ends when `drain` has passed since the door was closed.
async fn too_late(closing: oneshot::Receiver<()>, drain: Duration) {
    match closing.await {
        Ok(()) => tokio::time::sleep(drain).await,
        // The door is gone without having been closed: whoever serves says why.
        Err(_) => pending().await,
    }
}

fn seconds(count: u32) -> Duration {
    Duration::from_secs(count.into())
}

/// Prints the first lines, for whoever waits for them.
fn announce(lines: &[String]) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for line in lines {
        writeln!(out, "{line}")?;
    }
    out.flush()
}

/// Takes note of what the operator sets.
async fn follow(server: Arc<Server>) {
    let mut ticks = tokio::time::interval(REFRESH_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = server.refresh(http::now()).await {
            tracing::error!(%error, "the operator's settings cannot be read; those read before stay in force");
        }
    }
}

async fn sweep(server: Arc<Server>) {
    let mut ticks = tokio::time::interval(SWEEP_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        server.door().tidy();
        for _ in 0..SWEEPS_AT_ONCE {
            match server.sweep(http::now()).await {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => {
                    metrics::sweep_failed();
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
