//! Sessions and what is paid from and into them: OS1, CA2, CS1.

mod common;

use common::actor::{Actor, OpenedSession};
use common::payment::{Deal, Promise, problems, whole};
use common::{Kind, World, error_of, money, value};
use protocol::Protocol;
use protocol::message::Reply as _;
use protocol::outcome::Problem;
use protocol::persona::PersonaId;
use protocol::value::{Count, Index, SessionId};
use server_stub::server::Config;
use server_stub::server::config::ClassicCaps;

/// A customer and a merchant, each with a session.
struct Market {
    brian: Actor,
    acme: Actor,
    payee: PersonaId,
    session: OpenedSession,
    sales: OpenedSession,
}

async fn market(world: &mut World, amount: &str, uses: u64, sales_uses: u64) -> Market {
    let mut brian = world.customer("brianb", "usd 100.00").await;
    let mut acme = world.registered("merchant", "acme").await;
    let session = world.open(&mut brian, amount, 120, uses).await;
    let sales = world.open(&mut acme, "usd 0.00", 960, sales_uses).await;
    let payee = acme.id.clone().expect("an id");
    Market { brian, acme, payee, session, sales }
}

impl Market {
    /// A deal about the same amount on both sides.
    fn deal<'a>(payee: &'a PersonaId, order: &'a str, price: &'a str) -> Deal<'a> {
        Deal { payee, order, price, amount: price }
    }

    fn promise(&mut self, world: &mut World, order: &str, price: &str) -> Promise {
        world.promise(&mut self.session, &Self::deal(&self.payee, order, price))
    }

    /// Promises and collects; yields the problem.
    async fn pay(&mut self, world: &mut World, order: &str, price: &str) -> Option<Problem> {
        let promise = self.promise(world, order, price);
        self.collect(world, &promise).await
    }

    async fn collect(&mut self, world: &mut World, promise: &Promise) -> Option<Problem> {
        problems(&world.collect(&mut self.sales, std::slice::from_ref(promise)).await)[0].clone()
    }
}

async fn limits_are_cut_to_what_is_allowed(world: &mut World) {
    let mut brian = world.customer("brianb", "usd 100.00").await;
    let session = world.open(&mut brian, "usd 100.01", u64::from(u32::MAX) * 9, 65_535).await;
    assert_eq!(session.reply.amount, Some(money("usd 100.00")));
    assert_eq!(session.reply.key_lifetime.map(protocol::value::Num::get), Some(30 * 24 * 60));
    assert_eq!(session.reply.balance, Some(money("usd 0.00")));
    // There is nothing left, so nothing is granted: the session can collect.
    let second = world.open(&mut brian, "usd 5.00", 10, 1).await;
    assert_eq!(second.reply.amount, Some(money("usd 0.00")));
    let rates = second.reply.foreign_exchange.expect("rates").0;
    assert!(rates.iter().any(|(currency, rate)| currency.code() == "gbp" && rate.to_string() == "1.25"), "{rates:?}");
}

async fn an_amount_limit_holds(world: &mut World) {
    let mut market = market(world, "usd 70.00", 25, 90).await;
    assert_eq!(market.pay(world, "a", "usd 70.01").await, Some(Problem::FUNDS_INSUFFICIENT));
    assert_eq!(market.pay(world, "b", "usd 70.00").await, None);
    assert_eq!(market.pay(world, "c", "usd 0.01").await, Some(Problem::FUNDS_INSUFFICIENT));
}

async fn a_lifetime_holds_to_the_millisecond(world: &mut World) {
    let mut market = market(world, "usd 70.00", 25, 90).await;
    world.pass_secs(120 * 60);
    assert_eq!(market.pay(world, "a", "usd 1.00").await, None, "exactly equal is still valid");
    world.pass_millis(1);
    assert_eq!(market.pay(world, "b", "usd 1.00").await, Some(Problem::SESSION_EXPIRED));
    // The sweep brings back what is left, and changes no verdict.
    assert_eq!(world.server.sweep(world.now).await, Ok(1));
    assert_eq!(world.balance(&market.brian, "usd").await, "usd 99.00");
    assert_eq!(market.pay(world, "c", "usd 1.00").await, Some(Problem::SESSION_EXPIRED));
    // The merchant's own session lives on, until it does not.
    world.pass_secs(840 * 60);
    let promise = market.promise(world, "d", "usd 1.00");
    let receipts = world.collect(&mut market.sales, &[promise]).await;
    assert_eq!((whole(&receipts), problems(&receipts)), (Some(Problem::SESSION_EXPIRED), vec![]));
    let body = market.acme.closing(world.now, Some(&market.sales.id), false);
    assert_eq!(world.refused(&mut market.acme, &body).await, Some(Problem::SESSION_EXPIRED));
    assert_eq!(world.balance(&market.acme, "usd").await, "usd 1.00", "and what it earned came back");
}

