//! The disk is gone, and the operator has a backup that is some operations old. What is lost is lost once: wallets and
//! tills go on, nothing is paid or sent to the bank twice, and the books are sound.

mod common;

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use common::actor::{Actor, OpenedSession};
use common::payment::{Deal, problems, whole};
use common::{Kind, World, assert_sound, error_of, money, server};
use protocol::Protocol;
use protocol::date::Date;
use protocol::outcome::{Problem, ResponseCode};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use server_stub::audit::audit;
use server_stub::backup::{BackupArgs, backup, restore};
use server_stub::server::{Answer, Config, epoch};
use server_stub::store::record::SessionStatus;
use server_stub::store::sqlite::SqliteBooks;
use server_stub::store::{BookRow, Place, Store};
use tempfile::TempDir;

/// How many histories, each with a backup point of its own.
const HISTORIES: u64 = 24;
/// How many operations of each are after the backup, at the most.
const LOST: usize = 12;

/// What a backup is called.
const COPY: &str = "copy.sqlite";

/// Brian and Acme, and every message that anyone has sent.
struct Town {
    world: World,
    brian: Actor,
    acme: Actor,
    payers: Vec<OpenedSession>,
    sales: Vec<OpenedSession>,
    sent: Vec<(String, String)>,
    dice: StdRng,
    orders: usize,
}

impl Town {
    async fn new(protocol: Protocol, seed: u64) -> Self {
        let mut world = World::new(protocol, Kind::Sqlite);
        // The clock of the program that restores is the machine's own.
        world.now = server_stub::http::now().plus_secs(-3_600);
        let mut brian = world.customer("brianb", "usd 200.00").await;
        let mut acme = world.registered("merchant", "acme").await;
        let payers = vec![world.open(&mut brian, "usd 40.00", 1_440, 100).await];
        let sales = vec![world.open(&mut acme, "usd 0.00", 1_440, 100).await];
        let dice = StdRng::seed_from_u64(seed);
        Self { world, brian, acme, payers, sales, sent: Vec::new(), dice, orders: 0 }
    }

    /// A folder with a backup of the books in it.
    fn backed_up(&self) -> TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        backup(&BackupArgs { to: folder.path().join(COPY), place: place(self.world.folder()) }).expect("a backup");
        folder
    }

    /// Goes on with books of a name, made of the backup in a folder.
    async fn restore(&mut self, folder: &TempDir, name: &str) -> Date {
        let home = place(&folder.path().join(name));
        let begun = restore(Some(&folder.path().join(COPY)), &home).await.expect("a restore").epoch.began;
        let store = home.open().await.expect("a store");
        let config = Config { restored: Some(begun), ..World::config() };
        self.world.server = Arc::new(server(store.clone(), config));
        self.world.store = store;
        begun
    }

    async fn send(&mut self, message: String) -> String {
        let reply = self.world.send(&message).await;
        self.sent.push((message, reply.clone()));
        reply
    }

    /// One thing that people do.
    async fn step(&mut self) {
        self.world.pass_secs(1);
        match self.dice.random_range(0..10) {
            0 => {
                let amount = if self.dice.random() { "usd 7.00" } else { "usd -3.00" };
                let body = self.brian.funds(self.world.now, amount);
                let request = self.world.seal(&mut self.brian, &body);
                self.send(request.text).await;
            }
            1 => {
                let body = self.brian.opening(self.world.now, "usd 15.00", 1_440, 100);
                let request = self.world.seal(&mut self.brian, &body);
                let reply = self.send(request.text.clone()).await;
                self.payers.push(OpenedSession::of(request.read_reply(reply.as_bytes()).expect("OS2")));
            }
            2 if self.payers.len() > 1 => {
                let closing = self.payers.remove(0);
                let body = self.brian.closing(self.world.now, Some(&closing.id), false);
                let request = self.world.seal(&mut self.brian, &body);
                self.send(request.text).await;
            }
            _ => self.pay().await,
        }
    }

    async fn pay(&mut self) {
        self.orders += 1;
        let (order, payee) = (format!("order-{}", self.orders), self.acme.id.clone().expect("an id"));
        let deal = Deal { payee: &payee, order: &order, price: "usd 2.50", amount: "usd 2.50" };
        let last = self.payers.len() - 1;
        let promise = self.world.promise(&mut self.payers[last], &deal);
        let (_, ca2) = self.world.collection(&mut self.sales[0], std::slice::from_ref(&promise));
        self.send(ca2).await;
    }
}

/// What everyone's containers and sessions hold, and how many sessions are open.
async fn holdings(store: &dyn Store) -> (Vec<(String, String)>, i64, usize) {
    let (mut containers, mut in_sessions, mut open) = (Vec::new(), 0, 0);
    let mut see = |row| match row {
        BookRow::Container(id, container) => containers.push((id.to_string(), container.available.to_string())),
        BookRow::Session { session, .. } => {
            in_sessions += session.current.minor;
            open += usize::from(session.status == SessionStatus::Open);
        }
        _ => {}
    };
    store.show(&mut see).await.expect("a store");
    containers.sort();
    (containers, in_sessions, open)
}

