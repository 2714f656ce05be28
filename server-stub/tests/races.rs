//! Many at once: one effect, and the right verdict for each.

mod common;

use std::sync::Arc;

use common::actor::OpenedSession;
use common::payment::{Deal, Promise};
use common::{World, money};
use protocol::message::payment::BatchHead;
use protocol::outcome::Problem;
use protocol::value::Index;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use server_stub::server::{Answer, Server};
use tokio::task::JoinSet;

/// How many race.
const RACERS: u64 = 32;

/// Sends messages at once, each from a task of its own.
async fn race(world: &World, messages: Vec<String>) -> Vec<String> {
    let mut tasks = JoinSet::new();
    for (n, message) in messages.into_iter().enumerate() {
        let (server, now): (Arc<Server>, _) = (world.server.clone(), world.now);
        tasks.spawn(async move {
            let mut rng = StdRng::from_seed([u8::try_from(n).expect("few"); 32]);
            match server.handle(message.as_bytes(), now, &mut rng).await {
                Answer::Reply(reply) => (n, reply),
                other => panic!("{other:?}"),
            }
        });
    }
    let mut replies = tasks.join_all().await;
    replies.sort();
    replies.into_iter().map(|(_, reply)| reply).collect()
}

/// What a collection of one payment came to.
fn verdict(world: &World, sales: &OpenedSession, head: &BatchHead, reply: &str) -> Option<Problem> {
    let receipts = world.receipts(sales, head, reply, 1);
    let whole = receipts.verdicts.batch.problem.clone();
    whole.or_else(|| receipts.verdicts.payments[0].problem.clone())
}

struct Race {
    payer: OpenedSession,
    sales: Vec<OpenedSession>,
    promises: Vec<Promise>,
}

/// A payer with promises for a merchant with sessions.
async fn start(world: &mut World, sessions: usize, promises: u64, same_index: bool) -> Race {
    let mut brian = world.customer("brianb", "usd 100.00").await;
    let mut acme = world.registered("merchant", "acme").await;
    let payee = acme.id.clone().expect("an id");
    let payer = world.open(&mut brian, "usd 70.00", 120, 1_000).await;
    let mut sales = Vec::new();
    for _ in 0..sessions {
        sales.push(world.open(&mut acme, "usd 0.00", 120, 1_000).await);
    }
    let promises = (1..=promises).map(|n| {
        let order = format!("order-{n}");
        let deal = Deal { payee: &payee, order: &order, price: "usd 3.00", amount: "usd 3.00" };
        let index = if same_index { Index::FIRST } else { Index::of(n).expect("an index") };
        world.promise_at(&payer, index, &deal)
    });
    let promises = promises.collect();
    Race { payer, sales, promises }
}

/// What the sessions of a race hold in the end.
async fn left(world: &World, race: &Race) -> (i64, i64) {
    let ids: Vec<_> = race.sales.iter().chain([&race.payer]).map(|session| session.id.clone()).collect();
    let sessions = world.store.sessions(&ids).await.expect("a store");
    let earned = race.sales.iter().map(|session| sessions[&session.id.number()].current.minor).sum();
    (sessions[&race.payer.id.number()].current.minor, earned)
}

async fn identical_bytes(world: &mut World) {
    let race_of = start(world, 1, 1, false).await;
    let (head, ca2) = world.collection_at(&race_of.sales[0], Index::FIRST, &race_of.promises);
    let replies = race(world, vec![ca2; 32]).await;
    assert!(replies.iter().all(|reply| *reply == replies[0]), "the same answer for all");
    assert_eq!(verdict(world, &race_of.sales[0], &head, &replies[0]), None);
    assert_eq!(left(world, &race_of).await, (6_700, 300));
}

async fn different_bytes_at_one_index(world: &mut World) {
    let race_of = start(world, 1, RACERS, true).await;
    let mut collections = Vec::new();
    for (n, promise) in (1..).zip(&race_of.promises) {
        let index = Index::of(n).expect("an index");
        collections.push(world.collection_at(&race_of.sales[0], index, std::slice::from_ref(promise)));
    }
    let (heads, messages): (Vec<_>, Vec<_>) = collections.into_iter().unzip();
    let replies = race(world, messages).await;
    let verdicts: Vec<_> =
        heads.iter().zip(&replies).map(|(head, reply)| verdict(world, &race_of.sales[0], head, reply)).collect();
    assert_eq!(verdicts.iter().filter(|problem| problem.is_none()).count(), 1);
    let used = verdicts.iter().filter(|problem| **problem == Some(Problem::INDEX_USED)).count();
    assert_eq!(used as u64, RACERS - 1);
    assert_eq!(left(world, &race_of).await, (6_700, 300));
}

