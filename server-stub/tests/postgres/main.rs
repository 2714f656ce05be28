//! Several server processes on one database: killed, raced and cut off, they have one effect together.

#[path = "../common/mod.rs"]
mod common;

mod corrupted;
mod restore;
mod schema;

use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::Duration;

use common::actor::{ACCOUNT, Actor, OpenedSession};
use common::cluster::{Cluster, Durability};
use common::payment::{Deal, Promise};
use common::program::{Program, server_stub};
use common::{Kind, START, World, money, postgres_store, value};
use protocol::Protocol;
use protocol::collect::Receipts;
use protocol::message::payment::BatchHead;
use protocol::outcome::{Problem, ResponseCode};
use protocol::secret::SessionSecrets;
use protocol::value::{Index, SessionId};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use server_stub::http::now;
use server_stub::server::Answer;
use server_stub::store::record::{Entry, Reason, Session, SessionStatus, Transaction};
use server_stub::store::{Account, Change, ChangeSet, CommitError, Conflict, PostgresStore, Store};

/// A customer and a merchant, with sessions in the books that both servers share.
struct Market {
    brian: Actor,
    payer: OpenedSession,
    acme: Actor,
    sales: OpenedSession,
}

async fn market(servers: &[Program; 2], world: &mut World) -> Market {
    let mut brian = Actor::new(world.protocol, "customer", "brianb");
    let mut acme = Actor::new(world.protocol, "merchant", "acme");
    // Whoever is asked, the other knows of it.
    let body = brian.registration(now());
    brian.id = servers[0].ask(world, &mut brian, &body).await.response_id;
    let body = acme.registration(now());
    acme.id = servers[1].ask(world, &mut acme, &body).await.response_id;
    let body = brian.binding(now(), ACCOUNT, "dda", "load,unload");
    let bound = servers[1].ask(world, &mut brian, &body).await;
    brian.keep(&bound);
    let body = brian.funds(now(), "usd 100.00");
    assert_eq!(servers[0].ask(world, &mut brian, &body).await.response_code, ResponseCode::Success);
    let body = brian.opening(now(), "usd 70.00", 120, 500);
    let payer = OpenedSession::of(servers[1].ask(world, &mut brian, &body).await);
    let body = acme.opening(now(), "usd 0.00", 120, 500);
    let sales = OpenedSession::of(servers[0].ask(world, &mut acme, &body).await);
    Market { brian, payer, acme, sales }
}

impl Market {
    /// Collections of one payment each.
    fn collections(&mut self, world: &mut World, count: usize) -> Vec<(Promise, BatchHead, String)> {
        let payee = self.acme.id.clone().expect("an id");
        let one = |n: usize| {
            let order = format!("order-{n}-{}", self.payer.index);
            let deal = Deal { payee: &payee, order: &order, price: "usd 0.10", amount: "usd 0.10" };
            let promise = world.promise(&mut self.payer, &deal);
            let (head, ca2) = world.collection(&mut self.sales, std::slice::from_ref(&promise));
            (promise, head, ca2)
        };
        (0..count).map(one).collect()
    }
}