async fn the_last_use_ends_a_session(world: &mut World) {
    let mut market = market(world, "usd 70.00", 3, 90).await;
    let deals = ["a", "b", "c"].map(|order| market.promise(world, order, "usd 10.00"));
    // Out of order, and one over the limit.
    let far = Deal { payee: &market.payee, order: "d", price: "usd 1.00", amount: "usd 1.00" };
    let far = world.promise_at(&market.session, Index::of(4).expect("an index"), &far);
    assert_eq!(market.collect(world, &far).await, Some(Problem::INDEX_RANGE));
    let receipts = world.collect(&mut market.sales, &[deals[2].clone(), deals[0].clone()]).await;
    assert_eq!(problems(&receipts), [None, None]);
    if world.protocol == Protocol::V2 {
        let told = world.payer_receipt(&deals[2], &receipts, 0);
        assert_eq!(told.seconds_left, Some(Count(120 * 60)), "no time has passed");
    }
    let last = world.collect(&mut market.sales, std::slice::from_ref(&deals[1])).await;
    let told = world.payer_receipt(&deals[1], &last, 0);
    if world.protocol == Protocol::V2 {
        assert_eq!(told.session_balance, Some(money("usd 40.00")), "what returned to the container");
        assert_eq!((told.uses_left, told.seconds_left), (Some(Count(0)), Some(Count(0))));
    }
    assert_eq!(world.balance(&market.brian, "usd").await, "usd 70.00");
    // The same payment in another CA2 still gets its first outcome; another payment does not.
    assert_eq!(market.collect(world, &deals[1]).await, None);
    assert_eq!(market.pay(world, "e", "usd 1.00").await, Some(Problem::SESSION_CLOSED));
    let body = market.brian.closing(world.now, Some(&market.session.id), false);
    assert_eq!(world.refused(&mut market.brian, &body).await, Some(Problem::SESSION_CLOSED));
}

async fn the_last_collection_ends_a_merchant_s_session(world: &mut World) {
    let mut market = market(world, "usd 70.00", 25, 2).await;
    assert_eq!(market.pay(world, "a", "usd 1.00").await, None);
    assert_eq!(world.balance(&market.acme, "usd").await, "usd 0.00");
    assert_eq!(market.pay(world, "b", "usd 2.00").await, None);
    assert_eq!(world.balance(&market.acme, "usd").await, "usd 3.00");
    let promise = market.promise(world, "c", "usd 1.00");
    let receipts = world.collect(&mut market.sales, std::slice::from_ref(&promise)).await;
    assert_eq!(whole(&receipts), Some(Problem::SESSION_CLOSED));
    // A refused collection leaves the payer's index free: a new session of the merchant can still collect it.
    market.sales = world.open(&mut market.acme, "usd 0.00", 960, 90).await;
    assert_eq!(market.collect(world, &promise).await, None);
}

async fn collections_are_resent(world: &mut World) {
    let mut market = market(world, "usd 70.00", 25, 90).await;
    let promise = market.promise(world, "a", "usd 10.00");
    let other = market.promise(world, "b", "usd 10.00");
    let (head, ca2) = world.collection(&mut market.sales, std::slice::from_ref(&promise));
    let ca3 = world.send(&ca2).await;
    assert_eq!(world.send(&ca2).await, ca3);
    // Other bytes at the same index.
    let (_, reused) = world.collection_at(&market.sales, head.index, std::slice::from_ref(&other));
    let reply = world.send(&reused).await;
    assert_eq!(whole(&world.receipts(&market.sales, &head, &reply, 1)), Some(Problem::INDEX_USED));
    // The same payment in another CA2, and in another session of the same payee.
    assert_eq!(market.collect(world, &promise).await, None);
    market.sales = world.open(&mut market.acme, "usd 0.00", 960, 90).await;
    assert_eq!(market.collect(world, &promise).await, None);
    // Twice in one CA2: one of them is too many.
    let receipts = world.collect(&mut market.sales, &[other.clone(), other]).await;
    assert_eq!(problems(&receipts), [None, Some(Problem::INDEX_USED)]);
    let body = market.brian.closing(world.now, None, false);
    assert_eq!(world.ask(&mut market.brian, &body).await.amount, Some(money("usd 50.00")));
}