async fn one_payment_through_many_sessions(world: &mut World) {
    let race_of = start(world, 8, 1, false).await;
    let collections: Vec<_> =
        race_of.sales.iter().map(|sales| world.collection_at(sales, Index::FIRST, &race_of.promises)).collect();
    let (heads, messages): (Vec<_>, Vec<_>) = collections.into_iter().unzip();
    let replies = race(world, messages).await;
    for ((sales, head), reply) in race_of.sales.iter().zip(&heads).zip(&replies) {
        assert_eq!(verdict(world, sales, head, reply), None, "the same payee: the first outcome again");
    }
    assert_eq!(left(world, &race_of).await, (6_700, 300));
}

async fn as_many_payments_as_there_is_money(world: &mut World) {
    let race_of = start(world, 1, RACERS, false).await;
    let mut collections = Vec::new();
    for (n, promise) in (1..).zip(&race_of.promises) {
        let index = Index::of(n).expect("an index");
        collections.push(world.collection_at(&race_of.sales[0], index, std::slice::from_ref(promise)));
    }
    let (heads, messages): (Vec<_>, Vec<_>) = collections.into_iter().unzip();
    let replies = race(world, messages).await;
    let verdicts: Vec<_> =
        heads.iter().zip(&replies).map(|(head, reply)| verdict(world, &race_of.sales[0], head, reply)).collect();
    let paid = verdicts.iter().filter(|problem| problem.is_none()).count();
    assert_eq!(paid, 23, "70 dollars are 23 times 3, and one left: {verdicts:?}");
    assert_eq!(left(world, &race_of).await, (100, 6_900));
}

async fn closing_and_collecting(world: &mut World) {
    let mut brian = world.customer("brianb", "usd 100.00").await;
    let mut acme = world.registered("merchant", "acme").await;
    let payee = acme.id.clone().expect("an id");
    for round in 0..8 {
        let mut payer = world.open(&mut brian, "usd 10.00", 120, 25).await;
        let sales = world.open(&mut acme, "usd 0.00", 120, 25).await;
        let order = format!("order-{round}");
        let deal = Deal { payee: &payee, order: &order, price: "usd 4.00", amount: "usd 4.00" };
        let promise = world.promise(&mut payer, &deal);
        let (head, ca2) = world.collection_at(&sales, Index::FIRST, &[promise]);
        let body = brian.closing(world.now, Some(&payer.id), false);
        let close = world.seal(&mut brian, &body);
        let replies = race(world, vec![ca2, close.text.clone()]).await;
        let paid = verdict(world, &sales, &head, &replies[0]);
        let closed: protocol::message::session::CloseSessionResponse =
            close.read_reply(replies[1].as_bytes()).expect("a reply");
        let expected = match paid {
            None => "usd 6.00",
            Some(problem) => {
                assert_eq!(problem, Problem::SESSION_CLOSED);
                "usd 10.00"
            }
        };
        assert_eq!(closed.amount, Some(money(expected)));
    }
}

/// Who races, again and again: one payer, two sessions of one merchant.
struct Track {
    payee: protocol::persona::PersonaId,
    payer: OpenedSession,
    sales: [OpenedSession; 2],
}

impl Track {
    async fn open(world: &mut World) -> Self {
        let mut brian = world.customer("brianb", "usd 100.00").await;
        let mut acme = world.registered("merchant", "acme").await;
        let payer = world.open(&mut brian, "usd 50.00", 120, 60_000).await;
        let sales = [
            world.open(&mut acme, "usd 0.00", 120, 60_000).await,
            world.open(&mut acme, "usd 0.00", 120, 60_000).await,
        ];
        Self { payee: acme.id.expect("an id"), payer, sales }
    }

    /// A promise of a cent for an order, at the payer's current index.
    fn promise(&self, world: &mut World, order: u64) -> Promise {
        let order = format!("order-{order}");
        let deal = Deal { payee: &self.payee, order: &order, price: "usd 0.01", amount: "usd 0.01" };
        world.promise_at(&self.payer, Index::of(self.payer.index.into()).expect("an index"), &deal)
    }

    /// The very same message from all.
    async fn identical(&mut self, world: &mut World) {
        self.payer.next();
        let promise = self.promise(world, 0);
        let (head, ca2) = world.collection(&mut self.sales[0], &[promise]);
        let replies = race(world, vec![ca2; 32]).await;
        assert!(replies.iter().all(|reply| *reply == replies[0]), "the same answer for all");
        assert_eq!(verdict(world, &self.sales[0], &head, &replies[0]), None);
    }

