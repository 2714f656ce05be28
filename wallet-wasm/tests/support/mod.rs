//! A simulated world: a clock we set, a server and a till in memory, and a network that loses what we tell it to.

#![allow(dead_code, reason = "each test file uses a part")]

pub mod bank;
pub mod mortal;
pub mod till;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use async_trait::async_trait;
use protocol::Protocol;
use protocol::date::Date;
use protocol::store::{MemoryStore, Store};
use rand_core::{CryptoRng, TryCryptoRng, TryRng};
use wallet_messages::{
    ActivityState, BindInstrument, Bound, Home, Load, MoneyView, OpenSession, Register, Registered, SessionView,
};
use wallet_wasm::fault::WalletFault;
use wallet_wasm::record::Page;
use wallet_wasm::wallet::Wallet;
use wallet_wasm::world::{PageOutcome, World};

use bank::Bank;
use mortal::Life;
use till::{ORIGIN, Till, beginning};

pub const PASSPHRASE: &str = "enterprise";
pub const SERVER: &str = "http://127.0.0.1:8401";
pub const ACCOUNT: &str = "059013218175654";

/// A generator that counts (`SplitMix64`). A committed backup file holds the keys that it gave, and no crate promises to give
/// the same for ever.
#[derive(Clone)]
pub struct Counting(pub u64);

impl TryRng for Counting {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        self.try_next_u64().map(|n| (n >> 32).try_into().expect("32 bits"))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        Ok(z ^ (z >> 31))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.try_next_u64()?.to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

impl TryCryptoRng for Counting {}

/// What the network does to the next messages, first come first served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Weather {
    Fair,
    /// The message does not arrive.
    LosesRequest,
    /// It arrives, and its answer does not.
    LosesReply,
    /// Something else comes back.
    Answers(String),
}

/// What all openings of the wallet share.
pub struct Earth {
    pub bank: Bank,
    pub till: Till,
    pub weather: Vec<Weather>,
    pub sent: Vec<(String, String)>,
    pub outcomes: Vec<(String, PageOutcome)>,
}

impl Earth {
    /// An offer whose addresses are of that origin.
    pub fn of_origin(&mut self, origin: &str) -> String {
        self.till.offer(&mut self.bank, "order-1", "usd 1.00", origin)
    }

    /// An offer of rocket shoes with other words.
    pub fn with_note(&mut self, note: &str) -> String {
        note.clone_into(&mut self.till.note);
        self.till.offer(&mut self.bank, "order-1", "usd 42.50", ORIGIN)
    }
}

#[derive(Clone)]
pub struct Sim {
    pub earth: Rc<RefCell<Earth>>,
    pub now: Rc<Cell<i64>>,
    pub key: Rc<RefCell<Option<String>>>,
    pub life: Life,
    seed: Rc<Cell<u64>>,
    stopwatch: Rc<Cell<i64>>,
    /// How many milliseconds anything takes: so many that passphrases stay cheap.
    pub slowness: Rc<Cell<i64>>,
}

impl Sim {
    pub fn new(protocol: Protocol) -> Self {
        let mut bank = Bank::new(protocol, beginning());
        let till = Till::new(&mut bank);
        let earth = Earth { bank, till, weather: Vec::new(), sent: Vec::new(), outcomes: Vec::new() };
        Self {
            earth: Rc::new(RefCell::new(earth)),
            now: Rc::new(Cell::new(beginning().millis())),
            key: Rc::default(),
            life: Life::default(),
            seed: Rc::new(Cell::new(1)),
            stopwatch: Rc::default(),
            slowness: Rc::new(Cell::new(900)),
        }
    }

    /// Lets time pass for everybody.
    pub fn wait(&self, seconds: i64) {
        self.now.set(self.now.get() + seconds * 1000);
        let mut earth = self.earth.borrow_mut();
        earth.bank.now = earth.bank.now.plus_secs(seconds);
    }

    pub fn weather(&self, weather: &[Weather]) {
        self.earth.borrow_mut().weather = weather.to_vec();
    }

    fn forecast(&self) -> Weather {
        let mut earth = self.earth.borrow_mut();
        if earth.weather.is_empty() { Weather::Fair } else { earth.weather.remove(0) }
    }

    pub fn effects(&self, kind: &str) -> usize {
        self.earth.borrow().bank.effects.get(kind).copied().unwrap_or_default()
    }

    /// What the wallet says it has is what the server says it has.
    pub async fn assert_in_step<S: Store>(&self, wallet: &SimWallet<S>) {
        let home = home(wallet).await;
        let earth = self.earth.borrow();
        assert_eq!(home.balance, usd(earth.bank.available.minor), "the container");
        let open: i64 = home.sessions.iter().map(|session| session.left.minor).sum();
        assert_eq!(open, earth.bank.total().minor - earth.bank.available.minor, "the sessions");
        let waits = home.activity.iter().find(|entry| entry.state == ActivityState::Waiting);
        assert_eq!(waits, None, "nothing waits any more");
    }

    /// Another browser's world round the same earth.
    pub fn elsewhere(&self) -> Self {
        self.seed.set(self.seed.get() + 1_000_000);
        Self { key: Rc::new(RefCell::new(self.key.borrow().clone())), ..self.clone() }
    }
}

#[async_trait(?Send)]
impl World for Sim {
    fn now(&self) -> Date {
        Date::from_millis(self.now.get())
    }

