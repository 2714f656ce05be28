//! Jepsen's bank test: money moves between eight accounts at random, and whoever looks at all of them sees all of it.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use common::World;
use common::actor::{ACCOUNT, OpenedSession};
use common::payment::Deal;
use protocol::persona::PersonaId;
use protocol::value::SessionId;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use server_stub::server::Answer;
use server_stub::store::{BookRow, Store};
use tokio::task::JoinSet;

/// How many accounts there are.
const ACCOUNTS: usize = 8;
/// What each holds at first, cents: little enough that some transfers find too little.
const EACH: i64 = 10;
/// What is in all of them together, cents.
const TOTAL: i64 = EACH * 8;
/// How many transfers are under way at once, and how often.
const AT_ONCE: usize = 16;
const ROUNDS: usize = 25;

/// An account: a session, which pays and collects.
struct Account {
    id: PersonaId,
    session: OpenedSession,
}

async fn account(world: &mut World, n: usize) -> Account {
    let mut actor = world.one_of_many("customer", "holder", n).await;
    world.bind(&mut actor, ACCOUNT, "dda", "load,unload").await;
    world.move_funds(&mut actor, "usd 1.00").await;
    let session = world.open(&mut actor, &format!("usd 0.{EACH:02}"), 120, 10_000).await;
    Account { id: actor.id.expect("an id"), session }
}

/// A CA2 that moves 1 to 5 cents from one account to another.
fn transfer(world: &mut World, accounts: &mut [Account], dice: &mut StdRng, order: usize) -> String {
    let from = dice.random_range(0..ACCOUNTS);
    let to = (from + dice.random_range(1..ACCOUNTS)) % ACCOUNTS;
    let (amount, order) = (format!("usd 0.0{}", dice.random_range(1..=5)), format!("transfer-{order}"));
    let payee = accounts[to].id.clone();
    let deal = Deal { payee: &payee, order: &order, price: &amount, amount: &amount };
    let promise = world.promise(&mut accounts[from].session, &deal);
    world.collection(&mut accounts[to].session, &[promise]).1
}

/// What is in all accounts, by the rows that payments read, and by the books; each of one moment.
async fn totals(store: &dyn Store, ids: &[SessionId]) -> [i64; 2] {
    let sessions = store.sessions(ids).await.expect("a store");
    assert!(sessions.values().all(|session| session.current.minor >= 0), "{sessions:?}");
    let read = sessions.values().map(|session| session.current.minor).sum();
    let mut booked = 0;
    let mut see = |row| {
        if let BookRow::Session { session, .. } = row {
            booked += session.current.minor;
        }
    };
    store.show(&mut see).await.expect("a store");
    [read, booked]
}

/// Looks at all accounts again and again; yields how often.
async fn watch(store: Arc<dyn Store>, ids: Vec<SessionId>, over: Arc<AtomicBool>) -> usize {
    let mut looks = 0;
    while !over.load(Ordering::Relaxed) {
        assert_eq!(totals(&*store, &ids).await, [TOTAL; 2]);
        looks += 1;
        tokio::task::yield_now().await;
    }
    looks
}

async fn every_look_at_the_accounts_sees_all_the_money(world: &mut World) {
    let mut accounts = Vec::new();
    for n in 0..ACCOUNTS {
        accounts.push(account(world, n).await);
    }
    let ids: Vec<_> = accounts.iter().map(|account| account.session.id.clone()).collect();
    let over = Arc::new(AtomicBool::new(false));
    let watching = tokio::spawn(watch(world.store.clone(), ids.clone(), over.clone()));
    let mut dice = StdRng::from_seed([8; 32]);
    for round in 0..ROUNDS {
        let messages: Vec<_> =
            (0..AT_ONCE).map(|n| transfer(world, &mut accounts, &mut dice, round * AT_ONCE + n)).collect();
        let mut tasks = JoinSet::new();
        for message in messages {
            let (server, now, mut rng) = (world.server.clone(), world.now, StdRng::from_rng(&mut dice));
            tasks.spawn(async move { server.handle(message.as_bytes(), now, &mut rng).await });
        }
        for answer in tasks.join_all().await {
            let Answer::Reply(reply) = answer else { panic!("{answer:?}") };
            assert!(!reply.contains("problem: busy") && !reply.contains("\ntype: error\n"), "{reply}");
        }
    }
    over.store(true, Ordering::Relaxed);
    assert!(watching.await.expect("the sum was right") > 0);
    assert_eq!(totals(&*world.store, &ids).await, [TOTAL; 2]);
    let sessions = world.store.sessions(&ids).await.expect("a store");
    assert!(sessions.values().any(|session| session.current.minor != EACH), "something moved");
}

everywhere! {
    every_look_at_the_accounts_sees_all_the_money
}
