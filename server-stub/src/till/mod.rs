//! The merchant computer 300 as a process: `server-stub till`.
//!
//! What a till decides stands in `merchant_widget::till`, as functions; here they are loaded for, called, committed and
//! sent. A till listens once it is registered; a later start listens at once, and goes on with what was under way.
//!
//! | room | what lives there |
//! | --- | --- |
//! | [`store`] | records 320 to 370 in SQLite |
//! | [`desk`] | books, server and clock together; requests that are sent until their reply is booked |
//! | [`setup`], [`sessions`], [`collector`] | registration and binding; sales sessions; CA1 to CA4 |
//! | [`routes`], [`order_form`], [`problem`] | HTTP |
//!
//! # Under the shop's origin
//!
//! A wallet takes an offer only where all its addresses have the origin of the page. So the shop makes the till's public
//! routes reachable under its own origin, by its reverse proxy or its own router, and the till is told so:
//!
//! ```text
//! server-stub till ... --public-url https://shop.example        (or https://shop.example/till)
//!
//! location ~ ^/orders/[^/]+/(payment-request|status|pay)$ { proxy_pass http://127.0.0.1:8402; }
//! ```
//!
//! Nothing else of the till needs to be reachable from outside; orders are placed by the shop's server.

pub mod api_key;
pub mod collector;
pub mod desk;
pub mod order_form;
pub mod problem;
pub mod routes;
pub mod server;
pub mod sessions;
pub mod setup;
pub mod store;

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use merchant_widget::till::order::Links;
use merchant_widget::till::record::Persona;
use merchant_widget::till::session::SessionLimits;
use merchant_widget::till::setup::{Account, Application};
use protocol::Protocol;
use protocol::money::Currency;
use protocol::persona::RequestedId;
use protocol::value::{Address, Index, Language, Num, Reading, Text, Token, Value};
use tokio::net::TcpListener;

use crate::cli::Ending;
use crate::log;
use crate::serve::until_asked;
use crate::settings::LogSettings;
use collector::Collector;
use desk::{Clock, Desk};
use order_form::{MAX_ORDER_MINUTES, Terms};
use server::Server;
use sessions::Sessions;
use setup::Plan;
use store::Store;

/// Reads an argument that is a value of the protocol.
fn parse<V: Value>(text: &str) -> Result<V, String> {
    V::parse(text, Reading::STRICT).ok_or_else(|| format!("not a {}", V::KIND))
}

fn parse_protocol(text: &str) -> Result<Protocol, String> {
    Protocol::of_number(text).ok_or_else(|| "not 1.0 or 2.0".to_owned())
}

/// Arguments of `server-stub till`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The payment server. At the first start the till registers there, and agrees to the terms that the server publishes.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8401")]
    pub server: String,
    /// Where to listen; port 0 picks a free one. The first line printed is `listening on http://ADDRESS`.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8402")]
    pub listen: SocketAddr,
    /// Where the till's keys and books are kept; made at the first start. Back it up as a whole.
    #[arg(long, value_name = "DIR")]
    pub data_dir: PathBuf,
    /// The merchant id wished for; the server adds two check digits.
    #[arg(long, value_parser = parse::<RequestedId>)]
    pub name: RequestedId,
    /// Where the operator of the server reaches the merchant; by default NAME@localhost.
    #[arg(long, value_parser = parse::<Address>)]
    pub email: Option<Address>,
    /// The language of the server's messages.
    #[arg(long, value_parser = parse::<Language>, default_value = "en-us")]
    pub language: Language,
    /// A currency to take; several are allowed.
    #[arg(long, value_parser = parse::<Currency>, default_value = "usd")]
    pub currency: Vec<Currency>,
    /// The bank account to bind.
    #[arg(long, value_name = "NUMBER", value_parser = parse::<Token<34>>, default_value = "059013218175654")]
    pub instrument: Token<34>,
    /// Where pages and wallets reach the till: an address of the shop's own origin; by default the address it listens on.
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
    /// The pages `success`, `failure` and `cancel` that the browser goes to stand here; by default the public URL.
    #[arg(long, value_name = "URL")]
    pub return_url: Option<String>,
    /// The protocol to register with, 1.0 or 2.0; by default the newest that the server speaks.
    #[arg(long, value_parser = parse_protocol)]
    pub protocol: Option<Protocol>,
    /// How long a sales session is asked for.
    #[arg(long, value_name = "MINUTES", value_parser = parse::<Num>, default_value = "960")]
    pub session_minutes: Num,
    /// How many collections a sales session is asked for.
    #[arg(long, value_name = "COUNT", value_parser = parse::<Index>, default_value = "10000")]
    pub session_uses: Index,
    /// How long an order can be paid that says nothing else.
    #[arg(long, value_name = "MINUTES", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_ORDER_MINUTES)),
          default_value_t = 60)]
    pub order_minutes: u32,
    /// Print a new API key; the old one is refused from then on.
    #[arg(long)]
    pub new_api_key: bool,
}

