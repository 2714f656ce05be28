//! A thousand honest days: whatever people do with the server, and whatever it refuses, the audit believes its books.

use std::collections::BTreeMap;
use std::sync::Arc;

use protocol::Protocol;
use protocol::message::payment::Payment;
use protocol::money::{Currency, Money};
use protocol::value::YesNo;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use server_stub::audit::audit;
use server_stub::server::fee::Fee;
use server_stub::server::setting::Item;
use server_stub::server::{Config, epoch};
use server_stub::store::record::SessionStatus;
use server_stub::store::{BookRow, EntryText};

use crate::books::HOLDING_ACCOUNT;
use crate::common::actor::{ACCOUNT, Actor, OpenedSession};
use crate::common::payment::{Deal, Promise};
use crate::common::{self, Kind, World, value};

/// Each history has so many people, and so many things happen.
const PEOPLE: usize = 3;
const STEPS: usize = 16;
/// The books are audited after so many steps, and in the end.
const AUDITED: usize = 8;
/// What people pay with.
const CURRENCIES: [&str; 3] = ["usd", "cad", "jpy"];
/// At most so many payments are collected together.
const BATCH: usize = 3;

/// Someone, the sessions that are open, and the payments that were collected.
struct Someone {
    actor: Actor,
    purse: Option<(OpenedSession, Currency)>,
    sales: Option<(OpenedSession, Currency)>,
    sold: Vec<Payment>,
}

/// A history in the making.
struct Day {
    world: World,
    dice: StdRng,
    people: Vec<Someone>,
    orders: u32,
    /// A collection that may be sent again.
    last: Option<String>,
}

/// What happened in many histories, and how often.
type Seen = BTreeMap<String, u32>;

impl Day {
    async fn begin(kind: Kind, seed: u64) -> Self {
        let world = World::new(Protocol::V2, kind);
        let mut day = Self { world, dice: StdRng::seed_from_u64(seed), people: Vec::new(), orders: 0, last: None };
        if day.dice.random_bool(0.5) {
            day.charge().await;
        }
        for n in 0..PEOPLE {
            let someone = day.someone(n).await;
            day.people.push(someone);
        }
        for _ in 0..PEOPLE {
            day.open_purse().await;
            day.open_sales().await;
        }
        day
    }

    /// Somebody with money, half of them with an account to which autoclose sends it.
    async fn someone(&mut self, n: usize) -> Someone {
        let mut actor = self.world.one_of_many("customer", "someone", n).await;
        let mut body = actor.binding(self.world.now, ACCOUNT, "dda", "load,unload");
        if self.dice.random_bool(0.5) {
            (body.autoclose, body.autoclose_passphrase) = (Some(YesNo(true)), Some(value("badnews")));
        }
        let bound = self.world.ask(&mut actor, &body).await;
        actor.keep(&bound);
        self.world.move_funds(&mut actor, "usd 50.00").await;
        Someone { actor, purse: None, sales: None, sold: Vec::new() }
    }

    fn one(&mut self) -> usize {
        self.dice.random_range(0..PEOPLE)
    }

    /// Dollars, mostly: those everyone has.
    fn currency(&mut self) -> Currency {
        if self.dice.random_bool(0.5) {
            return value(CURRENCIES[0]);
        }
        value(CURRENCIES[self.dice.random_range(0..CURRENCIES.len())])
    }

    fn amount(&mut self, most: i64) -> Money {
        let currency = self.currency();
        Money::new(currency, self.dice.random_range(0..most))
    }

    /// Something costs something from now on, or nothing.
    async fn charge(&mut self) {
        let service = Fee::CHARGED[self.dice.random_range(0..Fee::CHARGED.len())];
        let (fixed, basis_points) = (self.dice.random_range(0..30), self.dice.random_range(0..400));
        let fee = self.dice.random_bool(0.8).then_some(Fee { fixed, basis_points });
        let currency = self.currency();
        self.world.set(&Item::Fee { service, currency, from: self.world.now, fee }).await;
    }

    /// Something that may happen any day; whether it works or is refused is not the question.
    async fn step(&mut self) {
        self.world.pass_millis(self.dice.random_range(0..3));
        match self.dice.random_range(0..80) {
            0..6 => self.move_funds().await,
            6..9 => {
                let one = self.one();
                self.load_on_hold(one).await;
            }
            9..17 => self.open_purse().await,
            17..23 => self.open_sales().await,
            23..25 => self.close().await,
            25..28 => self.wait().await,
            28..30 => self.charge().await,
            30..36 => self.refund().await,
            36..38 => self.leave().await,
            38 => self.restore().await,
            39 => self.send_again().await,
            _ => self.pay().await,
        }
    }