/// Who asks for the log of a session that is closed is told what it held; who does not, is told that it is closed.
async fn a_closed_session_tells_again_what_it_held(world: &mut World) {
    let mut market = market(world, "usd 70.00", 25, 90).await;
    assert_eq!(market.pay(world, "a", "usd 10.00").await, None);
    assert_eq!(market.pay(world, "b", "usd 5.00").await, None);
    for (actor, session, left, other) in [
        (&mut market.brian, &market.session, "usd 55.00", market.payee.as_str()),
        (&mut market.acme, &market.sales, "usd 15.00", "brianb-40"),
    ] {
        let body = actor.closing(world.now, Some(&session.id), true);
        let closed = world.ask(actor, &body).await;
        assert_eq!((closed.problem, closed.amount), (None, Some(money(left))));
        let lines: Vec<_> = closed.log.0.iter().map(|line| line.as_str().to_owned()).collect();
        let expected = [format!("|1|{other}|a|usd 10.00"), format!("|2|{other}|b|usd 5.00")];
        assert!(lines.iter().zip(&expected).all(|(line, end)| line.ends_with(end)) && lines.len() == 2, "{lines:?}");
        let stored = world.store.sessions(std::slice::from_ref(&session.id)).await.expect("a store");
        assert!(stored[&session.id.number()].memo.ends_with("; done"), "the note of CS1 goes behind the one of OS1");
        // Once more, in a new message.
        let body = actor.closing(world.now, Some(&session.id), true);
        let again = world.ask(actor, &body).await;
        assert_eq!((again.problem, again.amount), (Some(Problem::SESSION_CLOSED), Some(money(left))));
        assert_eq!(again.log, closed.log);
        let body = actor.closing(world.now, Some(&session.id), false);
        let short = world.ask(actor, &body).await;
        assert_eq!((short.problem, short.amount), (Some(Problem::SESSION_CLOSED), None));
        assert_eq!(short.log.0, []);
    }
}

async fn an_index_is_used_once(world: &mut World) {
    let mut market = market(world, "usd 70.00", 25, 90).await;
    let first = market.promise(world, "a", "usd 10.00");
    let same_index = Deal { payee: &market.payee, order: "b", price: "usd 10.00", amount: "usd 10.00" };
    let second = world.promise_at(&market.session, first.claim.payer_index, &same_index);
    assert_eq!(market.collect(world, &first).await, None);
    assert_eq!(market.collect(world, &second).await, Some(Problem::INDEX_USED));
}

/// Only the same payment is told its first outcome: the same order, price and sealed bytes.
async fn what_was_paid_is_told_for_nothing_else(world: &mut World) {
    let mut market = market(world, "usd 70.00", 25, 90).await;
    let first = market.promise(world, "a", "usd 10.00");
    assert_eq!(market.collect(world, &first).await, None);
    // The same order at the same index, and another amount.
    let deal = Market::deal(&market.payee, "a", "usd 9.00");
    let cheaper = world.promise_at(&market.session, first.claim.payer_index, &deal);
    assert_eq!(market.collect(world, &cheaper).await, Some(Problem::INDEX_USED));
    // The same promise, and more asked for it.
    let mut dearer = first.clone();
    dearer.claim.merchant_amount = money("usd 10.01");
    assert_eq!(market.collect(world, &dearer).await, Some(Problem::INDEX_USED));
    assert_eq!(market.collect(world, &first).await, None);
}

