//! A shopper of the world: the real wallet over a disk that survives its death, and a hand that presses buttons.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use async_trait::async_trait;
use protocol::Protocol;
use protocol::date::Date;
use protocol::keys::Published;
use protocol::money::{Currency, Money};
use protocol::store::MemoryStore;
use rand_core::CryptoRng;
use wallet_messages::{BindInstrument, Load, OpenSession, Phase, Register, SessionState, Unload};
use wallet_wasm::fault::WalletFault;
use wallet_wasm::record::Page;
use wallet_wasm::wallet::Wallet;
use wallet_wasm::wallet::logs::Logs;
use wallet_wasm::world::{PageOutcome, World};

use super::clockwork::{Owner, between, fork, happens, now_millis, one_of, sleep, spawn};
use super::disk::WalletDisk;
use super::fate::note;
use super::net::{Letter, Net};
use super::till::CURRENCIES;
use super::{CANARY_ACCOUNT, CANARY_PASSPHRASE, SERVER_URL};

/// The wallet of a shopper.
pub type Customer = Wallet<WalletDisk, Browser>;

/// What a wallet is made of, and what outlives its death.
#[derive(Clone)]
pub struct Seat {
    /// Who it is.
    pub party: Owner,
    /// What it asks to be called.
    pub name: &'static str,
    /// What it speaks.
    pub protocol: Protocol,
    /// Its server.
    pub server: Owner,
    /// Its disk.
    pub disk: MemoryStore,
    /// The vault's key while the browser runs.
    pub key: Rc<RefCell<Option<String>>>,
    /// By how much its clock is wrong, milliseconds.
    pub wrong_millis: Rc<Cell<i64>>,
    /// How many times it was started.
    pub starts: Rc<Cell<u32>>,
    /// How many buttons of [`STORY`] were pressed.
    pub pressed: Rc<Cell<usize>>,
}

/// The world as a wallet sees it.
pub struct Browser {
    seat: Seat,
    net: Rc<Net>,
    tills: Vec<Shop>,
    stopwatch: Cell<i64>,
}

/// What everything takes that is measured, milliseconds.
const SLOW_MILLIS: i64 = 10_000;

/// Where something can be bought.
pub type Shop = (&'static str, Owner);

impl std::fmt::Debug for Browser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Browser({})", self.seat.party.0)
    }
}

#[async_trait(?Send)]
impl World for Browser {
    fn now(&self) -> Date {
        Date::from_millis(now_millis() + self.seat.wrong_millis.get())
    }

    /// A slow machine's: a passphrase then costs the least that is allowed.
    fn stopwatch_ms(&self) -> i64 {
        self.stopwatch.set(self.stopwatch.get() + SLOW_MILLIS);
        self.stopwatch.get()
    }

    fn rng(&self) -> Box<dyn CryptoRng> {
        Box::new(fork())
    }

    async fn post(&self, url: &str, message: &str) -> Option<Vec<u8>> {
        let party = self.seat.party;
        if url == format!("{SERVER_URL}/cybercash") {
            return self.net.call(party, self.seat.server, Letter::Message(message.as_bytes().to_vec())).await;
        }
        let (origin, till) = self.tills.iter().find(|(origin, _)| url.starts_with(origin))?;
        let order = url.strip_prefix(origin)?.strip_prefix("/orders/")?.strip_suffix("/pay")?;
        let letter = Letter::Pay { order: order.to_owned(), ca1: message.as_bytes().to_vec() };
        self.net.call(party, *till, letter).await
    }

    async fn get(&self, url: &str) -> Option<Vec<u8>> {
        if url != format!("{SERVER_URL}/cybercash/keys") {
            return None;
        }
        let keys = self.net.call(self.seat.party, self.seat.server, Letter::Keys).await?;
        let mut published: Published = serde_json::from_slice(&keys).ok()?;
        // An old wallet sees nothing newer.
        published.protocols.retain(|number| number == self.seat.protocol.number());
        serde_json::to_vec(&published).ok()
    }