    async fn move_funds(&mut self) {
        let (one, amount) = (self.one(), self.amount(4_000));
        let amount = if self.dice.random_bool(0.3) { amount.negated() } else { amount };
        self.world.move_funds(&mut self.people[one].actor, &amount.to_string()).await;
    }

    /// From another account, whose bank takes its time. The one that was bound first is used again after that.
    async fn load_on_hold(&mut self, one: usize) {
        let amount = self.amount(900);
        let mut actor = self.people[one].actor.clone();
        self.world.bind(&mut actor, HOLDING_ACCOUNT, "dda", "load").await;
        self.world.move_funds(&mut actor, &amount.to_string()).await;
        self.people[one].actor.transaction = actor.transaction;
    }

    async fn open(&mut self, one: usize, amount: Money, uses: u64) -> Option<(OpenedSession, Currency)> {
        let minutes = self.dice.random_range(1..60);
        let actor = &mut self.people[one].actor;
        let body = actor.opening(self.world.now, &amount.to_string(), minutes, uses);
        let reply = self.world.ask(actor, &body).await;
        reply.session_id.is_some().then(|| (OpenedSession::of(reply), amount.currency))
    }

    async fn open_purse(&mut self) {
        let (one, amount, uses) = (self.one(), self.amount(3_000), self.dice.random_range(1..6));
        let opened = self.open(one, amount, uses).await;
        self.people[one].purse = opened.or(self.people[one].purse.take());
    }

    async fn open_sales(&mut self) {
        let (one, currency, uses) = (self.one(), self.currency(), self.dice.random_range(1..9));
        let opened = self.open(one, Money::zero(currency), uses).await;
        self.people[one].sales = opened.or(self.people[one].sales.take());
    }

    /// One session, or all.
    async fn close(&mut self) {
        let one = self.one();
        let purse = self.people[one].purse.as_ref().map(|(purse, _)| purse.id.clone());
        let purse = purse.filter(|_| self.dice.random_bool(0.5));
        let body = self.people[one].actor.closing(self.world.now, purse.as_ref(), false);
        self.world.ask(&mut self.people[one].actor, &body).await;
    }

    async fn wait(&mut self) {
        self.world.pass_secs(self.dice.random_range(1..1_800));
        if self.dice.random_bool(0.7) {
            self.world.server.sweep(self.world.now).await.expect("a store");
        }
    }

    /// A promise for what somebody sells; one in ten is of the wrong amount.
    fn promise(&mut self, one: usize, seller: usize, currency: Currency) -> Option<Promise> {
        let price = Money::new(currency, self.dice.random_range(0..900));
        let payee = self.people[seller].actor.id.clone().expect("an id");
        let (mut purse, of) = self.people[one].purse.take()?;
        let mut cost = Config::default().convert(price, of).expect("a rate").expect("an amount");
        cost.minor += i64::from(self.dice.random_bool(0.1));
        self.orders += 1;
        let order = format!("order-{}", self.orders);
        let (price, amount) = (price.to_string(), cost.to_string());
        let deal = Deal { payee: &payee, order: &order, price: &price, amount: &amount };
        let promise = self.world.promise(&mut purse, &deal);
        self.people[one].purse = Some((purse, of));
        Some(promise)
    }

    /// A few payments from anyone, the payee included, collected together.
    async fn pay(&mut self) {
        let seller = self.one();
        let Some((mut sales, currency)) = self.people[seller].sales.take() else { return };
        let mut promises = Vec::new();
        for _ in 0..self.dice.random_range(1..=BATCH) {
            // Who pays into an own session is refused, now and then.
            let one = (seller + self.dice.random_range(0..4) % PEOPLE + 1) % PEOPLE;
            promises.extend(self.promise(one, seller, currency));
        }
        if !promises.is_empty() {
            let (_, ca2) = self.world.collection(&mut sales, &promises);
            self.world.send(&ca2).await;
            self.last = Some(ca2);
            self.people[seller].sold.extend(promises.into_iter().map(|promise| promise.received.payment));
        }
        self.people[seller].sales = Some((sales, currency));
    }

    async fn send_again(&mut self) {
        if let Some(ca2) = &self.last {
            self.world.send(ca2).await;
        }
    }

