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
//! | [`refunds`], [`settlement`] | money that goes back, and to the bank |
//! | [`routes`], `api`, [`order_form`], [`problem`] | HTTP |
//! | [`dashboard`] | pages for the merchant |
//! | [`webhooks`] | events on their way to the shop |
//!
//! # Under the shop's origin
//!
//! A wallet takes an offer only where all its addresses have the origin of the page. So the shop makes the till's public
//! routes reachable under its own origin, by its reverse proxy or its own router, and the till is told so:
//!
//! ```text
//! server-stub till ... --public-url https://shop.example        (or https://shop.example/till)
//!
//! location ~ ^/orders/[^/]+/(payment-request|status|events|pay)$ { proxy_pass http://127.0.0.1:8402; }
//! ```
//!
//! Nothing else of the till needs to be reachable from outside; orders are placed by the shop's server.

mod api;
pub mod api_key;
pub mod collector;
pub mod dashboard;
pub mod desk;
pub mod merchant;
pub mod order_form;
pub mod problem;
pub mod refunds;
pub mod routes;
pub mod server;
pub mod sessions;
pub mod settlement;
pub mod setup;
pub mod store;
pub mod webhooks;

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use merchant_widget::till::order::Links;
use merchant_widget::till::record::Persona;
use merchant_widget::till::session::SessionLimits;
use merchant_widget::till::setup::{Account, Application};
use protocol::Protocol;
use protocol::date::Date;
use protocol::money::{Currency, Money};
use protocol::persona::RequestedId;
use protocol::value::{Address, Index, Language, Num, Reading, Text, Token, Value};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::sleep;

use crate::cli::{Ending, Fault};
use crate::http::security_txt;
use crate::log;
use crate::serve::until_asked;
use crate::settings::{LogSettings, SECURITY_CONTACT};
use api::access::{REMEMBERED_SECS, Scope};
pub use api::refunds::RefundForm;
use collector::{Collector, Incoming};
use dashboard::Door;
use desk::{Clock, Desk};
use order_form::{MAX_ORDER_MINUTES, Terms};
use refunds::Refunder;
use server::Server;
use sessions::Sessions;
use settlement::Settler;
use setup::Plan;
use store::Store;
use store::access::{AccessKey, FIRST_KEY};
use webhooks::Deliverer;
use webhooks::guard::Guard;

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
    /// Whom `/.well-known/security.txt` tells to write to about a weakness: a mailto:, https: or tel: address.
    #[arg(long, value_name = "ADDRESS", default_value = SECURITY_CONTACT)]
    pub security_contact: String,
    /// Print a new first API key, with all scopes; the old first one is refused from then on.
    #[arg(long)]
    pub new_api_key: bool,
    /// Bring what was earned to the bank account so often; without it, only when the dashboard is asked to.
    #[arg(long, value_name = "MINUTES", value_parser = clap::value_parser!(u32).range(1..))]
    pub settle_minutes: Option<u32>,
    /// What settling leaves in the container for refunds, such as `usd 100.00`; several are allowed.
    #[arg(long, value_name = "AMOUNT", value_parser = parse::<Money>)]
    pub settle_keep: Vec<Money>,
    /// For sandboxes: webhooks may lead to this machine, without encryption.
    #[arg(long)]
    pub allow_loopback_webhooks: bool,
    /// Offer the dashboard, below /dashboard, with the password on the first line of this file, which only its owner may
    /// read. The till keeps a hash of it: later starts do without the file.
    #[arg(long, value_name = "FILE")]
    pub dashboard_password_file: Option<PathBuf>,
    /// Take over the merchant of another till, from the file that it wrote with --export-merchant (at the first start).
    #[arg(long, value_name = "FILE")]
    pub adopt_merchant: Option<PathBuf>,
    /// Write the merchant's keys to this file, readable by its owner only, so that another till can share them.
    #[arg(long, value_name = "FILE")]
    pub export_merchant: Option<PathBuf>,
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
    refunder: Arc<Refunder>,
    settler: Arc<Settler>,
    guard: Guard,
    /// Who may wait for news of orders at once.
    seats: Arc<Semaphore>,
    /// The dashboard's.
    door: Door,
}

/// How many wait for news of orders at once; further ones are told to ask again.
const SEATS: usize = 2_000;
/// How often the till looks for orders whose time is up.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How many of these it tells of at once.
const EXPIRED_AT_ONCE: u32 = 500;

