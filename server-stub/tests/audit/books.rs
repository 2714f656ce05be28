//! Books that the audit believes, and copies of them in which something was changed.

use std::path::Path;

use protocol::Protocol;
use protocol::message::payment::Payment;
use protocol::message::report::MessageReport;
use protocol::outcome::{Problem, ResponseCode};
use protocol::value::YesNo;
use rusqlite::Connection;
use server_stub::audit::audit;
use server_stub::server::fee::Fee;
use server_stub::server::setting::Item;
use server_stub::server::{Config, epoch};
use server_stub::store::sqlite::SqliteBooks;

use crate::common::actor::{ACCOUNT, Actor, OpenedSession};
use crate::common::payment::Deal;
use crate::common::{self, Kind, World, value};

/// An account whose loads are on hold for a while.
pub const HOLDING_ACCOUNT: &str = "059013218175002";

/// Books with a bit of everything: two currencies, sessions that are open, closed, expired and used up, money on hold.
pub async fn busy_books() -> World {
    let mut world = World::new(Protocol::V2, Kind::Sqlite);
    let mut brian = world.customer("brianb", "usd 100.00").await;
    let mut acme = world.registered("merchant", "acme").await;
    let payee = acme.id.clone().expect("an id");
    let mut first = world.open(&mut brian, "usd 40.00", 120, 2).await;
    let mut second = world.open(&mut brian, "usd 30.00", 1, 25).await;
    let mut sales = world.open(&mut acme, "usd 0.00", 960, 90).await;
    let mut canadian = world.open(&mut acme, "cad 0.00", 960, 90).await;
    let deal = |order, price, amount| Deal { payee: &payee, order, price, amount };
    world.pay(&mut first, &mut sales, &deal("a", "usd 4.25", "usd 4.25")).await;
    world.pay(&mut second, &mut sales, &deal("b", "usd 5.00", "usd 5.00")).await;
    world.pay(&mut second, &mut canadian, &deal("c", "cad 14.00", "usd 10.00")).await;
    world.pay(&mut first, &mut canadian, &deal("d", "cad 7.00", "usd 5.00")).await;
    world.pass_secs(120);
    assert_eq!(world.server.sweep(world.now).await, Ok(1));
    let body = acme.closing(world.now, Some(&sales.id), false);
    world.ask(&mut acme, &body).await;
    world.open(&mut brian, "usd 12.00", 120, 25).await;
    world.bind(&mut brian, HOLDING_ACCOUNT, "dda", "load").await;
    world.move_funds(&mut brian, "usd 9.00").await;
    world
}

/// From now on, everything that can cost something does.
pub async fn charge_for_all(world: &World) {
    for service in Fee::CHARGED {
        let fee = Some(Fee { fixed: 3, basis_points: 500 });
        world.set(&Item::Fee { service, currency: common::value("usd"), from: world.now, fee }).await;
    }
}

/// Books with a fee of each kind: of a load on hold and one that cleared, an opening, a payment, a closing.
pub async fn charged_books() -> World {
    let mut world = World::new(Protocol::V2, Kind::Sqlite);
    charge_for_all(&world).await;
    let mut brian = world.customer("brianb", "usd 100.00").await;
    let mut acme = world.registered("merchant", "acme").await;
    world.bind(&mut acme, ACCOUNT, "dda", "load,unload").await;
    world.move_funds(&mut acme, "usd 10.00").await;
    let payee = acme.id.clone().expect("an id");
    let mut spree = world.open(&mut brian, "usd 40.00", 120, 25).await;
    let mut sales = world.open(&mut acme, "usd 0.00", 960, 90).await;
    world.pay(&mut spree, &mut sales, &Deal { payee: &payee, order: "a", price: "usd 8.00", amount: "usd 8.00" }).await;
    let body = brian.closing(world.now, Some(&spree.id), false);
    world.ask(&mut brian, &body).await;
    world.bind(&mut brian, HOLDING_ACCOUNT, "dda", "load").await;
    world.move_funds(&mut brian, "usd 9.00").await;
    world
}

