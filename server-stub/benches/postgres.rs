//! Payments through the store in PostgreSQL, beside pgbench's TPC-B-like on the same cluster with the same durability:
//! one store, and two that share the database. `cargo xtask bench postgres`.
//!
//! A payment is what a CA2 makes of it: money and a use of the payer's session, the payee's, an index, a journal entry of
//! the chain, and one answer in the message log for the whole batch. Protocol and HTTP are not in it.

#[path = "../tests/common/cluster.rs"]
#[allow(dead_code, reason = "each of its users uses a part")]
mod cluster;
mod pgbench;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cluster::{Cluster, Durability};
use protocol::Protocol;
use protocol::date::Date;
use protocol::money::{Currency, Money};
use protocol::persona::PersonaId;
use protocol::secret::SessionSecrets;
use protocol::value::{Index, OrderId, Reading, SessionId, Value};
use server_stub::store::record::{Entry, LogEntry, LogKey, Reason, Session, SessionStatus, Transaction};
use server_stub::store::{Account, Change, ChangeSet, CommitError, Condition, PostgresStore, Store};

/// How long each figure is measured.
const MEASURED: Duration = Duration::from_secs(8);
/// Collections under way at once, as of a client with so many connections.
const CONNECTIONS: u64 = 8;
/// Payers for each connection: more than are in a batch.
const PAYERS: u64 = 512;

#[tokio::main]
async fn main() {
    // Under `cargo test` nothing is measured.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let cluster = Cluster::start(Durability::Full);
    let floor = pgbench::tpc_b(|name| cluster.client(name));
    println!("{:<34}{:>10.0} transactions/s", "pgbench TPC-B-like, at its best (B)", floor);
    let config: tokio_postgres::Config = cluster.url().parse().expect("an address");
    let mut stores = Vec::new();
    for _ in 0..2 {
        stores.push(Arc::new(PostgresStore::open(&config).await.expect("a store")));
    }
    let mut round = 0;
    for batch in [1, 10, 100, 255] {
        for count in [1, 2] {
            let rate = measure(&cluster, &stores[..count], round, batch).await;
            let what = format!("batch {batch}, {count} store{}", if count == 1 { "" } else { "s" });
            println!("{what:<34}{rate:>10.0} payments/s{:>10.2} B", rate / floor);
            round += 1;
        }
    }
}

/// Payments per second over some stores.
async fn measure(cluster: &Cluster, stores: &[Arc<PostgresStore>], round: u64, batch: u64) -> f64 {
    for connection in 0..CONNECTIONS {
        fill(&stores[0], first_session(round, connection)).await;
    }
    let analyzed = cluster.client("psql").args(["-q", "-c", "ANALYZE"]).status().expect("psql runs");
    assert!(analyzed.success());
    let (paid, end) = (Arc::new(AtomicU64::new(0)), Instant::now() + MEASURED);
    let mut tasks = tokio::task::JoinSet::new();
    for connection in 0..CONNECTIONS {
        let store = stores[usize::try_from(connection).expect("a small number") % stores.len()].clone();
        tasks.spawn(pay(store, first_session(round, connection), batch, end, paid.clone()));
    }
    let start = Instant::now();
    while tasks.join_next().await.is_some() {}
    #[allow(clippy::cast_precision_loss, reason = "a rate for people")]
    let paid = paid.load(Ordering::Relaxed) as f64;
    paid / start.elapsed().as_secs_f64()
}

fn first_session(round: u64, connection: u64) -> u64 {
    (round * CONNECTIONS + connection) * (PAYERS + 1) + 1
}

/// A payee's session, and its payers' with money in them.
async fn fill(store: &PostgresStore, payee: u64) {
    let mut set = ChangeSet::default();
    for number in payee..=payee + PAYERS {
        set.push(Change::Open(Box::new(session(number))));
        set.push(entry(Account::Agency(usd()), account(number), 100_000_000, String::new()));
    }
    store.commit(set).await.expect("sessions");
}

/// Collects batch after batch, each from the next payers.
async fn pay(store: Arc<PostgresStore>, payee: u64, batch: u64, end: Instant, paid: Arc<AtomicU64>) {
    let mut next = 0;
    for n in 1.. {
        if Instant::now() >= end {
            return;
        }
        let set = collection(payee, n, next..next + batch);
        next += batch;
        match store.commit(set).await {
            Ok(()) => paid.fetch_add(batch, Ordering::Relaxed),
            Err(CommitError::Busy) => 0,
            Err(error) => panic!("{error}"),
        };
    }
}

fn collection(payee: u64, n: u64, payments: std::ops::Range<u64>) -> ChangeSet {
    let mut set = ChangeSet::default();
    for payment in payments {
        let (payer, index) = (payee + 1 + payment % PAYERS, payment / PAYERS + 1);
        let transaction = Transaction {
            payer_session: SessionId::of_number(payer),
            payer_index: Index::of(index).expect("an index"),
            payer: persona("brianb-40"),
            payee_session: SessionId::of_number(payee),
            payee_index: Index::of(n).expect("an index"),
            payee: persona("acme-82"),
            order_id: OrderId::of(&format!("order-{payment}")).expect("an order"),
            charged: Money::new(usd(), 10),
            credited: Money::new(usd(), 10),
            fee: Money::zero(usd()),
            opaque_hash: [3; 32],
            date: Date::from_millis(1_795_000_000_000),
        };
        set.push(Change::Collect(Box::new(transaction)));
        set.push(Change::Use(payer));
        set.push(entry(account(payer), account(payee), 10, format!("{payer}/{index}")));
    }
    set.push(Change::Use(payee));
    set.require(Condition::SessionUsesBelow { session: payee, uses: 65_000 });
    let key = LogKey::Collection(payee, Index::of(n).expect("an index"));
    let (message_hash, response) = ([7; 32], "x".repeat(40 * set.changes.len()));
    set.push(Change::Log(LogEntry { key, message_hash, response, date: Date::from_millis(1_795_000_000_000) }));
    set
}

fn session(number: u64) -> Session {
    Session {
        id: SessionId::of_number(number),
        protocol: Protocol::V2,
        secrets: SessionSecrets { key: vec![5; 32].into(), salt: vec![6; 32].into() },
        opening: Money::new(usd(), 100_000_000),
        current: Money::new(usd(), 100_000_000),
        opened: Date::from_millis(1_795_000_000_000),
        lifetime_minutes: 120,
        use_limit: Index::of(65_535).expect("an index"),
        uses: 0,
        persona: persona("brianb-40"),
        status: SessionStatus::Open,
        memo: String::new(),
    }
}

fn entry(debit: Account, credit: Account, minor: i64, reference: String) -> Change {
    let (date, amount) = (Date::from_millis(1_795_000_000_000), Money::new(usd(), minor));
    Change::Journal(Entry { date, reason: Reason::Payment, debit, credit, amount, reference })
}

fn account(session: u64) -> Account {
    Account::Session(session, usd())
}

fn usd() -> Currency {
    Currency::of("usd").expect("a currency")
}

fn persona(id: &str) -> PersonaId {
    PersonaId::parse(id, Reading::STRICT).expect("a persona")
}