    async fn keep_key(&self, key: Option<&str>) {
        *self.seat.key.borrow_mut() = key.map(str::to_owned);
    }

    fn changed(&self) {}

    fn outcome(&self, page: &Page, outcome: &PageOutcome) {
        self.net.overhear("what a page is told", &format!("{outcome:?}"));
        note(self.seat.party, "page is told", || format!("{} {outcome:?}", page.id));
    }
}

/// Opens a wallet on its disk.
pub fn open(seat: &Seat, net: &Rc<Net>, tills: &[Shop]) -> Rc<Customer> {
    seat.starts.set(seat.starts.get() + 1);
    let browser = Browser { seat: seat.clone(), net: Rc::clone(net), tills: tills.to_vec(), stopwatch: Cell::new(0) };
    let run = format!("{}-{}", seat.party.0, seat.starts.get());
    let disk = WalletDisk { party: seat.party, platter: seat.disk.clone() };
    let key = seat.key.borrow().clone();
    Rc::new(Wallet::new(disk, browser, &run, key.as_deref()))
}

/// What a hand does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Button {
    Load,
    Unload,
    Open,
    Pay,
    Close,
    Resume,
    GiveBack,
    Settle,
    ChangeKey,
    Refresh,
}

impl Button {
    fn choose() -> Self {
        match between(0, 99) {
            0..8 => Self::Load,
            8..14 => Self::Unload,
            14..30 => Self::Open,
            30..82 => Self::Pay,
            82..88 => Self::Close,
            88..92 => Self::Resume,
            92..96 => Self::GiveBack,
            96..98 => Self::Settle,
            _ => Self::Refresh,
        }
    }
}

/// Every procedure once: what is pressed in a world that is told step by step.
const STORY: [Button; 11] = [
    Button::Load,
    Button::Open,
    Button::Pay,
    Button::Pay,
    Button::GiveBack,
    Button::ChangeKey,
    Button::Close,
    Button::Unload,
    Button::Settle,
    Button::Refresh,
    Button::Resume,
];

/// What a hand does when it is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Script {
    /// It presses what the seed decides until the world rests, milliseconds since 1970.
    Anything(i64),
    /// It presses every button once.
    Story,
}

/// A hand that presses buttons of a wallet until its world ends.
pub struct Hand {
    /// The wallet.
    pub wallet: Rc<Customer>,
    /// Whose.
    pub seat: Seat,
    /// Its way to everybody else.
    pub net: Rc<Net>,
    /// Where to buy.
    pub tills: Vec<Shop>,
    /// What it does.
    pub script: Script,
}

impl Hand {
    /// Sets the hand to work.
    pub fn start(self) {
        spawn(self.seat.party, async move { self.work().await });
    }

    async fn work(self) {
        self.get_ready().await;
        match self.script {
            Script::Anything(rest_millis) => self.press_anything(rest_millis).await,
            Script::Story => self.press_everything().await,
        }
        loop {
            self.clear_up().await;
            sleep(between(2_000, 20_000)).await;
        }
    }

    /// Goes on with the story where the last life left it.
    async fn press_everything(&self) {
        while let Some(button) = STORY.get(self.seat.pressed.get()) {
            self.seat.pressed.set(self.seat.pressed.get() + 1);
            let outcome = self.press(*button).await;
            note(self.seat.party, "pressed", || format!("{button:?}: {outcome:?}"));
        }
    }

    async fn press_anything(&self, rest_millis: i64) {
        while now_millis() < rest_millis {
            self.unlock().await;
            let button = Button::choose();
            let outcome = self.press(button).await;
            note(self.seat.party, "pressed", || format!("{button:?}: {outcome:?}"));
            // Two buttons at once, now and then: a click in the popup while a payment is on its way.
            if happens(200) {
                let _ = tokio::join!(self.press(Button::choose()), self.press(Button::choose()));
            }
            sleep(between(50, 4_000)).await;
        }
    }