async fn payments_that_do_not_fit(world: &mut World) {
    let mut market = market(world, "usd 70.00", 25, 90).await;
    // Another payee than the one who collects.
    let other: PersonaId = value("zz-66");
    let promise = world.promise(&mut market.session, &Market::deal(&other, "a", "usd 1.00"));
    assert_eq!(market.collect(world, &promise).await, Some(Problem::PAYEE_MISMATCH));
    // Another amount than the payer's.
    let deal = Deal { payee: &market.payee, order: "b", price: "usd 1.00", amount: "usd 0.99" };
    let promise = world.promise(&mut market.session, &deal);
    assert_eq!(market.collect(world, &promise).await, Some(Problem::AMOUNT_MISMATCH));
    // Another order than the payer's.
    let mut promise = market.promise(world, "c", "usd 1.00");
    promise.claim.order_id = value("d");
    assert_eq!(market.collect(world, &promise).await, Some(Problem::BAD_AUTH_CODE));
    // An opaque value of another session.
    let mut promise = market.promise(world, "e", "usd 1.00");
    promise.received.opaque[20] ^= 1;
    let problem = market.collect(world, &promise).await;
    assert!(matches!(problem, Some(problem) if problem == Problem::BAD_OPAQUE || problem == Problem::BAD_AUTH_CODE));
    // A session that does not exist has no keys, and its payer is told nothing.
    let mut promise = market.promise(world, "f", "usd 1.00");
    promise.claim.payer_session_id = SessionId::of_number(99_999);
    let receipts = world.collect(&mut market.sales, &[promise]).await;
    assert_eq!(problems(&receipts), [Some(Problem::SESSION_UNKNOWN)]);
    assert_eq!(receipts.customer_opaques, [None]);
    // All of these left their indexes free.
    for (index, order) in (1..=5).zip(["g", "h", "i", "j", "k"]) {
        let deal = Market::deal(&market.payee, order, "usd 1.00");
        let promise = world.promise_at(&market.session, Index::of(index).expect("an index"), &deal);
        assert_eq!(problems(&world.collect(&mut market.sales, &[promise]).await), [None], "index {index}");
    }
}

async fn nobody_pays_themselves(world: &mut World) {
    let mut market = market(world, "usd 70.00", 25, 90).await;
    market.sales = world.open(&mut market.brian, "usd 0.00", 60, 10).await;
    let brian = market.brian.id.clone().expect("an id");
    let promise = world.promise(&mut market.session, &Market::deal(&brian, "a", "usd 1.00"));
    assert_eq!(market.collect(world, &promise).await, Some(Problem::SELF_PAYMENT));
    let mut same = market.session.clone();
    let promise = world.promise(&mut same, &Market::deal(&brian, "b", "usd 1.00"));
    let receipts = world.collect(&mut same, &[promise]).await;
    assert_eq!(problems(&receipts), [Some(Problem::SELF_PAYMENT)]);
}

async fn the_merchant_s_envelope_is_checked(world: &mut World) {
    let mut market = market(world, "usd 70.00", 25, 90).await;
    let promise = market.promise(world, "a", "usd 1.00");
    let deal = [promise];
    let stranger = OpenedSession { id: SessionId::of_number(77), ..market.sales.clone() };
    let (_, ca2) = world.collection_at(&stranger, Index::FIRST, &deal);
    assert_eq!(error_of(&world.send(&ca2).await), Problem::SESSION_UNKNOWN);
    // The payer's keys do not open what is sealed to the merchant's.
    let forged = OpenedSession { id: market.sales.id.clone(), ..market.session.clone() };
    let (_, ca2) = world.collection_at(&forged, Index::FIRST, &deal);
    assert_eq!(error_of(&world.send(&ca2).await), Problem::BAD_OPAQUE);
    // The right key and a wrong salt.
    let mut forged = market.sales.clone();
    forged.secrets.salt = market.session.secrets.salt.clone();
    let (head, ca2) = world.collection_at(&forged, Index::FIRST, &deal);
    let reply = world.send(&ca2).await;
    assert!(protocol::envelope::Envelope::parse(reply.as_bytes()).is_ok());
    assert_eq!(whole(&world.receipts(&market.sales, &head, &reply, 1)), Some(Problem::BAD_AUTH_CODE));
    // Beyond the limit of uses.
    let (head, ca2) = world.collection_at(&market.sales, Index::of(91).expect("an index"), &deal);
    let reply = world.send(&ca2).await;
    assert_eq!(whole(&world.receipts(&market.sales, &head, &reply, 1)), Some(Problem::INDEX_RANGE));
    // Closed.
    let body = market.acme.closing(world.now, None, false);
    world.ask(&mut market.acme, &body).await;
    let receipts = world.collect(&mut market.sales, &deal).await;
    assert_eq!(whole(&receipts), Some(Problem::SESSION_CLOSED));
}

async fn a_full_batch(world: &mut World) {
    let mut market = market(world, "usd 100.00", 300, 90).await;
    let mut promises = Vec::new();
    for n in 0..255 {
        // Every fifth asks for too much; they stand or fall alone.
        let price = if n % 5 == 4 { "usd 100.00" } else { "usd 0.10" };
        promises.push(market.promise(world, &format!("order-{n}"), price));
    }
    let receipts = world.collect(&mut market.sales, &promises).await;
    let verdicts = problems(&receipts);
    assert_eq!(verdicts.iter().filter(|problem| problem.is_none()).count(), 204);
    for (n, problem) in verdicts.iter().enumerate() {
        assert_eq!(problem.is_some(), n % 5 == 4, "payment {n}: {problem:?}");
        assert_eq!(world.payer_receipt(&promises[n], &receipts, n).problem, *problem);
    }
    let body = market.acme.closing(world.now, None, true);
    let closed = world.ask(&mut market.acme, &body).await;
    assert_eq!((closed.amount, closed.log.0.len()), (Some(money("usd 20.40")), 204));
}