/// A copy of the books.
pub fn copied(world: &World) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let source = Connection::open(world.folder().join("books.sqlite")).expect("books");
    source.execute("VACUUM INTO ?1", [folder.path().join("books.sqlite").to_string_lossy()]).expect("a copy");
    folder
}

/// A copy of the books in which something was changed.
pub fn corrupted(world: &World, statements: &str) -> tempfile::TempDir {
    let folder = copied(world);
    let books = Connection::open(folder.path().join("books.sqlite")).expect("a copy");
    books.pragma_update(None, "ignore_check_constraints", true).expect("a setting");
    for statement in statements.split(';') {
        let changed = books.execute(statement, []).unwrap_or_else(|error| panic!("{statement}: {error}"));
        assert!(changed > 0, "{statement} changes nothing");
    }
    folder
}

/// What the audit says of books in a folder.
pub async fn lies(folder: &Path) -> Vec<String> {
    let findings = audit(&SqliteBooks::open(folder)).await.expect("books");
    findings.lies.iter().map(ToString::to_string).collect()
}

/// Who fills the books of which every table has rows. No two things happen at the same moment.
struct Street {
    world: World,
    brian: Actor,
    acme: Actor,
    orders: u32,
}

/// Books in which every table has rows, and rows of each kind.
pub async fn full_books() -> World {
    let mut world = World::new(Protocol::V2, Kind::Sqlite);
    let mut street = {
        charge_for_all(&world).await;
        let brian = world.customer("brianb", "usd 100.00").await;
        let mut acme = world.registered("merchant", "acme").await;
        world.bind(&mut acme, ACCOUNT, "dda", "load,unload").await;
        world.pass_millis(7);
        world.move_funds(&mut acme, "usd 10.00").await;
        Street { world, brian, acme, orders: 0 }
    };
    street.sell().await;
    street.restore().await;
    street.sell().await;
    street.hold().await;
    street.leave().await;
    street.ask_around().await;
    street.world
}

impl Street {
    fn later(&mut self) {
        self.world.pass_millis(7);
    }

    async fn open(&mut self, who: fn(&mut Self) -> &mut Actor, amount: &str, minutes: u64, uses: u64) -> OpenedSession {
        self.later();
        let mut actor = who(self).clone();
        let session = self.world.open(&mut actor, amount, minutes, uses).await;
        *who(self) = actor;
        session
    }

    /// A payment, collected alone.
    async fn pay(&mut self, payer: &mut OpenedSession, sales: &mut OpenedSession, prices: [&str; 2]) -> Payment {
        self.later();
        self.orders += 1;
        let (order, payee) = (format!("order-{}", self.orders), self.acme.id.clone().expect("an id"));
        let deal = Deal { payee: &payee, order: &order, price: prices[0], amount: prices[1] };
        let promise = self.world.promise(payer, &deal);
        self.world.collect(sales, std::slice::from_ref(&promise)).await;
        promise.received.payment
    }

    async fn refund(&mut self, payment: &Payment, amount: Option<&str>) {
        self.later();
        let body = self.acme.refunding(self.world.now, payment, amount);
        let reply = self.world.ask(&mut self.acme, &body).await;
        assert_eq!(reply.response_code, ResponseCode::Success, "{reply:?}");
    }