    /// Unlocks, or registers and binds where that is not done.
    async fn get_ready(&self) {
        loop {
            match self.wallet.state().await.map(|state| state.phase) {
                Ok(Phase::Open) => {
                    let home = self.wallet.state().await.ok().and_then(|state| state.home);
                    if home.is_some_and(|home| !home.instruments.is_empty()) {
                        break;
                    }
                    note(self.seat.party, "binds", String::new);
                    let _ = self.wallet.bind(account()).await;
                }
                Ok(Phase::New) => drop(self.wallet.register(application(self.seat.name)).await),
                Ok(Phase::Locked) => drop(self.wallet.unlock(CANARY_PASSPHRASE).await),
                Err(_) => {}
            }
            sleep(between(500, 5_000)).await;
        }
        let _ = self.wallet.resume().await;
    }

    async fn press(&self, button: Button) -> Result<(), String> {
        let outcome = self.push(button).await;
        if let Err(said) = &outcome {
            self.net.overhear("an error", said);
        }
        outcome
    }

    async fn push(&self, button: Button) -> Result<(), String> {
        match button {
            Button::Load => self.load(between(1, 20_000)).await,
            Button::Unload => self.unload().await,
            Button::Open => self.wallet.open_session(session()).await.map(drop).map_err(|fault| fault.to_string()),
            Button::Pay => self.pay().await,
            Button::Close => self.close().await,
            Button::Resume => self.wallet.resume().await.map(drop).map_err(|fault| fault.to_string()),
            Button::GiveBack => self.ask_back().await,
            Button::Settle => self.ask_to_settle().await,
            // In the story alone: a copied profile is worthless from then on.
            Button::ChangeKey => self.wallet.change_key().await.map(drop).map_err(|fault| fault.to_string()),
            Button::Refresh => self.wallet.refresh().await.map(drop).map_err(|fault| fault.to_string()),
        }
    }

    /// Asks the merchant to give back what one of the paid orders cost.
    async fn ask_back(&self) -> Result<(), String> {
        let logs = Logs::load(&self.seat.disk).await.map_err(|fault| fault.to_string())?;
        let paid: Vec<_> =
            logs.payments.iter().map(|held| &held.record).filter(|log| log.answer.problem.is_none()).collect();
        let log = if paid.is_empty() { return Err("nothing is paid".to_owned()) } else { *one_of(&paid) };
        let shop = self.tills.iter().find(|(origin, _)| *origin == log.page.origin).ok_or("an unknown shop")?;
        let heard = self.net.call(self.seat.party, shop.1, Letter::GiveBack(log.order.clone())).await;
        heard.map(drop).ok_or_else(|| "the till does not say that it will".to_owned())
    }

    /// Asks a merchant to bring what was earned to the bank.
    async fn ask_to_settle(&self) -> Result<(), String> {
        let heard = self.net.call(self.seat.party, one_of(&self.tills).1, Letter::Settle).await;
        heard.map(drop).ok_or_else(|| "the till does not say that it will".to_owned())
    }

    async fn instrument(&self) -> Option<String> {
        Some(self.wallet.state().await.ok()?.home?.instruments.first()?.id.clone())
    }

    async fn load(&self, minor: i64) -> Result<(), String> {
        let instrument = self.instrument().await.ok_or("no instrument")?;
        let input = Load { instrument, amount: cents(minor) };
        self.wallet.load(input).await.map(drop).map_err(|fault| fault.to_string())
    }

    async fn unload(&self) -> Result<(), String> {
        let instrument = self.instrument().await.ok_or("no instrument")?;
        let input = Unload { instrument, amount: cents(between(1, 5_000)) };
        self.wallet.unload(input).await.map(drop).map_err(|fault| fault.to_string())
    }

