//! A database is backed up and restored by its own tools, with the commands that docs/operations.md gives, and then by
//! `server-stub restore`: what is lost is lost once, and until it is done no server finds books.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use protocol::Protocol;
use protocol::message::payment::BatchHead;
use protocol::outcome::{Problem, ResponseCode};
use server_stub::http::now;
use server_stub::store::record::Epoch;
use server_stub::store::{BookRow, Books as _, Change, ChangeSet, Store};

use crate::common::actor::{Actor, OpenedSession};
use crate::common::cluster::folder_of_programs;
use crate::common::payment::{Deal, whole};
use crate::common::program::server_stub;
use crate::common::{Kind, World, assert_sound, postgres_store, server};

/// Where the books are while they are restored, and after that.
const APART: &str = "paycash_restoring";
const RESTORED: &str = "paycash";

/// A shop in a database.
struct Shop {
    world: World,
    brian: Actor,
    acme: Actor,
    payer: OpenedSession,
    sales: OpenedSession,
}

impl Shop {
    async fn open() -> Self {
        let mut world = World::new(Protocol::V2, Kind::Postgres);
        // The program that restores goes by the real clock.
        world.now = now();
        let mut brian = world.customer("brianb", "usd 100.00").await;
        let mut acme = world.registered("merchant", "acme").await;
        let payer = world.open(&mut brian, "usd 40.00", 900, 25).await;
        let sales = world.open(&mut acme, "usd 0.00", 900, 90).await;
        Self { world, brian, acme, payer, sales }
    }

    /// A payment of four dollars; yields the collection, what it says of itself, and its answer.
    async fn pay(&mut self, order: &str) -> (String, BatchHead, String) {
        let payee = self.acme.id.clone().expect("an id");
        let deal = Deal { payee: &payee, order, price: "usd 4.00", amount: "usd 4.00" };
        let promise = self.world.promise(&mut self.payer, &deal);
        let (head, ca2) = self.world.collection(&mut self.sales, &[promise]);
        let reply = self.world.send(&ca2).await;
        (ca2, head, reply)
    }

    /// The address of another database of the same cluster.
    fn address(&self, name: &str) -> String {
        let own = self.world.database();
        format!("{}/{name}", own.rsplit_once('/').expect("an address").0)
    }

    /// As docs/operations.md backs up.
    fn dump(&self, file: &Path) {
        let mut dump = Command::new(folder_of_programs().join("pg_dump"));
        done(dump.args(["--format=custom", "--no-owner"]).arg("--file").arg(file).arg(self.world.database()));
    }

    fn psql(&self, command: &str) -> Output {
        let mut psql = Command::new(folder_of_programs().join("psql"));
        psql.args([&self.world.database(), "-v", "ON_ERROR_STOP=1", "-tAc", command]).output().expect("psql runs")
    }

    /// As docs/operations.md restores, up to our own part.
    fn read_back(&self, file: &Path) -> Output {
        assert!(self.psql(&format!("DROP DATABASE IF EXISTS {APART}")).status.success());
        assert!(self.psql(&format!("CREATE DATABASE {APART}")).status.success());
        let mut restore = Command::new(folder_of_programs().join("pg_restore"));
        restore.args(["--single-transaction", "--no-owner", "--dbname", &self.address(APART)]);
        restore.arg(file).output().expect("pg_restore runs")
    }

    /// Our own part.
    fn begin(&self) -> Output {
        server_stub("restore").args(["--database", &self.address(APART)]).output().expect("the program runs")
    }
}