/// A running till.
#[derive(Debug)]
pub struct Till {
    desk: Arc<Desk>,
    persona: Persona,
    links: Links,
    terms: Terms,
    sessions: Arc<Sessions>,
    collector: Arc<Collector>,
    api_key_hash: Vec<u8>,
}

/// What went wrong at the start.
type StartFault = Box<dyn std::error::Error + Send + Sync>;

impl Till {
    /// Sets a till up that will be reached at `address`, and begins to keep sessions and to collect. Yields the API key
    /// too if it is a new one.
    ///
    /// # Errors
    /// Arguments that do not fit together, books that cannot be opened, a server that refuses.
    pub async fn start(args: &Args, address: SocketAddr) -> Result<(Arc<Self>, Option<String>), StartFault> {
        let links = links(args, address)?;
        let desk =
            Desk { store: Store::open(&args.data_dir)?, server: Server::at(&args.server)?, clock: Clock::default() };
        let desk = Arc::new(desk);
        let persona = setup::set_up(&desk, &plan(args)?).await?;
        // Last, so that a start that is broken off does not use up the one time that the key is shown.
        let (api_key, api_key_hash) = api_key(&desk.store, args.new_api_key).await?;
        let limits = SessionLimits { minutes: args.session_minutes, uses: args.session_uses };
        let sessions = Sessions::new(desk.clone(), persona.clone(), args.currency.clone(), limits);
        let sessions = Arc::new(sessions);
        let (collector, queue) = Collector::new(desk.clone(), persona.clone(), sessions.clone());
        tokio::spawn(collector.clone().run(queue));
        let keeper = sessions.clone();
        tokio::spawn(async move { keeper.keep().await });
        let terms = Terms { currencies: args.currency.clone(), order_minutes: args.order_minutes };
        Ok((Arc::new(Self { desk, persona, links, terms, sessions, collector, api_key_hash }), api_key))
    }
}

fn links(args: &Args, address: SocketAddr) -> Result<Links, StartFault> {
    let base = args.public_url.clone().unwrap_or_else(|| format!("http://{address}"));
    let returns = args.return_url.clone().unwrap_or_else(|| base.clone());
    Ok(Links::new(&base, &returns)?)
}

fn plan(args: &Args) -> Result<Plan, StartFault> {
    let name = args.name.clone();
    let email = args.email.clone().or_else(|| Address::of(&format!("{}@localhost", name.as_str())));
    let email = email.ok_or("the merchant's name makes no address")?;
    let currency = *args.currency.first().ok_or("a till takes one currency at least")?;
    let holder = Text::of(name.as_str()).ok_or("the merchant's name makes no holder")?;
    Ok(Plan {
        application: Application { name, email, language: args.language.clone(), currency, agreements: Vec::new() },
        account: Account { number: args.instrument.clone(), holder, agreements: Vec::new() },
        protocol: args.protocol,
    })
}

/// The hash of the API key, and the key itself if it is new.
async fn api_key(store: &Store, renew: bool) -> Result<(Option<String>, Vec<u8>), StartFault> {
    if let Some(hash) = store.api_key_hash().await?.filter(|_| !renew) {
        return Ok((None, hash));
    }
    let key = api_key::generate();
    let hash = api_key::hash(&key);
    store.set_api_key_hash(hash.clone()).await?;
    Ok((Some(key), hash))
}

/// Runs the till until it is asked to end.
///
/// # Errors
/// It cannot start.
pub async fn run(args: Args) -> Ending {
    log::start(&LogSettings::default());
    let listener = TcpListener::bind(args.listen).await?;
    let address = listener.local_addr()?;
    let (till, api_key) = Till::start(&args, address).await?;
    announce(address, api_key.as_deref())?;
    axum::serve(listener, routes::all(till)).with_graceful_shutdown(until_asked()?).await?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the first line, for whoever waits for it, and the API key if it is new.
fn announce(address: SocketAddr, api_key: Option<&str>) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "listening on http://{address}")?;
    if let Some(key) = api_key {
        writeln!(out, "api key: {key}")?;
    }
    out.flush()
}