impl Till {
    /// Sets a till up that will be reached at `address`, and begins to keep sessions and to collect. Yields the API key
    /// too if it is a new one.
    ///
    /// # Errors
    /// Arguments that do not fit together, books that cannot be opened, a server that refuses.
    pub async fn start(args: &Args, address: SocketAddr) -> Result<(Arc<Self>, Option<String>), Fault> {
        let links = links(args, address)?;
        let desk =
            Desk { store: Store::open(&args.data_dir)?, server: Server::at(&args.server)?, clock: Clock::default() };
        let desk = Arc::new(desk);
        if let Some(file) = &args.adopt_merchant {
            merchant::adopt(&desk.store, file).await?;
        }
        if let Some(file) = &args.dashboard_password_file {
            dashboard::set_password(&desk.store, file).await?;
        }
        let persona = setup::set_up(&desk, &plan(args)?).await?;
        if let Some(file) = &args.export_merchant {
            merchant::export(&desk.store, file).await?;
        }
        // Last, so that a start that is broken off does not use up the one time that the key is shown.
        let api_key = first_api_key(&desk.store, args.new_api_key).await?;
        let limits = SessionLimits { minutes: args.session_minutes, uses: args.session_uses };
        let sessions = Arc::new(Sessions::new(desk.clone(), args.currency.clone(), limits));
        let (collector, queue) = Collector::new(desk.clone(), persona.clone(), sessions.clone());
        let settler = Settler::new(desk.clone(), sessions.clone(), args.currency.clone(), args.settle_keep.clone());
        let (refunder, guard) = (Refunder::new(desk.clone()), Guard { allow_loopback: args.allow_loopback_webhooks });
        let terms = Terms { currencies: args.currency.clone(), order_minutes: args.order_minutes };
        let seats = Arc::new(Semaphore::new(SEATS));
        let till = Self {
            desk,
            persona,
            links,
            terms,
            sessions,
            collector,
            refunder,
            settler,
            guard,
            seats,
            door: Door::default(),
        };
        let till = Arc::new(till);
        till.begin(queue, args.settle_minutes)?;
        Ok((till, api_key))
    }

    /// Begins everything that goes on by itself.
    fn begin(self: &Arc<Self>, queue: mpsc::Receiver<Incoming>, settle_minutes: Option<u32>) -> Result<(), Fault> {
        tokio::spawn(self.collector.clone().run(queue));
        let keeper = self.sessions.clone();
        tokio::spawn(async move { keeper.keep().await });
        tokio::spawn(self.refunder.clone().resume());
        let every = settle_minutes.map(|minutes| Duration::from_mins(minutes.into()));
        tokio::spawn(self.settler.clone().keep(every));
        tokio::spawn(Deliverer::new(self.desk.clone(), self.guard)?.run());
        tokio::spawn(self.clone().tidy());
        Ok(())
    }

    /// Tells of orders whose time is up, and forgets what nobody asks for any more; never ends.
    async fn tidy(self: Arc<Self>) {
        loop {
            let (now, store) = (self.desk.clock.now(), &self.desk.store);
            let own = crate::http::now();
            let told = store.tell_expired(now, EXPIRED_AT_ONCE).await;
            let forgotten = store.forget(own.plus_secs(-REMEMBERED_SECS), own).await;
            for fault in [told.map(drop), forgotten].into_iter().filter_map(Result::err) {
                tracing::error!("{fault}");
            }
            sleep(LOOK_EVERY).await;
        }
    }
}

fn links(args: &Args, address: SocketAddr) -> Result<Links, Fault> {
    let base = args.public_url.clone().unwrap_or_else(|| format!("http://{address}"));
    let returns = args.return_url.clone().unwrap_or_else(|| base.clone());
    Ok(Links::new(&base, &returns)?)
}

fn plan(args: &Args) -> Result<Plan, Fault> {
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

/// The first API key, if it is a new one.
async fn first_api_key(store: &Store, renew: bool) -> Result<Option<String>, Fault> {
    let known = store.keys().await?.iter().any(|key| key.id == FIRST_KEY);
    if known && !renew {
        return Ok(None);
    }
    let key = api_key::generate();
    let kept = AccessKey {
        id: FIRST_KEY.to_owned(),
        hash: api_key::hash(&key),
        label: FIRST_KEY.to_owned(),
        scopes: Scope::all_names(),
        created: crate::http::now(),
        expires: None,
    };
    store.put_key(kept).await?;
    Ok(Some(key))
}

/// `2026-11-21T05:18:01.867Z`.
pub(crate) fn iso(date: Date) -> String {
    let digits = date.text();
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    let (day, time) = ((part(0, 4), part(4, 6), part(6, 8)), (part(8, 10), part(10, 12), part(12, 14), part(14, 17)));
    format!("{}-{}-{}T{}:{}:{}.{}Z", day.0, day.1, day.2, time.0, time.1, time.2, time.3)
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
    let routes = routes::all(till, security_txt::router(&args.security_contact));
    axum::serve(listener, routes).with_graceful_shutdown(until_asked()?).await?;
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