    /// Another order from each, all at one index of the payer.
    async fn different(&mut self, world: &mut World) {
        self.payer.next();
        let promises: Vec<_> = (1..=RACERS).map(|order| self.promise(world, order)).collect();
        let messages: Vec<_> =
            promises.iter().map(|one| world.collection(&mut self.sales[0], std::slice::from_ref(one))).collect();
        let replies = race(world, messages.iter().map(|(_, ca2)| ca2.clone()).collect()).await;
        let verdicts = messages.iter().zip(&replies);
        let verdicts: Vec<_> = verdicts.map(|((head, _), reply)| verdict(world, &self.sales[0], head, reply)).collect();
        assert_eq!(verdicts.iter().filter(|problem| problem.is_none()).count(), 1, "{verdicts:?}");
        let used = verdicts.iter().filter(|problem| **problem == Some(Problem::INDEX_USED)).count();
        assert_eq!(used as u64, RACERS - 1);
    }

    /// One payment through two sessions of its merchant, each message many times.
    async fn through_two_sessions(&mut self, world: &mut World) {
        self.payer.next();
        let promise = [self.promise(world, 0)];
        let (first, one) = world.collection(&mut self.sales[0], &promise);
        let (second, other) = world.collection(&mut self.sales[1], &promise);
        let messages = (0..RACERS).map(|n| if n % 2 == 0 { one.clone() } else { other.clone() }).collect();
        let replies = race(world, messages).await;
        for (sales, head, reply) in [(0, first, &replies[0]), (1, second, &replies[1])] {
            assert_eq!(verdict(world, &self.sales[sales], &head, reply), None, "the first outcome, again");
        }
        assert!(replies.chunks(2).all(|pair| pair == &replies[..2]), "the same message, the same answer");
    }
}

/// Three races a round, each for one cent.
async fn races(world: &mut World, rounds: i64) {
    let mut track = Track::open(world).await;
    for _ in 0..rounds {
        track.identical(world).await;
        track.different(world).await;
        track.through_two_sessions(world).await;
    }
    let race_of = Race { payer: track.payer, sales: track.sales.into(), promises: Vec::new() };
    assert_eq!(left(world, &race_of).await, (5_000 - 3 * rounds, 3 * rounds));
    common::assert_sound(&*world.store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_races_in_memory_have_one_effect_each() {
    races(&mut World::new(protocol::Protocol::V2, common::Kind::Memory), 150).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_races_on_the_disk_have_one_effect_each() {
    races(&mut World::new(protocol::Protocol::V2, common::Kind::Sqlite), 20).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "minutes: for soak"]
async fn a_thousand_races_in_memory_have_one_effect_each() {
    races(&mut World::new(protocol::Protocol::V2, common::Kind::Memory), 1_000).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "minutes: for soak"]
async fn a_thousand_races_on_the_disk_have_one_effect_each() {
    races(&mut World::new(protocol::Protocol::V2, common::Kind::Sqlite), 1_000).await;
}

/// The sweep ends sessions while payments from them are collected: each is paid or expired, never both.
async fn expiring_and_collecting(world: &mut World) {
    let mut brian = world.customer("brianb", "usd 100.00").await;
    let mut acme = world.registered("merchant", "acme").await;
    let payee = acme.id.clone().expect("an id");
    let mut sales = world.open(&mut acme, "usd 0.00", 900, 100).await;
    let mut paid = 0;
    for round in 0..8 {
        let mut payer = world.open(&mut brian, "usd 10.00", 1, 25).await;
        let order = format!("order-{round}");
        let deal = Deal { payee: &payee, order: &order, price: "usd 0.10", amount: "usd 0.10" };
        let promise = world.promise(&mut payer, &deal);
        let (head, ca2) = world.collection(&mut sales, &[promise]);
        // The last moment of the session, by the clock of those who collect; the one that sweeps is ahead.
        world.pass_secs(60);
        let (server, later) = (world.server.clone(), world.now.plus_secs(1));
        let sweep = tokio::spawn(async move { server.sweep(later).await });
        let replies = race(world, vec![ca2; 4]).await;
        sweep.await.expect("it ends").expect("a store");
        world.pass_secs(1);
        world.server.sweep(world.now).await.expect("a store");
        match verdict(world, &sales, &head, &replies[0]) {
            None => paid += 10,
            Some(problem) => assert_eq!(problem, Problem::SESSION_EXPIRED),
        }
        assert!(replies.iter().all(|reply| *reply == replies[0]), "one verdict");
        let ids = [payer.id.clone(), sales.id.clone()];
        let sessions = world.store.sessions(&ids).await.expect("a store");
        assert!(!sessions[&payer.id.number()].is_open() && sessions[&payer.id.number()].current.minor == 0);
        assert_eq!(sessions[&sales.id.number()].current.minor, paid);
    }
    assert_eq!(world.balance(&brian, "usd").await, money_text(10_000 - paid));
}

fn money_text(cents: i64) -> String {
    format!("usd {}.{:02}", cents / 100, cents % 100)
}

everywhere! {
    identical_bytes
    different_bytes_at_one_index
    one_payment_through_many_sessions
    as_many_payments_as_there_is_money
    closing_and_collecting
    expiring_and_collecting
}