fn place(folder: &Path) -> Place {
    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        place: Place,
    }
    let line = ["restore".as_ref(), "--data-dir".as_ref(), folder.as_os_str()];
    <Line as clap::Parser>::try_parse_from(line).expect("arguments").place
}

async fn restored(protocol: Protocol, seed: u64) {
    let mut town = Town::new(protocol, seed).await;
    for _ in 0..town.dice.random_range(0..20) {
        town.step().await;
    }
    let known = town.sent.len();
    let backup = town.backed_up();
    for _ in 0..town.dice.random_range(0..LOST) {
        town.step().await;
    }

    // A moment after the restore.
    town.world.now = town.restore(&backup, "data").await.plus_secs(5);
    let store = town.world.store.clone();
    let before = holdings(&*store).await;
    assert_eq!((before.1, before.2), (0, 0), "every session is closed, and empty");

    again(&mut town, known, &before).await;
    on_they_go(&mut town).await;
    assert_sound(&*store).await;
}

/// Every message of the past, sent once more: those before the backup get their answers, and none does anything.
async fn again(town: &mut Town, known: usize, before: &(Vec<(String, String)>, i64, usize)) {
    for (n, (message, reply)) in town.sent.clone().into_iter().enumerate() {
        let now = match town.world.server.handle(message.as_bytes(), town.world.now, &mut town.world.rng).await {
            Answer::Reply(now) => now,
            other => panic!("{other:?}"),
        };
        // An opening in an empty container of before, and the like, were not answered for good.
        assert!(n >= known || now == reply, "answered before the backup: {message}");
    }
    assert_eq!(holdings(&*town.world.store).await, *before, "nothing is done twice");
    assert_sound(&*town.world.store).await;
}

/// The wallet and the till find out, and go on.
async fn on_they_go(town: &mut Town) {
    let Town { world, brian, acme, payers, sales, .. } = town;
    let payee = acme.id.clone().expect("an id");
    let deal = Deal { payee: &payee, order: "the-next", price: "usd 1.00", amount: "usd 1.00" };
    // The till learns that its session is over, and the wallet that its own is.
    let promise = world.promise(payers.last_mut().expect("a session"), &deal);
    let (head, ca2) = world.collection(&mut sales[0], std::slice::from_ref(&promise));
    let refused = world.send(&ca2).await;
    assert_eq!(whole(&world.receipts(&sales[0], &head, &refused, 1)), Some(Problem::SESSION_CLOSED));
    let mut fresh = world.open(acme, "usd 0.00", 60, 100).await;
    let (head, ca2) = world.collection(&mut fresh, std::slice::from_ref(&promise));
    let refused = world.send(&ca2).await;
    let told = problems(&world.receipts(&fresh, &head, &refused, 1));
    let over = [Problem::SESSION_CLOSED, Problem::SESSION_UNKNOWN];
    assert!(told[0].as_ref().is_some_and(|problem| over.contains(problem)), "{told:?}");

    let mut payer = world.open(brian, "usd 9.00", 60, 100).await;
    let newest = payers.iter().map(|session| session.id.number()).max().expect("a session");
    assert!(payer.id.number() > newest, "no number is given twice");
    assert_eq!(world.pay(&mut payer, &mut fresh, &deal).await.amount, Some(money("usd 1.00")));
    // Loads go on at once; what leaves for the bank waits a day.
    assert_eq!(world.move_funds(brian, "usd 5.00").await.response_code, ResponseCode::Success);
    assert_eq!(world.move_funds(brian, "usd -1.00").await.problem, Some(Problem::SERVICE_DISABLED));
    world.pass_secs(24 * 3_600);
    assert_eq!(world.move_funds(brian, "usd -1.00").await.response_code, ResponseCode::Success);
}

#[tokio::test]
async fn restored_from_any_point_nothing_is_paid_twice_modern() {
    for seed in 0..HISTORIES {
        restored(Protocol::V2, seed).await;
    }
}

#[tokio::test]
async fn restored_from_any_point_nothing_is_paid_twice_classic() {
    for seed in 0..HISTORIES / 3 {
        restored(Protocol::V1, seed).await;
    }
}

#[tokio::test]
async fn a_session_of_the_lost_time_is_unknown() {
    let mut town = Town::new(Protocol::V2, 1).await;
    let backup = town.backed_up();
    let mut lost = town.world.open(&mut town.acme, "usd 0.00", 60, 100).await;
    town.restore(&backup, "data").await;
    let payee = town.acme.id.clone().expect("an id");
    let deal = Deal { payee: &payee, order: "late", price: "usd 1.00", amount: "usd 1.00" };
    let promise = town.world.promise(&mut town.payers[0], &deal);
    let (_, ca2) = town.world.collection(&mut lost, &[promise]);
    assert_eq!(error_of(&town.world.send(&ca2).await), Problem::SESSION_UNKNOWN);
}