fn done(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn said(output: &Output) -> String {
    [&output.stdout[..], &output.stderr[..]].map(String::from_utf8_lossy).concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_was_restored_pays_nothing_twice() {
    let folder = tempfile::tempdir().expect("a folder");
    let dump = folder.path().join("books.dump");
    let mut shop = Shop::open().await;
    let (known, _, known_reply) = shop.pay("known").await;
    shop.dump(&dump);
    let (lost, head, _) = shop.pay("lost").await;
    let newest = shop.world.open(&mut shop.acme, "usd 0.00", 900, 90).await.id.number();

    assert!(shop.read_back(&dump).status.success());
    let begun = shop.begin();
    assert!(said(&begun).contains("epoch 1 has begun; 2 sessions have ended"), "{}", said(&begun));
    assert!(shop.psql(&format!("ALTER DATABASE {APART} RENAME TO {RESTORED}")).status.success());

    let store: Arc<dyn Store> = Arc::new(postgres_store(&shop.address(RESTORED)));
    let epoch = store.epoch().await.expect("a store").expect("an epoch");
    let config = server_stub::server::Config { restored: Some(epoch.began), ..World::config() };
    shop.world.server = Arc::new(server(store.clone(), config));
    shop.world.store = store.clone();
    shop.world.now = epoch.began.plus_secs(1);
    assert_eq!(shop.world.send(&known).await, known_reply, "what the backup knows is answered as before");
    let refused = shop.world.send(&lost).await;
    assert_eq!(whole(&shop.world.receipts(&shop.sales, &head, &refused, 1)), Some(Problem::SESSION_CLOSED));
    assert_eq!(shop.world.balance(&shop.brian, "usd").await, "usd 96.00");
    let again = shop.world.open(&mut shop.brian, "usd 1.00", 60, 9).await;
    assert!(again.id.number() > newest, "no number is given twice");
    let unload = shop.world.move_funds(&mut shop.brian, "usd -1.00").await;
    assert_eq!(unload.problem, Some(Problem::SERVICE_DISABLED), "nothing leaves for the bank for a day");
    assert_eq!(shop.world.move_funds(&mut shop.brian, "usd 1.00").await.response_code, ResponseCode::Success);
    assert_sound(&*store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_that_fails_half_way_leaves_no_books_under_their_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let dump = folder.path().join("books.dump");
    let mut shop = Shop::open().await;
    shop.pay("known").await;
    shop.dump(&dump);

    // The file ends too early: the database's tool leaves nothing, and ours does not take nothing for books.
    let bytes = std::fs::read(&dump).expect("a dump");
    let torn = folder.path().join("torn.dump");
    std::fs::write(&torn, &bytes[..bytes.len() * 9 / 10]).expect("a file");
    assert!(!shop.read_back(&torn).status.success());
    let begun = shop.begin();
    assert!(!begun.status.success() && said(&begun).contains("there are no books there"), "{}", said(&begun));

    // What was restored is not true.
    assert!(shop.read_back(&dump).status.success());
    let mut lie = Command::new(folder_of_programs().join("psql"));
    done(lie.args([&shop.address(APART), "-c", "UPDATE container_120g SET available = available + 1"]));
    let begun = shop.begin();
    assert!(!begun.status.success() && said(&begun).contains("container/"), "{}", said(&begun));

    // Ours was killed when an epoch had begun, and every session was still open: once more, and all is well.
    assert!(shop.read_back(&dump).status.success());
    let half = postgres_store(&shop.address(APART));
    let epoch = Change::Epoch(Epoch { number: 1, began: now() });
    half.commit(ChangeSet { changes: vec![epoch], ..ChangeSet::default() }).await.expect("an epoch");
    drop(half);
    let begun = shop.begin();
    assert!(said(&begun).contains("epoch 2 has begun; 2 sessions have ended"), "{}", said(&begun));

    // Under the name that servers know there is nothing in all this time.
    let mut serve = server_stub("serve");
    serve.args(["--database", &shop.address(RESTORED), "--listen", "127.0.0.1:0", "--keys-dir"]);
    let refused = serve.arg(folder.path().join("keys")).output().expect("the program runs");
    assert!(!refused.status.success() && said(&refused).contains("does not exist"), "{}", said(&refused));
    let mut open = 0;
    let mut see = |row| {
        if let BookRow::Session { session, .. } = row {
            open += usize::from(session.is_open());
        }
    };
    postgres_store(&shop.address(APART)).show(&mut see).await.expect("books");
    assert_eq!(open, 0);
}