    async fn pay(&self) -> Result<(), String> {
        let (origin, till) = *one_of(&self.tills);
        let code = one_of(&CURRENCIES);
        let price = Money::new(Currency::of(code).ok_or("a currency")?, between(1, 3_000));
        let offer = self.net.call(self.seat.party, till, Letter::Buy(price)).await.ok_or("the till is closed")?;
        let offer = String::from_utf8(offer).map_err(|_| "not a text")?;
        let id = format!("click-{}", between(0, i64::MAX));
        let page = Page { origin: origin.to_owned(), tab: 1, document: None, id, run: String::new() };
        let request = self.wallet.accept(page, &offer).await.map_err(|fault| fault.to_string())?;
        if self.script != Script::Story && happens(100) {
            return self.wallet.refuse(&request).await.map(drop).map_err(|fault| fault.to_string());
        }
        let mut paid = self.wallet.approve(&request).await;
        if paid == Err(WalletFault::NoSessionFits) && self.wallet.open_session(session()).await.is_ok() {
            paid = self.wallet.approve(&request).await;
        }
        // What is not promised is taken back, so that the shop may ask again; what is promised stays so.
        let _ = self.wallet.refuse(&request).await;
        paid.map(drop).map_err(|fault| fault.to_string())
    }

    async fn close(&self) -> Result<(), String> {
        let home = self.wallet.state().await.map_err(|fault| fault.to_string())?.home.ok_or("locked")?;
        let open: Vec<_> = home.sessions.iter().filter(|session| session.state == SessionState::Open).collect();
        if open.is_empty() {
            return Err("no session".to_owned());
        }
        let id = one_of(&open).id.clone();
        self.wallet.close_session(&id).await.map(drop).map_err(|fault| fault.to_string())
    }

    /// A wallet that was left alone has locked itself.
    async fn unlock(&self) {
        if self.wallet.state().await.is_ok_and(|state| state.phase == Phase::Locked) {
            let _ = self.wallet.unlock(CANARY_PASSPHRASE).await;
        }
    }

    /// Finishes what waits and closes what is open.
    async fn clear_up(&self) {
        self.unlock().await;
        let _ = self.wallet.resume().await;
        let Ok(Some(home)) = self.wallet.state().await.map(|state| state.home) else { return };
        for session in home.sessions.iter().filter(|session| session.state != SessionState::Closed) {
            let _ = self.wallet.close_session(&session.id).await;
        }
        // What merchants gave back, and what came while an answer was lost, is told by statements; protocol 1.0 has none, and
        // there the answer to the next load tells the balance.
        if self.seat.protocol == Protocol::V1 {
            let _ = self.load(1).await;
        } else {
            let _ = self.wallet.refresh().await;
        }
    }
}

fn cents(minor: i64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}

fn session() -> OpenSession {
    // Half of them end in the middle of something.
    let longest = if happens(500) { 1 } else { 20 };
    let minutes = u32::try_from(between(1, longest)).unwrap_or(1);
    let uses = u16::try_from(between(1, 8)).unwrap_or(1);
    OpenSession { amount: cents(between(100, 9_000)), minutes, uses, note: String::new() }
}

/// What a shopper registers with.
fn application(name: &str) -> Register {
    Register {
        server: SERVER_URL.to_owned(),
        requested_id: name.to_owned(),
        email: format!("{name}@reality.example"),
        language: "en-us".to_owned(),
        currency: "usd".to_owned(),
        agreements: Vec::new(),
        passphrase: CANARY_PASSPHRASE.to_owned(),
        autoclose_passphrase: Some(super::CANARY_AUTOCLOSE.to_owned()),
    }
}

fn account() -> BindInstrument {
    BindInstrument {
        kind: "dda".to_owned(),
        number: CANARY_ACCOUNT.to_owned(),
        expires: None,
        name: "Brian Brian".to_owned(),
        address: "100 Elm Street".to_owned(),
        city: "Nice Place".to_owned(),
        state: "VA".to_owned(),
        postal_code: "00000".to_owned(),
        country: "us".to_owned(),
        autoclose: Some(super::CANARY_AUTOCLOSE.to_owned()),
    }
}