#[tokio::test]
async fn a_backup_that_serves_twice_gives_no_number_of_a_session_twice() {
    let mut town = Town::new(Protocol::V2, 1).await;
    let backup = town.backed_up();
    let mut given = HashSet::new();
    for name in ["first", "second"] {
        town.world.now = town.restore(&backup, name).await.plus_secs(1);
        let opened = town.world.open(&mut town.acme, "usd 0.00", 60, 100).await;
        assert!(given.insert(opened.id.number()), "{} is given again", opened.id.number());
    }
}

#[tokio::test]
async fn a_clock_turned_back_after_a_restore_keeps_nobody_out() {
    let mut town = Town::new(Protocol::V2, 1).await;
    let backup = town.backed_up();
    let began = town.restore(&backup, "data").await;
    town.world.now = began.plus_secs(-3_600);
    let refused = town.world.move_funds(&mut town.brian, "usd 1.00").await;
    assert_eq!(refused.problem, Some(Problem::CLOCK_SKEW), "dated before the restore");
    let told = refused.message.expect("a sentence");
    assert!(told.as_str().contains("restored from a backup"), "no clock of the sender's is blamed: {}", told.as_str());
    // Whoever dates by what the server says is let in.
    assert_eq!(refused.server_date, began);
    let body = town.brian.funds(refused.server_date, "usd 1.00");
    assert_eq!(town.world.ask(&mut town.brian, &body).await.response_code, ResponseCode::Success);
}

#[tokio::test]
async fn a_restore_under_a_clock_that_was_turned_back_begins_after_the_last() {
    let mut town = Town::new(Protocol::V2, 1).await;
    let backup = town.backed_up();
    let first = town.restore(&backup, "data").await;
    let second = epoch::begin(&*town.world.store, first.plus_secs(-3_600)).await.expect("an epoch").epoch;
    assert_eq!((second.number, second.began), (2, Date::from_millis(first.millis() + 1)));
    let number = town.world.store.new_session_id().await.expect("a number").number();
    assert!(number > second.sessions_after() && second.sessions_after() > 0, "{number}");
}

#[tokio::test]
async fn a_new_epoch_ends_every_session_and_counts_them() {
    let town = Town::new(Protocol::V2, 1).await;
    for ended in [town.payers.len() + town.sales.len(), 0] {
        let begun = epoch::begin(&*town.world.store, town.world.now).await.expect("an epoch");
        assert_eq!(begun.sessions_ended, ended);
    }
}

#[tokio::test]
async fn a_backup_that_lies_or_is_in_the_way_is_refused() {
    let town = Town::new(Protocol::V2, 1).await;
    let elsewhere = tempfile::tempdir().expect("a folder");
    let copy = elsewhere.path().join(COPY);
    let args = BackupArgs { to: copy.clone(), place: place(town.world.folder()) };
    backup(&args).expect("a backup");
    assert!(backup(&args).is_err(), "a backup is never overwritten");
    let there = restore(Some(&copy), &place(town.world.folder())).await.expect_err("books are there");
    assert!(there.to_string().contains("exists"), "{there}");
    let books = rusqlite::Connection::open(&copy).expect("a copy");
    books.execute("UPDATE container_120g SET available = available + 1", []).expect("a lie");
    drop(books);
    let data = elsewhere.path().join("data");
    let lie = restore(Some(&copy), &place(&data)).await.expect_err("a lie");
    assert!(lie.to_string().contains("container"), "{lie}");
    assert_eq!(std::fs::read_dir(&data).expect("a folder").count(), 0, "no server finds books that are not true");
}

#[tokio::test]
async fn a_backup_of_the_first_version_is_restored_and_until_then_nobody_reads_it_wrong() {
    let folder = tempfile::tempdir().expect("a folder");
    let (copy, data) = (folder.path().join(COPY), folder.path().join("data"));
    let books = rusqlite::Connection::open(&copy).expect("a file");
    books.execute_batch(include_str!("../src/store/sqlite/schema/1.sql")).expect("tables");
    books.pragma_update(None, "user_version", 1).expect("a version");
    drop(books);
    let begun = restore(Some(&copy), &place(&data)).await.expect("books");
    assert_eq!(begun.epoch.number, 1);
    std::fs::create_dir(folder.path().join("old")).expect("a folder");
    std::fs::copy(&copy, folder.path().join("old/books.sqlite")).expect("a copy");
    let refused = audit(&SqliteBooks::open(&folder.path().join("old"))).await.expect_err("tables of another version");
    assert!(refused.to_string().contains("of version 1, and this program's of"), "{refused}");
}