    /// Sessions that end in every way, payments in two currencies, one that is refused, refunds.
    async fn sell(&mut self) {
        let mut sales = self.open(|street| &mut street.acme, "usd 0.00", 960, 90).await;
        let mut canadian = self.open(|street| &mut street.acme, "cad 0.00", 960, 90).await;
        let mut used_up = self.open(|street| &mut street.brian, "usd 9.00", 120, 2).await;
        let mut expiring = self.open(|street| &mut street.brian, "usd 9.00", 1, 25).await;
        let closing = self.open(|street| &mut street.brian, "usd 5.00", 120, 25).await;
        let mut open = self.open(|street| &mut street.brian, "usd 12.00", 960, 25).await;
        self.pay(&mut used_up, &mut sales, ["usd 1.00"; 2]).await;
        let abroad = self.pay(&mut used_up, &mut canadian, ["cad 7.00", "usd 5.00"]).await;
        let bought = self.pay(&mut expiring, &mut sales, ["usd 4.00"; 2]).await;
        self.pay(&mut expiring, &mut sales, ["usd 99.00"; 2]).await;
        self.pay(&mut open, &mut sales, ["usd 3.00"; 2]).await;
        for amount in [Some("usd 1.00"), Some("usd 0.50"), None] {
            self.refund(&bought, amount).await;
        }
        self.refund(&abroad, Some("cad 2.00")).await;
        self.later();
        let body = self.brian.closing(self.world.now, Some(&closing.id), false);
        self.world.ask(&mut self.brian, &body).await;
        self.world.pass_secs(61);
        assert_eq!(self.world.server.sweep(self.world.now).await, Ok(1));
    }

    /// What was open is closed, and a server takes over that knows of the restore.
    async fn restore(&mut self) {
        self.later();
        let begun = epoch::begin(&*self.world.store, self.world.now).await.expect("an epoch");
        let config = Config { restored: Some(begun.epoch.began), ..World::config() };
        self.world.server = std::sync::Arc::new(common::server(self.world.store.clone(), config));
        self.world.server.refresh(self.world.now).await.expect("settings");
        // For a day, nothing leaves for the bank.
        self.world.pass_secs(24 * 3_600 + 1);
    }

    /// A load that has cleared, one that has not, and an unload.
    async fn hold(&mut self) {
        self.later();
        let mut brian = self.brian.clone();
        assert_eq!(self.world.move_funds(&mut brian, "usd -3.00").await.response_code, ResponseCode::Success);
        self.later();
        self.world.bind(&mut brian, HOLDING_ACCOUNT, "dda", "load").await;
        for amount in ["usd 8.00", "usd 9.00"] {
            self.world.pass_secs(60);
            self.world.move_funds(&mut brian, amount).await;
        }
        self.brian = brian;
    }

    /// Somebody comes, and leaves by autoclose, with a load on hold.
    async fn leave(&mut self) {
        let mut carl = self.world.one_of_many("customer", "carl", 3).await;
        self.later();
        self.world.bind(&mut carl, HOLDING_ACCOUNT, "dda", "load").await;
        self.world.move_funds(&mut carl, "usd 2.00").await;
        self.later();
        let mut body = carl.binding(self.world.now, ACCOUNT, "dda", "load,unload");
        (body.autoclose, body.autoclose_passphrase) = (Some(YesNo(true)), Some(value("badnews")));
        let reply = self.world.ask(&mut carl, &body).await;
        carl.keep(&reply);
        self.later();
        self.world.move_funds(&mut carl, "usd 6.00").await;
        for passphrase in ["goodnews", "badnews"] {
            self.later();
            let body = Actor::autoclosing(self.world.now, passphrase);
            self.world.ask(&mut carl, &body).await;
        }
    }

    /// A bank's question, and a report.
    async fn ask_around(&mut self) {
        self.later();
        let body = self.brian.binding(self.world.now, "4000000000003220", "credit-card", "load");
        let sent = self.world.seal(&mut self.brian, &body);
        self.world.send(&sent.text).await;
        let body = MessageReport {
            server_date: self.world.now,
            swversion: value("1.0ref"),
            problem: Problem::BAD_OPAQUE,
            diagnosis: Some(value("the reply does not open")),
            received: Some(value("$$-CyberCash-2.0-$$\ntype: x")),
        };
        let sent = self.world.seal(&mut self.brian, &body);
        self.world.server.handle(sent.text.as_bytes(), self.world.now, &mut self.world.rng).await;
    }
}