    fn stopwatch_ms(&self) -> i64 {
        self.stopwatch.set(self.stopwatch.get() + self.slowness.get());
        self.stopwatch.get()
    }

    fn rng(&self) -> Box<dyn CryptoRng> {
        self.seed.set(self.seed.get() + 1);
        Box::new(Counting(self.seed.get() << 20))
    }

    async fn post(&self, url: &str, message: &str) -> Option<Vec<u8>> {
        self.life.step().await;
        // Time passes between any two messages.
        self.wait(1);
        let weather = self.forecast();
        let earth = &mut *self.earth.borrow_mut();
        earth.sent.push((url.to_owned(), message.to_owned()));
        if weather == Weather::LosesRequest {
            return None;
        }
        if let Weather::Answers(text) = weather {
            return Some(text.into_bytes());
        }
        let for_till = url == format!("{ORIGIN}/pay");
        let reply = if for_till { earth.till.pay(&mut earth.bank, message) } else { earth.bank.answer(message) };
        (weather == Weather::Fair).then(|| reply.into_bytes())
    }

    async fn get(&self, url: &str) -> Option<Vec<u8>> {
        assert_eq!(url, format!("{SERVER}/cybercash/keys"));
        (self.forecast() == Weather::Fair).then(|| self.earth.borrow().bank.published().into_bytes())
    }

    async fn keep_key(&self, key: Option<&str>) {
        *self.key.borrow_mut() = key.map(str::to_owned);
    }

    fn changed(&self) {}

    fn outcome(&self, page: &Page, outcome: &PageOutcome) {
        self.earth.borrow_mut().outcomes.push((page.id.clone(), outcome.clone()));
    }
}

pub type SimWallet<S = MemoryStore> = Wallet<S, Sim>;

/// The wallet as a restarted worker opens it.
pub fn open<S: Store + Clone>(store: &S, sim: &Sim) -> SimWallet<S> {
    let key = sim.key.borrow().clone();
    Wallet::new(store.clone(), sim.clone(), "run-1", key.as_deref())
}

pub fn registration() -> Register {
    Register {
        server: SERVER.to_owned(),
        requested_id: "BrianB".to_owned(),
        email: "brianb@reality.com".to_owned(),
        language: "en-us".to_owned(),
        currency: "usd".to_owned(),
        agreements: vec![75],
        passphrase: PASSPHRASE.to_owned(),
        autoclose_passphrase: Some("badnews".to_owned()),
    }
}

pub fn account() -> BindInstrument {
    BindInstrument {
        kind: "dda".to_owned(),
        number: ACCOUNT.to_owned(),
        expires: None,
        name: "Brian Brian".to_owned(),
        address: "100 Elm Street".to_owned(),
        city: "Nice Place".to_owned(),
        state: "VA".to_owned(),
        postal_code: "00000".to_owned(),
        country: "us".to_owned(),
        autoclose: Some("badnews".to_owned()),
    }
}

pub fn session(amount: &str) -> OpenSession {
    OpenSession { amount: amount.to_owned(), minutes: 120, uses: 25, note: "Christmas shopping spree.".to_owned() }
}

pub fn load(instrument: &str, amount: &str) -> Load {
    Load { instrument: instrument.to_owned(), amount: amount.to_owned() }
}

pub fn usd(minor: i64) -> MoneyView {
    MoneyView { currency: "usd".to_owned(), minor, digits: 2 }
}

pub fn page(id: &str) -> Page {
    Page { origin: ORIGIN.to_owned(), tab: 7, document: Some("D1".to_owned()), id: id.to_owned(), run: String::new() }
}

/// A wallet with a persona and a bound account.
pub async fn bound<S: Store + Clone>(sim: &Sim, store: &S) -> (SimWallet<S>, String) {
    let wallet = open(store, sim);
    assert_eq!(wallet.register(registration()).await, Ok(Registered::Persona("brianb-40".to_owned())));
    let Ok(Bound::Instrument(instrument)) = wallet.bind(account()).await else { panic!("an instrument expected") };
    (wallet, instrument.id)
}

/// A wallet with $30.00 in its container and a session of $70.00.
pub async fn with_session<S: Store + Clone>(sim: &Sim, store: &S) -> (SimWallet<S>, SessionView) {
    let (wallet, instrument) = bound(sim, store).await;
    wallet.load(load(&instrument, "100.00")).await.expect("a load");
    let session = wallet.open_session(session("70.00")).await.expect("a session");
    (wallet, session)
}

pub fn offer(sim: &Sim, order: &str, price: &str) -> String {
    let earth = &mut *sim.earth.borrow_mut();
    earth.till.offer(&mut earth.bank, order, price, ORIGIN)
}

/// Hands an offer to the wallet; yields the approval.
pub async fn ask<S: Store>(wallet: &SimWallet<S>, sim: &Sim, order: &str, price: &str) -> Result<String, WalletFault> {
    let text = offer(sim, order, price);
    wallet.accept(page(order), &text).await
}

pub async fn home<S: Store>(wallet: &SimWallet<S>) -> Home {
    wallet.state().await.expect("a state").home.expect("an open wallet")
}

/// For what does not depend on the suite: the newer alone, whose keys cost nothing.
pub fn modern(test: impl AsyncFn(Protocol)) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(test(Protocol::V2));
}

pub fn both(test: impl AsyncFn(Protocol)) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    for protocol in Protocol::ALL {
        runtime.block_on(test(protocol));
    }
}
