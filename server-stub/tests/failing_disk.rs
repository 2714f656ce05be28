//! The disk fails at every write and at every sync, of commits and of checkpoints, once or several times in a row, and then
//! the power goes: what was acknowledged is in what the disk kept, what was not is answered once it is sent again, and the
//! books are sound. The same where the server is killed after the failure: its successor does not trust what the cache shows
//! of the log.

mod common;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use common::actor::{Actor, OpenedSession};
use common::payment::Deal;
use common::{Kind, World, server};
use faulty_disk::{Operation, Unsynced};
use protocol::Protocol;
use protocol::outcome::Problem;
use protocol::persona::PersonaId;
use rusqlite::Connection;
use rustix::process::{Flock, FlockOffsetType, FlockType, fcntl_getlk};
use server_stub::audit::audit;
use server_stub::server::Answer;
use server_stub::store::SqliteStore;
use server_stub::store::sqlite::SqliteBooks;

/// Collections that are sent while the disk fails.
const MESSAGES: usize = 3;
/// How many operations in a row fail at the most: those of the repair as well.
const IN_A_ROW: u32 = 3;
/// Messages are sent again so often before the disk must be well.
const PATIENCE: usize = 8;

/// A shop, and a customer of it.
struct Market {
    world: World,
    payee: PersonaId,
    payer: OpenedSession,
    sales: OpenedSession,
    /// How many files were torn.
    torn: usize,
}

impl Market {
    async fn open() -> Self {
        let mut world = World::new(Protocol::V2, Kind::Sqlite);
        let mut brian = world.customer("brianb", "usd 100.00").await;
        let mut acme: Actor = world.registered("merchant", "acme").await;
        let payer = world.open(&mut brian, "usd 70.00", 120, 2_000).await;
        let sales = world.open(&mut acme, "usd 0.00", 120, 2_000).await;
        Self { world, payee: acme.id.expect("an id"), payer, sales, torn: 0 }
    }

    fn collection(&mut self) -> String {
        let order = format!("order-{}", self.payer.index);
        let deal = Deal { payee: &self.payee, order: &order, price: "usd 0.01", amount: "usd 0.01" };
        let promise = self.world.promise(&mut self.payer, &deal);
        self.world.collection(&mut self.sales, &[promise]).1
    }

    /// The answer to a message, unless it is refused for now.
    async fn send(&mut self, message: &str) -> Option<String> {
        let reply = self.world.send(message).await;
        if !reply.contains("\ntype: error\n") {
            return Some(reply);
        }
        let problem = common::error_of(&reply);
        assert!([Problem::INTERNAL, Problem::BUSY].contains(&problem), "{problem}");
        None
    }

    /// What the power would leave of our own folder holds what was acknowledged.
    async fn survives_a_power_cut(&mut self, acknowledged: &[(String, String)]) {
        let folder = self.world.folder().to_owned();
        self.is_left_of(&folder, acknowledged).await;
    }

    /// What the power would leave of a folder holds what was acknowledged.
    async fn is_left_of(&mut self, folder: &Path, acknowledged: &[(String, String)]) {
        let _ = self.is_left(folder, Unsynced::Lost, acknowledged).await;
    }

    /// The same, with writes that were not synced lost or torn; yields how many files had any.
    async fn is_left(&mut self, folder: &Path, unsynced: Unsynced, acknowledged: &[(String, String)]) -> usize {
        let kept = tempfile::tempdir().expect("a folder");
        let files = faulty_disk::cut_power(folder, kept.path(), unsynced).expect("what is left");
        let findings = audit(&SqliteBooks::open(kept.path())).await.expect("books");
        assert_eq!(findings.lies, []);
        assert!(findings.read.payments >= acknowledged.len() as u64);
        let store = Arc::new(SqliteStore::open(kept.path()).expect("a store"));
        let after = server(store, World::config());
        for (message, reply) in acknowledged {
            let again = after.handle(message.as_bytes(), self.world.now, &mut self.world.rng).await;
            assert_eq!(again, Answer::Reply(reply.clone()), "what was acknowledged is remembered");
        }
        files
    }
}