async fn between_currencies(world: &mut World) {
    let mut brian = world.customer("brianb", "usd 100.00").await;
    let mut acme = world.registered("merchant", "acme").await;
    let payee = acme.id.clone().expect("an id");
    let mut session = world.open(&mut brian, "usd 70.00", 120, 25).await;
    let mut sales = world.open(&mut acme, "cad 0.00", 960, 90).await;
    // cad 54.25 are usd 38.75 exactly; cad 54.26 cost a fraction more, so a cent more.
    for (price, amount, problem) in [
        ("cad 54.25", "usd 38.74", Some(Problem::AMOUNT_MISMATCH)),
        ("cad 54.26", "usd 38.75", Some(Problem::AMOUNT_MISMATCH)),
        ("cad 54.26", "usd 38.76", None),
        ("usd 1.00", "usd 1.00", Some(Problem::CURRENCY_UNSUPPORTED)),
        ("cad 1.00", "cad 1.00", Some(Problem::AMOUNT_MISMATCH)),
    ] {
        let receipt = world.pay(&mut session, &mut sales, &Deal { payee: &payee, order: "a", price, amount }).await;
        assert_eq!(receipt.problem, problem, "{price} for {amount}");
        assert_eq!(receipt.foreign_exchange.is_some(), problem.is_none());
    }
    let body = acme.closing(world.now, None, false);
    assert_eq!(world.ask(&mut acme, &body).await.amount, Some(money("cad 54.26")));
    let body = brian.closing(world.now, None, false);
    assert_eq!(world.ask(&mut brian, &body).await.amount, Some(money("usd 31.24")));
}

async fn sessions_belong_to_their_personas(world: &mut World) {
    let mut market = market(world, "usd 70.00", 25, 90).await;
    let body = market.acme.closing(world.now, Some(&market.session.id), true);
    assert_eq!(world.refused(&mut market.acme, &body).await, Some(Problem::SESSION_UNKNOWN));
    let body = market.acme.closing(world.now, Some(&SessionId::of_number(u64::MAX)), true);
    assert_eq!(world.refused(&mut market.acme, &body).await, Some(Problem::SESSION_UNKNOWN));
    // Closing all closes one's own.
    world.open(&mut market.brian, "usd 20.00", 60, 2).await;
    let body = market.brian.closing(world.now, None, false);
    let reply = world.ask(&mut market.brian, &body).await;
    assert_eq!((reply.outcome().problem, reply.amount), (None, Some(money("usd 90.00"))));
    assert_eq!(market.pay(world, "a", "usd 1.00").await, Some(Problem::SESSION_CLOSED));
}

everywhere! {
    limits_are_cut_to_what_is_allowed
    an_amount_limit_holds
    a_lifetime_holds_to_the_millisecond
    the_last_use_ends_a_session
    the_last_collection_ends_a_merchant_s_session
    collections_are_resent
    a_closed_session_tells_again_what_it_held
    an_index_is_used_once
    what_was_paid_is_told_for_nothing_else
    payments_that_do_not_fit
    nobody_pays_themselves
    the_merchant_s_envelope_is_checked
    a_full_batch
    between_currencies
    sessions_belong_to_their_personas
}

#[tokio::test]
async fn classic_sessions_can_be_capped() {
    let caps = Some(ClassicCaps::CAUTIOUS);
    let config = Config { allow_classic: true, classic_caps: caps, ..Config::default() };
    for (protocol, amount, minutes) in [(Protocol::V1, "usd 100.00", 60), (Protocol::V2, "usd 150.00", 120)] {
        let mut world = World::with(protocol, Kind::Memory, config.clone());
        let mut brian = world.customer("brianb", "usd 200.00").await;
        let session = world.open(&mut brian, "usd 150.00", 120, 25).await;
        assert_eq!(session.reply.amount, Some(money(amount)));
        assert_eq!(session.reply.key_lifetime.map(protocol::value::Num::get), Some(minutes));
    }
}
