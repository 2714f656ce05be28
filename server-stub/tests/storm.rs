//! SIGKILL, again and again, while 64 clients pay as fast as they can. After every restart the books are sound; in the end
//! every payment that was acknowledged is there, and every message that was not answered had one effect.

mod common;

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use common::money;
use common::payment::{Deal, Promise};
use common::program::{Customer, Program};
use protocol::Protocol;
use protocol::collect::Receipts;
use protocol::message::payment::BatchHead;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use server_stub::audit::audit;
use server_stub::store::BookRow;
use server_stub::store::Books as _;
use server_stub::store::sqlite::SqliteBooks;
use tokio::task::JoinSet;

/// How many pay at once.
const CLIENTS: u64 = 64;
/// What each payment is worth.
const PRICE: &str = "usd 0.01";
/// How long the program lives, milliseconds: from its first breath to some hundred payments.
const LIFE: std::ops::Range<u64> = 1..160;
/// No limits at the door: all clients have one address.
const SETTINGS: &str = "[doors]\nper_address_per_minute = 0\nper_persona_per_minute = 0\n";

/// Somebody who pays, and remembers what came of it.
struct Client {
    own: Customer,
    http: reqwest::Client,
    /// What was sent and not answered.
    pending: Option<(Promise, BatchHead, String)>,
    /// The index of each payment that was acknowledged.
    acknowledged: Vec<u16>,
}

impl Client {
    /// Pays until the program is gone.
    async fn pay_on(mut self, url: String) -> Self {
        loop {
            let waiting = self.pending.take();
            let (promise, head, ca2) = waiting.unwrap_or_else(|| self.next());
            let request = self.http.post(&url).body(ca2.clone());
            let reply = match request.send().await {
                Ok(response) => response.text().await.ok(),
                Err(_) => None,
            };
            let Some(reply) = reply else {
                self.pending = Some((promise, head, ca2));
                return self;
            };
            self.take(&promise, &head, &reply);
        }
    }

    fn next(&mut self) -> (Promise, BatchHead, String) {
        let order = format!("order-{}-{}", self.own.payer.id.number(), self.own.payer.index);
        let deal = Deal { payee: &self.own.payee, order: &order, price: PRICE, amount: PRICE };
        let promise = self.own.world.promise(&mut self.own.payer, &deal);
        let (head, ca2) = self.own.world.collection(&mut self.own.sales, std::slice::from_ref(&promise));
        (promise, head, ca2)
    }

    fn take(&mut self, promise: &Promise, head: &BatchHead, reply: &str) {
        let read = Receipts::read(reply.as_bytes(), Protocol::V2, &self.own.sales.secrets, head, 1);
        let receipts = read.unwrap_or_else(|fault| panic!("{fault}: {reply}"));
        assert_eq!(self.own.world.payer_receipt(promise, &receipts, 0).amount, Some(money(PRICE)));
        self.acknowledged.push(promise.claim.payer_index.get());
    }
}

/// Starts the program on a folder.
fn program(folder: &Path) -> Program {
    let settings = folder.join("server.toml");
    std::fs::write(&settings, SETTINGS).expect("a file");
    Program::start_with(&folder.join("data"), &["--config", settings.to_str().expect("a path")])
}

/// Moves everybody in.
async fn clients(program: &Program) -> Vec<Client> {
    let customers = program.customers(CLIENTS, "usd 960.00", ("usd 15.00", 20_000)).await;
    let client = |own| Client { own, http: reqwest::Client::new(), pending: None, acknowledged: Vec::new() };
    customers.into_iter().map(client).collect()
}

/// Lets all clients pay until the program is killed.
async fn round(program: Program, clients: Vec<Client>, life: Duration) -> Vec<Client> {
    let url = format!("{}/cybercash", program.url);
    let mut tasks = JoinSet::new();
    for client in clients {
        tasks.spawn(client.pay_on(url.clone()));
    }
    tokio::time::sleep(life).await;
    program.kill();
    tasks.join_all().await
}

async fn assert_books(folder: &Path) {
    let findings = audit(&SqliteBooks::open(&folder.join("data"))).await.expect("books");
    assert_eq!(findings.lies, []);
}

/// The payments in the books: how many cents each moved, by payer's session and index.
async fn payments(folder: &Path) -> HashMap<(u64, u16), i64> {
    let mut found = HashMap::new();
    let mut see = |row| {
        if let BookRow::Payment(paid) = row {
            let key = (paid.payer_session.number(), paid.payer_index.get());
            assert_eq!(found.insert(key, paid.charged.minor), None, "an index is used once");
        }
    };
    SqliteBooks::open(&folder.join("data")).show(&mut see).await.expect("books");
    found
}

async fn storm(kills: usize, bound: Duration) {
    let folder = tempfile::tempdir().expect("a folder");
    let (start, mut dice, mut done) = (Instant::now(), StdRng::seed_from_u64(1), 0);
    let mut running = program(folder.path());
    let mut everyone = clients(&running).await;
    while done < kills && start.elapsed() < bound {
        everyone = round(running, everyone, Duration::from_millis(dice.random_range(LIFE))).await;
        done += 1;
        assert_books(folder.path()).await;
        running = program(folder.path());
    }
    // What was not answered is asked once more, by all at once; then nobody waits for anything.
    let url = format!("{}/cybercash", running.url);
    for client in &mut everyone {
        let Some((promise, head, ca2)) = client.pending.take() else { continue };
        let first = client.http.post(&url).body(ca2.clone()).send().await.expect("an answer").text().await;
        let again = client.http.post(&url).body(ca2).send().await.expect("an answer").text().await;
        let reply = first.expect("a text");
        assert_eq!(again.expect("a text"), reply, "the same bytes, the same answer");
        client.take(&promise, &head, &reply);
    }
    running.kill();
    assert_books(folder.path()).await;
    let paid = payments(folder.path()).await;
    let acknowledged = everyone.iter().flat_map(|client| {
        let session = client.own.payer.id.number();
        client.acknowledged.iter().map(move |index| (session, *index))
    });
    let acknowledged: Vec<_> = acknowledged.collect();
    assert!(acknowledged.iter().all(|key| paid.get(key) == Some(&1)), "none that was acknowledged is missing");
    assert_eq!(paid.len(), acknowledged.len(), "and there is none that nobody asked for");
    assert!(done * 4 >= kills, "a machine too slow to say anything: {done} kills");
    println!("{done} kills, {} payments, {:.0} s", paid.len(), start.elapsed().as_secs_f64());
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_two_hundred_times_under_load_nothing_acknowledged_is_missing() {
    storm(200, Duration::from_mins(2)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes most of an hour: cargo xtask soak"]
async fn killed_five_thousand_times_under_load_nothing_acknowledged_is_missing() {
    storm(5_000, Duration::from_mins(50)).await;
}