/// Sends message n to server n modulo 2, all at once, and kills the first server as soon as `answers` have come.
async fn one_killed_midway(
    servers: &mut [Option<Program>; 2],
    messages: &[String],
    answers: usize,
) -> Vec<Option<String>> {
    let urls = servers.each_ref().map(|server| server.as_ref().expect("a server").url.clone());
    let client = reqwest::Client::new();
    let mut tasks = tokio::task::JoinSet::new();
    for (n, message) in messages.iter().cloned().enumerate() {
        let request = client.post(format!("{}/cybercash", urls[n % 2])).body(message);
        tasks.spawn(async move {
            let reply = match request.send().await {
                Ok(response) => response.text().await.ok(),
                Err(_) => None,
            };
            (n, reply)
        });
    }
    let mut replies = vec![None; messages.len()];
    let mut seen = 0;
    while let Some(Ok((n, reply))) = tasks.join_next().await {
        replies[n] = reply;
        seen += 1;
        if let Some(first) = servers[0].take_if(|_| seen == answers) {
            first.kill();
        }
    }
    replies
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_servers_one_is_killed_and_the_other_is_asked_again() {
    const COLLECTIONS: usize = 40;
    let cluster = Cluster::start(Durability::Quick);
    let keys = tempfile::tempdir().expect("a folder");
    let start =
        |n: usize| Program::start_on(&cluster.url(), &keys.path().join("keys"), keys.path().join(format!("{n}.log")));
    let mut world = World::new(Protocol::V2, Kind::Memory);
    // The first start makes the keys that the second shares.
    let both = [start(0), start(1)];
    let mut market = market(&both, &mut world).await;
    let mut servers = both.map(Some);
    for round in 1..=3 {
        let collections = market.collections(&mut world, COLLECTIONS);
        let messages: Vec<String> = collections.iter().map(|(_, _, ca2)| ca2.clone()).collect();
        let before = one_killed_midway(&mut servers, &messages, 8 * round).await;
        servers[0] = Some(start(0));
        for (n, ((promise, head, ca2), before)) in collections.iter().zip(before).enumerate() {
            let other = servers[(n + 1) % 2].as_ref().expect("a server");
            let reply = other.send(ca2).await.expect("a reply");
            assert!(before.is_none_or(|before| before == reply), "what one has answered, the other answers the same");
            let read = Receipts::read(reply.as_bytes(), Protocol::V2, &market.sales.secrets, head, 1);
            let receipts = read.expect("a receipt");
            assert_eq!(world.payer_receipt(promise, &receipts, 0).amount, Some(money("usd 0.10")));
        }
    }
    // Each payment has moved its ten cents once, and each server knows all of it.
    let servers = servers.map(|server| server.expect("a server"));
    let body = market.brian.closing(now(), None, false);
    assert_eq!(servers[0].ask(&mut world, &mut market.brian, &body).await.amount, Some(money("usd 58.00")));
    let body = market.acme.closing(now(), None, true);
    let closed = servers[1].ask(&mut world, &mut market.acme, &body).await;
    assert_eq!((closed.amount, closed.log.0.len()), (Some(money("usd 12.00")), 3 * COLLECTIONS));
    let audit = server_stub("audit").args(["--database", &cluster.url()]).output().expect("the program runs");
    assert!(audit.status.success(), "{}", String::from_utf8_lossy(&audit.stdout));
}

/// A session of fifty dollars.
fn session(number: u64) -> Session {
    Session {
        id: SessionId::of_number(number),
        protocol: Protocol::V2,
        secrets: SessionSecrets { key: vec![5; 32].into(), salt: vec![6; 32].into() },
        opening: money("usd 50.00"),
        current: money("usd 50.00"),
        opened: value(START),
        lifetime_minutes: 120,
        use_limit: Index::of(60_000).expect("an index"),
        uses: 0,
        persona: value("brianb-40"),
        status: SessionStatus::Open,
        memo: String::new(),
    }
}

fn moved(debit: Account, credit: Account, amount: &str) -> Change {
    let (reason, reference) = (Reason::Payment, String::new());
    Change::Journal(Entry { date: value(START), reason, debit, credit, amount: money(amount), reference })
}

fn set(changes: impl IntoIterator<Item = Change>) -> ChangeSet {
    ChangeSet { conditions: Vec::new(), changes: changes.into_iter().collect() }
}

/// Commits, as often as the store says that it is busy.
async fn commit(store: &PostgresStore, set: ChangeSet) -> Result<(), Conflict> {
    loop {
        match store.commit(set.clone()).await {
            Ok(()) => return Ok(()),
            Err(CommitError::Conflict(conflict)) => return Err(conflict),
            Err(CommitError::Busy) => {}
            Err(CommitError::Store(error)) => panic!("{error}"),
        }
    }
}

fn payment(index: u64, order: usize) -> Transaction {
    Transaction {
        payer_session: SessionId::of_number(1),
        payer_index: Index::of(index).expect("an index"),
        payer: value("brianb-40"),
        payee_session: SessionId::of_number(2),
        payee_index: Index::of(9).expect("an index"),
        payee: value("acme-82"),
        order_id: value(&format!("order-{order}")),
        charged: money("usd 1.00"),
        credited: money("usd 1.00"),
        fee: money("usd 0.00"),
        opaque_hash: [3; 32],
        date: value(START),
    }
}

/// Two stores on one database race for fifty dollars, a dollar at a time, and for twenty indexes.
async fn raced(isolation: &str) {
    let cluster = Cluster::start(Durability::Quick);
    let url = format!("{}?options=-c%20default_transaction_isolation%3D{isolation}", cluster.url());
    let stores = [Arc::new(postgres_store(&url)), Arc::new(postgres_store(&url))];
    let (payer, payee, agency) = (session(1).account(), session(2).account(), Account::Agency(value("usd")));
    let filled = [
        Change::Open(Box::new(session(1))),
        Change::Open(Box::new(session(2))),
        moved(agency, payer.clone(), "usd 50.00"),
    ];
    commit(&stores[0], set(filled)).await.expect("a start");
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..160 {
        let store = stores[n % 2].clone();
        let spend = moved(payer.clone(), payee.clone(), "usd 1.00");
        tasks.spawn(async move { commit(&store, set([spend, Change::Use(1), Change::Use(2)])).await });
    }
    let ends = tasks.join_all().await;
    assert_eq!(ends.iter().filter(|end| end.is_ok()).count(), 50, "as often as the session holds a dollar");
    let overdrawn = Err(Conflict::Overdrawn(payer.clone()));
    assert!(ends.iter().all(|end| end.is_ok() || *end == overdrawn), "{ends:?}");
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..160 {
        let store = stores[n % 2].clone();
        let index = n as u64 / 8 + 1;
        tasks.spawn(async move { (index, commit(&store, set([Change::Collect(Box::new(payment(index, n)))])).await) });
    }
    let ends = tasks.join_all().await;
    assert_eq!(ends.iter().filter(|(_, end)| end.is_ok()).count(), 20, "each index once");
    let used = |index: &u64| Err(Conflict::IndexUsed(1, u16::try_from(*index).expect("an index")));
    assert!(ends.iter().all(|(index, end)| end.is_ok() || *end == used(index)), "{ends:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_stores_race_at_read_committed() {
    // In the options of a connection a space is escaped.
    raced("read%5C%20committed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_stores_race_at_serializable_and_failures_are_repeated() {
    raced("serializable").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_servers_start_at_once_and_give_each_number_once() {
    let cluster = Cluster::start(Durability::Quick);
    let mut starts = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let config: tokio_postgres::Config = cluster.url().parse().expect("an address");
        starts.spawn(async move {
            let store = PostgresStore::open(&config).await.expect("a store");
            let mut numbers = Vec::new();
            for _ in 0..100 {
                numbers.push(store.new_session_id().await.expect("a number").number());
            }
            numbers
        });
    }
    let mut numbers = starts.join_all().await.concat();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 600);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_whose_connections_are_cut_goes_on() {
    let cluster = Cluster::start(Durability::Quick);
    let store = postgres_store(&cluster.url());
    let all: Vec<SessionId> = (1..=5).map(SessionId::of_number).collect();
    for number in 1..=5 {
        commit(&store, set([Change::Open(Box::new(session(number)))])).await.expect("a session");
        // Several connections, and then none.
        let several = futures_util::future::join_all((0..4).map(|_| store.sessions(&all))).await;
        assert!(several.iter().all(Result::is_ok));
        let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pay-cash'";
        let done = cluster.client("psql").args(["-q", "-c", cut]).output().expect("psql runs");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let found = store.sessions(&all).await.expect("a store");
        assert_eq!(found.len() as u64, number);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_every_connection_is_in_use_it_is_busy_and_nothing_has_moved() {
    let cluster = Cluster::start(Durability::Quick);
    let config = cluster.url().parse().expect("an address of a database");
    let store: Arc<dyn Store> = Arc::new(PostgresStore::open_with(&config, 1).await.expect("a store"));
    let mut world = World::new(Protocol::V2, Kind::Memory);
    world.server = Arc::new(common::server(store.clone(), World::config()));
    let mut brian = world.customer("brianb", "usd 10.00").await;
    let body = brian.funds(world.now, "usd 5.00");
    let load = world.seal(&mut brian, &body);
    let tables = Locked::by(&cluster, "message_log_140").await;
    // The first load has the only connection, and waits for the table; the second waits for the connection, in vain.
    let (first, mut rng) = (world.server.clone(), StdRng::from_seed([8; 32]));
    let (message, now) = (load.text.clone(), world.now);
    let waiting = tokio::spawn(async move { first.handle(message.as_bytes(), now, &mut rng).await });
    tables.wanted(&cluster).await;
    let refused = world.send(&load.text).await;
    assert_eq!(common::error_of(&refused), Problem::BUSY);
    assert!(refused.contains("response-code: retry"), "{refused}");
    drop(tables);
    let Answer::Reply(reply) = waiting.await.expect("an answer") else { panic!("a reply") };
    assert_eq!(world.send(&load.text).await, reply, "sent again, it is answered");
    let file = store.persona(&brian.id.expect("an id")).await.expect("a store").expect("a persona");
    assert_eq!(file.containers[&value("usd")].available, money("usd 15.00"), "and has moved once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_makes_do_with_one_connection() {
    let cluster = Cluster::start(Durability::Quick);
    let folder = tempfile::tempdir().expect("a folder");
    let settings = folder.path().join("server.toml");
    std::fs::write(&settings, "[database]\nconnections = 1\n").expect("a file");
    let arguments = ["--config", settings.to_str().expect("a path")];
    let (keys, log) = (folder.path().join("keys"), folder.path().join("log"));
    let program = Program::start_on_with(&cluster.url(), &keys, log, &arguments);
    let mut customers = program.customers(8, "usd 100.00", ("usd 10.00", 10)).await;
    let paid = customers.iter_mut().map(async |customer| {
        let deal = Deal { payee: &customer.payee, order: "order-1", price: "usd 0.10", amount: "usd 0.10" };
        let promise = customer.world.promise(&mut customer.payer, &deal);
        let (_, ca2) = customer.world.collection(&mut customer.sales, &[promise]);
        program.send(&ca2).await.expect("a reply")
    });
    let replies = futures_util::future::join_all(paid).await;
    assert!(replies.iter().all(|reply| !reply.contains("\ntype: error\n")), "{replies:?}");
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pay-cash'";
    let open = cluster.client("psql").args(["-qtA", "-c", sql]).output().expect("psql runs");
    assert_eq!(String::from_utf8_lossy(&open.stdout).trim(), "1");
    drop(program);
    let audit = server_stub("audit").args(["--database", &cluster.url()]).output().expect("the program runs");
    let said = String::from_utf8_lossy(&audit.stdout);
    assert!(audit.status.success(), "{said}");
}

/// A table that nobody else can read, until this is dropped.
struct Locked(Child);

impl Locked {
    async fn by(cluster: &Cluster, table: &str) -> Self {
        let mut psql = cluster.client("psql").arg("-q").stdin(Stdio::piped()).spawn().expect("psql runs");
        let lock = format!("BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE;\n");
        psql.stdin.as_mut().expect("its input").write_all(lock.as_bytes()).expect("a line");
        let locked = Self(psql);
        Self::until(cluster, "granted AND mode = 'AccessExclusiveLock'").await;
        locked
    }

    /// Waits until somebody waits for it.
    async fn wanted(&self, cluster: &Cluster) {
        Self::until(cluster, "NOT granted").await;
    }

    async fn until(cluster: &Cluster, state: &str) {
        let sql = format!("SELECT count(*) FROM pg_locks WHERE relation = 'message_log_140'::regclass AND {state}");
        loop {
            let found = cluster.client("psql").args(["-qtA", "-c", &sql]).output().expect("psql runs");
            if String::from_utf8_lossy(&found.stdout).trim() != "0" {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        // It ends when there is no more input, and the transaction with it.
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_ready_only_where_the_database_can_be_written() {
    let cluster = Cluster::start(Durability::Quick);
    let keys = tempfile::tempdir().expect("a folder");
    let program = Program::start_on(&cluster.url(), &keys.path().join("keys"), keys.path().join("log"));
    let read_only = |value: &str| {
        let alter = format!("ALTER SYSTEM SET default_transaction_read_only = {value}");
        let psql = cluster.client("psql").args(["-q", "-c", &alter, "-c", "SELECT pg_reload_conf()"]).output();
        assert!(psql.expect("psql runs").status.success());
    };
    program.readiness_is("ready\n").await;
    read_only("on");
    program.readiness_is("nothing can be stored\n").await;
    read_only("off");
    program.readiness_is("ready\n").await;
    drop(cluster);
    program.readiness_is("the database does not answer\n").await;
}

/// What `CockroachDB` or `YugabyteDB` do not document as theirs, or what would tie the books to one server.
const FORBIDDEN: [&str; 25] = [
    "advisory",
    "listen ",
    "unlisten",
    "notify",
    "trigger",
    "create function",
    "plpgsql",
    " do $$",
    "create extension",
    "create rule",
    "create domain",
    "create type",
    " serial",
    "bigserial",
    "lock table",
    "copy ",
    "ctid",
    "xmin",
    "regclass",
    "inherits",
    "temporary",
    "unlogged",
    "nulls not distinct",
    "merge into",
    "create sequence",
];

#[test]
fn only_sql_that_others_speak_is_used() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/postgres");
    let schema = folder.join("schema");
    let mut read = 0;
    for entry in [folder, schema].iter().flat_map(|folder| std::fs::read_dir(folder).expect("a folder")) {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a text");
        let says = |line: &&str| !line.trim_start().starts_with("//") && !line.trim_start().starts_with("--");
        let sql = text.lines().filter(says).collect::<Vec<_>>().join("\n").to_lowercase();
        for word in FORBIDDEN {
            assert!(!sql.contains(word), "{}: {word}", path.display());
        }
        read += 1;
    }
    assert!(read > 10, "where the statements are");
}