    /// All that is left, or a part.
    async fn refund(&mut self) {
        let (first, part) = (self.one(), self.amount(300).to_string());
        let part = Some(part.as_str()).filter(|_| self.dice.random_bool(0.6));
        let sold = |one: &usize| !self.people[*one].sold.is_empty();
        let Some(one) = (first..first + PEOPLE).map(|one| one % PEOPLE).find(sold) else { return };
        let which = self.dice.random_range(0..self.people[one].sold.len());
        let payment = self.people[one].sold[which].clone();
        let body = self.people[one].actor.refunding(self.world.now, &payment, part);
        self.world.ask(&mut self.people[one].actor, &body).await;
    }

    /// Autoclose, with the right passphrase or a wrong one, and perhaps a load on hold.
    async fn leave(&mut self) {
        let one = self.one();
        if self.dice.random_bool(0.5) {
            self.load_on_hold(one).await;
        }
        let body = Actor::autoclosing(self.world.now, if self.dice.random_bool(0.7) { "badnews" } else { "x" });
        self.world.ask(&mut self.people[one].actor, &body).await;
    }

    /// The books are taken for restored ones, by a new server.
    async fn restore(&mut self) {
        let begun = epoch::begin(&*self.world.store, self.world.now).await.expect("an epoch");
        let config = Config { restored: Some(begun.epoch.began), ..World::config() };
        self.world.server = Arc::new(common::server(self.world.store.clone(), config));
        self.world.now = begun.epoch.began.plus_secs([1, 24 * 3_600 + 1][usize::from(self.dice.random_bool(0.5))]);
        self.world.server.refresh(self.world.now).await.expect("settings");
    }

    async fn is_believed(&self, when: &str) {
        let lies = audit(&*self.world.store).await.expect("a store").lies;
        assert_eq!(lies, [], "{when}");
    }

    /// Counts what the books tell of.
    async fn count(&self, seen: &mut Seen) {
        let mut see = |row| {
            let what = match row {
                BookRow::Entry(_, entry) => {
                    let abroad = entry.debit.to_string().starts_with("exchange");
                    let EntryText { reason, .. } = EntryText::of(&entry);
                    format!("{reason}{}", if abroad { " abroad" } else { "" })
                }
                BookRow::Session { session, .. } => match session.status {
                    SessionStatus::Open => "open session".to_owned(),
                    SessionStatus::Ended(_, why) => format!("{why:?} session"),
                },
                _ => return,
            };
            *seen.entry(what).or_default() += 1;
        };
        self.world.store.show(&mut see).await.expect("a store");
    }
}

/// The books of many histories are believed; yields what happened in them.
async fn believed(kind: Kind, seeds: std::ops::Range<u64>) -> Seen {
    let mut seen = Seen::new();
    for seed in seeds {
        let mut day = Day::begin(kind, seed).await;
        for n in 0..STEPS {
            if n % AUDITED == AUDITED - 1 {
                day.is_believed(&format!("history {seed}, before step {n}")).await;
            }
            day.step().await;
        }
        day.is_believed(&format!("history {seed}, in the end")).await;
        day.count(&mut seen).await;
    }
    seen
}

/// Everything that can happen has happened, `least` times or more.
fn assert_varied(seen: &Seen, least: u32) {
    println!("{seen:?}");
    let happens = [
        "load",
        "clearing",
        "cancel",
        "unload",
        "open",
        "return",
        "payment",
        "payment abroad",
        "refund",
        "refund abroad",
        "fee",
        "open session",
        "Closed session",
        "Expired session",
        "UsedUp session",
    ];
    for what in happens {
        assert!(seen.get(what).is_some_and(|times| *times >= least), "{what}: {seen:?}");
    }
}

/// The thousand, in four tests that can run side by side.
macro_rules! quarters {
    ($($name:ident $first:literal)*) => {
        $(#[tokio::test] async fn $name() {
            assert_varied(&believed(Kind::Memory, $first..$first + 250).await, 2);
        })*
    };
}

quarters! {
    a_thousand_honest_histories_raise_no_alarm_1 0
    a_thousand_honest_histories_raise_no_alarm_2 250
    a_thousand_honest_histories_raise_no_alarm_3 500
    a_thousand_honest_histories_raise_no_alarm_4 750
}

#[tokio::test]
async fn honest_histories_on_the_disk_raise_no_alarm() {
    believed(Kind::Sqlite, 1_000..1_020).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn honest_histories_in_a_database_raise_no_alarm() {
    believed(Kind::Postgres, 1_020..1_023).await;
}

#[tokio::test]
#[ignore = "minutes: for soak"]
async fn a_thousand_honest_histories_on_the_disk_raise_no_alarm() {
    assert_varied(&believed(Kind::Sqlite, 2_000..3_000).await, 10);
}
