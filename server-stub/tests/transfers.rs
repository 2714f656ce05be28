//! Jepsen's bank test: eight accounts, transfers between them at once, and every read sums to the total.

mod common;

use std::sync::Arc;

use common::World;
use common::actor::{ACCOUNT, Actor, OpenedSession};
use common::payment::Deal;
use protocol::persona::PersonaId;
use protocol::value::SessionId;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use server_stub::server::Answer;
use server_stub::store::{BookRow, Store};
use tokio::task::JoinSet;

const ACCOUNTS: usize = 8;
/// What each holds at first, cents: little enough that some transfers find too little.
const EACH: i64 = 10;
const TRANSFERS: usize = 120;
/// Transfers move from 1 to so many cents.
const MOST: i64 = 5;

/// A persona and its session, which pays and collects.
struct Account {
    id: PersonaId,
    session: OpenedSession,
}

async fn account(world: &mut World, n: usize) -> Account {
    let mut actor = Actor::new(world.protocol, "customer", &format!("account{n}"));
    // They share a key, and a registration is known by its key and number.
    actor.transaction += 1_000 * n as u64;
    let body = actor.registration(world.now);
    actor.id = world.ask(&mut actor, &body).await.response_id;
    world.bind(&mut actor, ACCOUNT, "dda", "load,unload").await;
    world.move_funds(&mut actor, "usd 1.00").await;
    let session = world.open(&mut actor, &format!("usd 0.{EACH:02}"), 120, 1_000).await;
    Account { id: actor.id.expect("an id"), session }
}

/// A collection of one transfer between two that the dice choose.
fn transfer(world: &mut World, accounts: &mut [Account], dice: &mut StdRng, n: usize) -> String {
    let (from, step) = (dice.random_range(0..ACCOUNTS), dice.random_range(1..ACCOUNTS));
    let to = (from + step) % ACCOUNTS;
    let (price, order) = (format!("usd 0.{:02}", dice.random_range(1..=MOST)), format!("transfer-{n}"));
    let payee = accounts[to].id.clone();
    let deal = Deal { payee: &payee, order: &order, price: &price, amount: &price };
    let promise = world.promise(&mut accounts[from].session, &deal);
    world.collection(&mut accounts[to].session, &[promise]).1
}

/// What all accounts hold, by the rows that payments read, and by the books; each of one moment.
async fn totals(store: &dyn Store, ids: &[SessionId]) -> [i64; 2] {
    let sessions = store.sessions(ids).await.expect("a store");
    let read = sessions.values().map(|session| session.current.minor).sum();
    let mut booked = 0;
    let mut see = |row| {
        if let BookRow::Session(session) = row {
            booked += session.current.minor;
        }
    };
    store.show(&mut see).await.expect("a store");
    [read, booked]
}

async fn every_read_sums_to_the_total(world: &mut World) {
    let mut accounts = Vec::new();
    for n in 0..ACCOUNTS {
        accounts.push(account(world, n).await);
    }
    let ids: Vec<SessionId> = accounts.iter().map(|account| account.session.id.clone()).collect();
    let mut dice = StdRng::seed_from_u64(8);
    let mut tasks = JoinSet::new();
    for n in 0..TRANSFERS {
        let message = transfer(world, &mut accounts, &mut dice, n);
        let (server, now): (Arc<_>, _) = (world.server.clone(), world.now);
        tasks.spawn(async move {
            let mut rng = StdRng::seed_from_u64(n as u64);
            match server.handle(message.as_bytes(), now, &mut rng).await {
                Answer::Reply(reply) => assert!(!reply.contains("\ntype: error\n"), "{reply}"),
                other => panic!("{other:?}"),
            }
        });
    }
    let total = EACH * i64::try_from(ACCOUNTS).expect("a few");
    let mut reads = 0;
    while tasks.try_join_next().map(|done| done.expect("an answer")).is_some() || !tasks.is_empty() {
        assert_eq!(totals(&*world.store, &ids).await, [total; 2]);
        reads += 1;
        tokio::task::yield_now().await;
    }
    assert_eq!(totals(&*world.store, &ids).await, [total; 2]);
    let sessions = world.store.sessions(&ids).await.expect("a store");
    assert!(sessions.values().any(|session| session.current.minor != EACH), "something moved");
    assert!(reads > 0 && sessions.values().all(|session| session.current.minor >= 0));
}

everywhere! {
    every_read_sums_to_the_total
}