/// Lets `times` operations at a place fail after so many others; yields whether any did.
async fn outlives(market: &mut Market, place: &Path, operation: Operation, after: u32, times: u32) -> bool {
    let mut acknowledged = Vec::new();
    faulty_disk::fail(place, operation, after, times);
    let sent: Vec<String> = (0..MESSAGES).map(|_| market.collection()).collect();
    let mut refused = Vec::new();
    for message in sent {
        match market.send(&message).await {
            Some(reply) => acknowledged.push((message, reply)),
            None => refused.push(message),
        }
    }
    market.survives_a_power_cut(&acknowledged).await;
    // Nor do parts of what was not acknowledged do harm.
    let folder = market.world.folder().to_owned();
    market.torn += market.is_left(&folder, Unsynced::Torn, &acknowledged).await;
    for message in refused {
        let mut reply = None;
        for _ in 0..PATIENCE {
            reply = market.send(&message).await;
            if reply.is_some() {
                break;
            }
        }
        acknowledged.push((message, reply.expect("the disk is well again")));
    }
    let failed = faulty_disk::mend();
    market.survives_a_power_cut(&acknowledged).await;
    failed > 0
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fails_at_any_write_or_sync_loses_nothing_that_was_acknowledged() {
    faulty_disk::install();
    let mut market = Market::open().await;
    let folder = market.world.folder().to_owned();
    for operation in [Operation::Sync, Operation::Write] {
        for times in 1..=IN_A_ROW {
            let mut after = 0;
            while outlives(&mut market, &folder, operation, after, times).await {
                after += 1;
            }
            let least = u32::try_from(MESSAGES).expect("a few");
            assert!(after >= least, "{operation:?}: each message needs one at least, and {after} have failed");
        }
    }
    assert!(market.torn > 0, "nothing was torn");
}

/// How long the log is when it is written home (`CHECKPOINT_PAGES` of the store), pages.
const CHECKPOINT_PAGES: usize = 8_192;

/// Makes the log so long that the next commit writes it home: one page, again and again, so that what goes home is little.
fn fill_the_log(folder: &Path) {
    let books = Connection::open(folder.join("books.sqlite")).expect("books");
    for (name, value) in [("wal_autocheckpoint", "0"), ("synchronous", "off")] {
        books.pragma_update(None, name, value).expect("a setting");
    }
    books.execute_batch("CREATE TABLE IF NOT EXISTS page (turns INTEGER)").expect("a table");
    books.execute_batch("INSERT INTO page SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM page)").expect("a row");
    let mut turn = books.prepare("UPDATE page SET turns = turns + 1").expect("a statement");
    for _ in 0..CHECKPOINT_PAGES {
        turn.execute([]).expect("a turn");
    }
}

/// Lets operations of a checkpoint fail, and those of the commit before it; `next` says which comes after which.
async fn fails_at_checkpoints(next: impl Fn(u32) -> u32) {
    faulty_disk::install();
    let mut market = Market::open().await;
    let folder = market.world.folder().to_owned();
    // Nothing else writes there: all that fails belongs to a checkpoint.
    let home = folder.join("books.sqlite");
    for (operation, times, least) in [(Operation::Sync, 1, 1), (Operation::Write, 1, 8), (Operation::Write, 9, 8)] {
        let mut after = 0;
        loop {
            fill_the_log(&folder);
            if !outlives(&mut market, &home, operation, after, times).await {
                break;
            }
            after = next(after);
        }
        assert!(after >= least, "{operation:?}: {after} have failed");
    }
    // The log is synced by the commit, and before it is written home.
    for after in 0..2 {
        fill_the_log(&folder);
        assert!(outlives(&mut market, &folder, Operation::Sync, after, 1).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fails_while_the_log_is_written_home_loses_nothing_that_was_acknowledged() {
    fails_at_checkpoints(|after| (after * 3).max(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "minutes: cargo xtask soak"]
async fn a_disk_that_fails_at_any_write_home_of_the_log_loses_nothing_that_was_acknowledged() {
    fails_at_checkpoints(|after| after + 1).await;
}

/// Lets one sync fail, kills the server if that refused the message, and asks its successor; yields whether it failed.
async fn is_succeeded(market: &mut Market, after: u32) -> bool {
    let message = market.collection();
    faulty_disk::fail(market.world.folder(), Operation::Sync, after, 1);
    let refused = market.send(&message).await.is_none();
    let failed = faulty_disk::mend() > 0;
    if refused {
        let folder = tempfile::tempdir().expect("a folder");
        faulty_disk::kill(market.world.folder(), folder.path()).expect("what the cache shows");
        let store = SqliteStore::open(folder.path()).expect("a store");
        assert_eq!(
            faulty_disk::take_note(folder.path()).expect("files"),
            1,
            "the log is written anew, and nothing else"
        );
        let successor = server(Arc::new(store), World::config());
        let reply = match successor.handle(message.as_bytes(), market.world.now, &mut market.world.rng).await {
            Answer::Reply(reply) => reply,
            other => panic!("{other:?}"),
        };
        assert!(!reply.contains("\ntype: error\n"), "{reply}");
        market.is_left_of(folder.path(), &[(message.clone(), reply)]).await;
        market.send(&message).await.expect("the disk is well again");
    }
    failed
}

/// Tells the second process where the books are.
const BOOKS: &str = "PAY_CASH_BOOKS";

#[test]
#[ignore = "the second process of the next test"]
fn somebody_has_the_books_open() {
    let Ok(path) = std::env::var(BOOKS) else { return };
    let books = std::fs::File::open(path).expect("books");
    // SQLite's shared lock (its file format, section "locking"); a process does not see its own.
    let (start, length) = (0x4000_0002, 510);
    let lock = Flock { start, length, pid: None, typ: FlockType::WriteLock, offset_type: FlockOffsetType::Set };
    assert!(fcntl_getlk(&books, &lock).expect("an answer").is_some(), "nobody has them open");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_sync_that_failed_no_other_process_takes_the_log_away() {
    faulty_disk::install();
    let mut market = Market::open().await;
    let folder = market.world.folder().to_owned();
    let message = market.collection();
    faulty_disk::fail(&folder, Operation::Sync, 0, 1);
    assert!(market.send(&message).await.is_none());
    faulty_disk::mend();
    market.send(&message).await.expect("the books are opened anew");
    let mut somebody = Command::new(std::env::current_exe().expect("this program"));
    somebody.args(["--ignored", "--exact", "somebody_has_the_books_open"]).env(BOOKS, folder.join("books.sqlite"));
    assert!(somebody.stdout(Stdio::null()).status().expect("it runs").success(), "the log is ours");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_sync_that_failed_and_a_kill_the_cache_is_not_trusted() {
    faulty_disk::install();
    let mut market = Market::open().await;
    let mut after = 0;
    while is_succeeded(&mut market, after).await {
        after += 1;
    }
    assert!(after > 0, "a message needs a sync");
}
