//! Refunds and statements: RF1 and ST1 (docs/protocol.md, "Refunds" and "Statements").

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::actor::OpenedSession;
use common::payment::Deal;
use common::{Actor, World, money, value};
use protocol::Protocol;
use protocol::exchange::ReplyFault;
use protocol::message::payment::Payment;
use protocol::message::refund::RefundResponse;
use protocol::message::statement::{EntryKind, EntryLine, MAX_ENTRIES, StatementResponse};
use protocol::money::{Currency, Money};
use protocol::outcome::{Problem, ResponseCode};
use protocol::value::SessionId;
use server_stub::store::record::{Entry, Persona, PersonaStatus, Reason};
use server_stub::store::sqlite::SqliteBooks;
use server_stub::store::{Account, Change, ChangeSet};

/// Brian, who has paid $42.50 of his $70.00 session to Acme.
struct Sale {
    brian: Actor,
    acme: Actor,
    spree: OpenedSession,
    sales: OpenedSession,
    payment: Payment,
}

async fn sale(world: &mut World) -> Sale {
    let mut brian = world.customer("brianb", "usd 100.00").await;
    let mut acme = world.registered("merchant", "acme").await;
    let mut spree = world.open(&mut brian, "usd 70.00", 120, 25).await;
    let mut sales = world.open(&mut acme, "usd 0.00", 960, 90).await;
    let payment = pay(world, &mut spree, &mut sales, &acme, ["rocket-shoes", "usd 42.50", "usd 42.50"]).await;
    Sale { brian, acme, spree, sales, payment }
}

async fn pay(
    world: &mut World,
    payer: &mut OpenedSession,
    sales: &mut OpenedSession,
    payee: &Actor,
    [order, price, amount]: [&str; 3],
) -> Payment {
    let payee = payee.id.clone().expect("a persona");
    let promise = world.promise(payer, &Deal { payee: &payee, order, price, amount });
    let receipts = world.collect(sales, std::slice::from_ref(&promise)).await;
    assert_eq!(common::payment::problems(&receipts), [None]);
    promise.received.payment
}

async fn refund(world: &mut World, payee: &mut Actor, payment: &Payment, amount: Option<&str>) -> RefundResponse {
    let body = payee.refunding(world.now, payment, amount);
    world.ask(payee, &body).await
}

async fn statement(world: &mut World, actor: &mut Actor, after: Option<&str>) -> StatementResponse {
    let body = actor.asking(world.now, after);
    world.ask(actor, &body).await
}

async fn a_payment_comes_back_all_or_in_part(world: &mut World) {
    let Sale { brian, mut acme, payment, .. } = sale(world).await;
    let reply = refund(world, &mut acme, &payment, Some("usd 2.50")).await;
    assert_eq!(reply.response_code, ResponseCode::Success, "{reply:?}");
    assert_eq!((reply.amount, reply.returned_amount), (Some(money("usd 2.50")), Some(money("usd 2.50"))));
    assert_eq!(reply.refundable, Some(money("usd 40.00")));
    assert_eq!(world.balance(&brian, "usd").await, "usd 32.50");
    // Never more than was collected.
    let reply = refund(world, &mut acme, &payment, Some("usd 40.01")).await;
    assert_eq!(reply.problem, Some(Problem::LIMIT_EXCEEDED));
    // Without an amount: what is left.
    let reply = refund(world, &mut acme, &payment, None).await;
    assert_eq!((reply.amount, reply.refundable), (Some(money("usd 40.00")), Some(money("usd 0.00"))));
    assert_eq!(world.balance(&brian, "usd").await, "usd 72.50");
    for amount in [None, Some("usd 0.01")] {
        assert_eq!(refund(world, &mut acme, &payment, amount).await.problem, Some(Problem::LIMIT_EXCEEDED));
    }
}

async fn the_same_refund_again_moves_nothing(world: &mut World) {
    let Sale { brian, mut acme, payment, .. } = sale(world).await;
    let body = acme.refunding(world.now, &payment, Some("usd 10.00"));
    let sent = world.seal(&mut acme, &body);
    let first = world.send(&sent.text).await;
    world.pass_secs(3_600);
    assert_eq!(world.send(&sent.text).await, first);
    assert_eq!(world.balance(&brian, "usd").await, "usd 40.00");
    // The same transaction number, other bytes.
    acme.transaction -= 1;
    let reply = refund(world, &mut acme, &payment, Some("usd 20.00")).await;
    assert_eq!(reply.problem, Some(Problem::TRANSACTION_REUSED));
    assert_eq!(world.balance(&brian, "usd").await, "usd 40.00");
}

async fn a_refund_reaches_a_payer_whose_session_is_closed(world: &mut World) {
    let Sale { mut brian, mut acme, payment, sales, spree } = sale(world).await;
    let body = brian.closing(world.now, Some(&spree.id), false);
    world.ask(&mut brian, &body).await;
    let body = acme.closing(world.now, Some(&sales.id), false);
    world.ask(&mut acme, &body).await;
    let reply = refund(world, &mut acme, &payment, None).await;
    assert_eq!(reply.balance, Some(money("usd 0.00")));
    assert_eq!(world.balance(&brian, "usd").await, "usd 100.00");
}

async fn a_refund_takes_the_container_first_and_then_the_oldest_sales(world: &mut World) {
    let Sale { mut acme, mut spree, sales, payment, .. } = sale(world).await;
    let body = acme.closing(world.now, Some(&sales.id), false);
    world.ask(&mut acme, &body).await;
    let mut older = world.open(&mut acme, "usd 0.00", 960, 90).await;
    world.pass_secs(1);
    let mut newer = world.open(&mut acme, "usd 0.00", 960, 90).await;
    pay(world, &mut spree, &mut older, &acme, ["a", "usd 5.00", "usd 5.00"]).await;
    let last = pay(world, &mut spree, &mut newer, &acme, ["b", "usd 7.00", "usd 7.00"]).await;
    // A session that a wallet counts on.
    let spending = world.open(&mut acme, "usd 42.00", 60, 5).await;
    assert_eq!(refund(world, &mut acme, &last, Some("usd 6.00")).await.balance, Some(money("usd 0.00")));
    let left = |world: &World, session: &SessionId| {
        let (store, id) = (world.store.clone(), session.clone());
        async move {
            let found = store.sessions(std::slice::from_ref(&id)).await.expect("a store");
            found[&id.number()].current.to_string()
        }
    };
    assert_eq!(left(world, &older.id).await, "usd 0.00");
    assert_eq!(left(world, &newer.id).await, "usd 6.50");
    // What is in the spending session is not taken for refunds.
    let reply = refund(world, &mut acme, &payment, None).await;
    assert_eq!(reply.problem, Some(Problem::FUNDS_INSUFFICIENT));
    assert_eq!(left(world, &newer.id).await, "usd 6.50");
    assert_eq!(left(world, &spending.id).await, "usd 42.00");
}

async fn a_refund_goes_by_the_rate_of_its_payment(world: &mut World) {
    let mut brian = world.customer("brianb", "usd 100.00").await;
    let mut acme = world.registered("merchant", "acme").await;
    let mut spree = world.open(&mut brian, "usd 70.00", 120, 25).await;
    let mut sales = world.open(&mut acme, "cad 0.00", 960, 90).await;
    // cad 1.00 is usd 0.714285...; the payer offered a little more.
    let payment = pay(world, &mut spree, &mut sales, &acme, ["maple", "cad 10.01", "usd 7.20"]).await;
    let mut returned = 0;
    for _ in 0..7 {
        let reply = refund(world, &mut acme, &payment, Some("cad 1.43")).await;
        assert_eq!(reply.response_code, ResponseCode::Success, "{reply:?}");
        returned += reply.returned_amount.expect("an amount").minor;
    }
    // In seven odd parts, exactly what was charged.
    assert_eq!(returned, 720);
    assert_eq!(world.balance(&brian, "usd").await, "usd 37.20");
    let reply = refund(world, &mut acme, &payment, Some("usd 1.00")).await;
    assert_eq!(reply.problem, Some(Problem::CURRENCY_UNSUPPORTED));
}

async fn what_cannot_be_refunded(world: &mut World) {
    let Sale { mut brian, mut acme, payment, .. } = sale(world).await;
    let unknown = Some(Problem::SESSION_UNKNOWN);
    // Another order, another index, another session; and a payer who takes the money back.
    let other = Payment { order_id: value("other"), ..payment.clone() };
    assert_eq!(refund(world, &mut acme, &other, None).await.problem, unknown);
    let other = Payment { index: value("2"), ..payment.clone() };
    assert_eq!(refund(world, &mut acme, &other, None).await.problem, unknown);
    let other = Payment { session_id: SessionId::of_number(u64::MAX), ..payment.clone() };
    assert_eq!(refund(world, &mut acme, &other, None).await.problem, unknown);
    assert_eq!(refund(world, &mut brian, &payment, None).await.problem, unknown);
    assert_eq!(refund(world, &mut acme, &payment, Some("usd 0.00")).await.problem, Some(Problem::FORM));
    // Nobody to give it to.
    let id = brian.id.clone().expect("a persona");
    let file = world.store.persona(&id).await.expect("a store").expect("a persona");
    let mut set = ChangeSet::default();
    set.push(Change::Update(Box::new(Persona { status: PersonaStatus::Closed, ..file.persona })));
    world.store.commit(set).await.expect("a store");
    assert_eq!(refund(world, &mut acme, &payment, None).await.problem, Some(Problem::PERSONA_CLOSED));
    assert_eq!(world.balance(&brian, "usd").await, "usd 30.00");
}

async fn refunds_that_race_stay_within_the_payment(world: &mut World) {
    let Sale { brian, mut acme, payment, .. } = sale(world).await;
    let mut tasks = Vec::new();
    for _ in 0..12 {
        let body = acme.refunding(world.now, &payment, Some("usd 8.50"));
        let sent = world.seal(&mut acme, &body);
        let (server, now) = (world.server.clone(), world.now);
        tasks.push(tokio::spawn(async move {
            let mut rng = <rand::rngs::StdRng as rand::SeedableRng>::from_seed([1; 32]);
            let answer = server.handle(sent.text.as_bytes(), now, &mut rng).await;
            let server_stub::server::Answer::Reply(reply) = answer else { panic!("{answer:?}") };
            sent.read_reply::<RefundResponse>(reply.as_bytes()).expect("a reply").response_code
        }));
    }
    let mut done = 0;
    for task in tasks {
        done += usize::from(task.await.expect("no panic") == ResponseCode::Success);
    }
    assert_eq!(done, 5);
    assert_eq!(world.balance(&brian, "usd").await, "usd 72.50");
}

/// What a statement says of one currency: entries summed, and what is owned.
fn sums(currency: &str, entries: &[EntryLine], last: &StatementResponse) -> (i64, i64) {
    let currency: Currency = value(currency);
    let moved = entries.iter().filter(|entry| entry.amount.0.currency == currency).map(|entry| entry.amount.0.minor);
    let containers = last.containers.0.iter().filter(|line| line.available.currency == currency);
    let sessions = last.sessions.0.iter().filter(|line| line.current.currency == currency);
    let owned = containers.map(|line| line.available.minor + line.on_hold.minor).sum::<i64>()
        + sessions.map(|line| line.current.minor).sum::<i64>();
    (moved.sum(), owned)
}

async fn a_statement_tells_all_that_moved(world: &mut World) {
    let Sale { mut brian, mut acme, mut spree, mut sales, payment } = sale(world).await;
    world.pass_secs(10);
    refund(world, &mut acme, &payment, Some("usd 2.50")).await;
    world.pass_secs(10);
    pay(world, &mut spree, &mut sales, &acme, ["b", "usd 3.00", "usd 3.00"]).await;
    world.pass_secs(10);
    world.move_funds(&mut brian, "usd -5.00").await;
    let told = statement(world, &mut brian, None).await;
    let kinds: Vec<_> = told.entries.0.iter().map(|entry| entry.kind.clone()).collect();
    let expected = [EntryKind::LOAD, EntryKind::PAID, EntryKind::REFUND_RECEIVED, EntryKind::PAID, EntryKind::UNLOAD];
    assert_eq!(kinds, expected);
    assert_eq!(sums("usd", &told.entries.0, &told), (5_200, 5_200));
    let back = told.entries.0[2].payment.as_ref().expect("a payment");
    assert_eq!((back.order_id.as_str(), back.other.as_str()), ("rocket-shoes", "acme-82"));
    assert_eq!(told.sessions.0.len(), 1);
    assert_eq!(told.sessions.0[0].uses.0, 2);
    assert_eq!(told.containers.0[0].available, money("usd 27.50"));
    let told = statement(world, &mut acme, Some("start")).await;
    let kinds: Vec<_> = told.entries.0.iter().map(|entry| entry.kind.clone()).collect();
    assert_eq!(kinds, [EntryKind::COLLECTED, EntryKind::REFUND_MADE, EntryKind::COLLECTED]);
    assert_eq!(sums("usd", &told.entries.0, &told), (4_300, 4_300));
    // Nobody else's statement, and no mark of somebody else's making.
    assert_eq!(statement(world, &mut brian, Some("yesterday")).await.problem, Some(Problem::FORM));
    let body = acme.asking(world.now, None);
    acme.id.clone_from(&brian.id);
    assert_ne!(world.refused(&mut acme, &body).await, None);
}

async fn a_statement_goes_on_where_it_was_left(world: &mut World) {
    let Sale { mut brian, mut acme, mut spree, mut sales, payment } = sale(world).await;
    let mut known = BTreeSet::new();
    let mut learn = |told: &StatementResponse| -> usize {
        let name = |entry: &EntryLine| {
            let payment = entry.payment.as_ref().map(|p| (p.session_id.number(), p.index));
            (entry.kind.name().to_owned(), entry.number.0, payment)
        };
        told.entries.0.iter().filter(|entry| known.insert(name(entry))).count()
    };
    let first = statement(world, &mut brian, None).await;
    assert_eq!(learn(&first), 2);
    let mut next = first.next.expect("a mark");
    // A refund while the wallet was away, and another just before it asks.
    refund(world, &mut acme, &payment, Some("usd 1.00")).await;
    world.pass_secs(3_600);
    refund(world, &mut acme, &payment, Some("usd 1.00")).await;
    let told = statement(world, &mut brian, Some(next.as_str())).await;
    assert_eq!(learn(&told), 2);
    next = told.next.expect("a mark");
    world.pass_secs(3_600);
    // What is old enough is not told again.
    let told = statement(world, &mut brian, Some(next.as_str())).await;
    assert_eq!((learn(&told), told.entries.0.len()), (0, 1));
    next = told.next.expect("a mark");
    assert_eq!(statement(world, &mut brian, Some(next.as_str())).await.entries.0.len(), 0);
    pay(world, &mut spree, &mut sales, &acme, ["b", "usd 3.00", "usd 3.00"]).await;
    let told = statement(world, &mut brian, Some(next.as_str())).await;
    assert_eq!(learn(&told), 1);
}

async fn a_long_statement_comes_in_pages(world: &mut World) {
    let mut acme = world.registered("merchant", "acme").await;
    let mut sales = world.open(&mut acme, "usd 0.00", 960, 90).await;
    let payee = acme.id.clone().expect("a persona");
    let mut brian = world.customer("brianb", "usd 100.00").await;
    let mut spree = world.open(&mut brian, "usd 100.00", 120, 5_000).await;
    // More than a page, most of them within one millisecond.
    let mut orders = 0;
    while orders <= MAX_ENTRIES {
        let names: Vec<_> = (orders..orders + 255).map(|n| format!("order-{n}")).collect();
        let promises: Vec<_> = names
            .iter()
            .map(|order| {
                world.promise(&mut spree, &Deal { payee: &payee, order, price: "usd 0.02", amount: "usd 0.02" })
            })
            .collect();
        world.collect(&mut sales, &promises).await;
        orders += promises.len();
    }
    let (mut entries, mut after, mut pages) = (BTreeMap::new(), "start".to_owned(), 0);
    let last = loop {
        let told = statement(world, &mut brian, Some(&after)).await;
        pages += 1;
        for entry in &told.entries.0 {
            let payment = entry.payment.as_ref().map(|p| (p.session_id.number(), p.index));
            entries.insert((entry.kind.name().to_owned(), entry.number.0, payment), entry.clone());
        }
        after = told.next.clone().expect("a mark").into_string();
        if !told.more.expect("said").0 {
            break told;
        }
    };
    assert_eq!((pages, entries.len()), (2, orders + 1));
    let entries: Vec<_> = entries.into_values().collect();
    let expected = 10_000 - 2 * i64::try_from(orders).expect("few");
    assert_eq!(sums("usd", &entries, &last), (expected, expected));
    // The newest alone are those of the end.
    let newest = statement(world, &mut brian, None).await;
    assert_eq!(newest.entries.0.len(), MAX_ENTRIES);
    assert!(newest.entries.0.iter().all(|entry| entry.kind == EntryKind::PAID));
}

everywhere! { modern_memory, V2, Memory, [
    a_payment_comes_back_all_or_in_part
    the_same_refund_again_moves_nothing
    a_refund_reaches_a_payer_whose_session_is_closed
    a_refund_takes_the_container_first_and_then_the_oldest_sales
    a_refund_goes_by_the_rate_of_its_payment
    what_cannot_be_refunded
    refunds_that_race_stay_within_the_payment
    a_statement_tells_all_that_moved
    a_statement_goes_on_where_it_was_left
    a_long_statement_comes_in_pages
] }
everywhere! { modern_sqlite, V2, Sqlite, [
    a_payment_comes_back_all_or_in_part
    the_same_refund_again_moves_nothing
    a_refund_reaches_a_payer_whose_session_is_closed
    a_refund_takes_the_container_first_and_then_the_oldest_sales
    a_refund_goes_by_the_rate_of_its_payment
    what_cannot_be_refunded
    refunds_that_race_stay_within_the_payment
    a_statement_tells_all_that_moved
    a_statement_goes_on_where_it_was_left
    a_long_statement_comes_in_pages
] }

/// Each changes one value behind the server's back.
const CORRUPTIONS: [&str; 9] = [
    "UPDATE refund SET given = given + 1 WHERE number = 1",
    "UPDATE refund SET returned = returned - 1 WHERE number = 1",
    "UPDATE refund SET given = given + 4000, returned = returned + 4000",
    "UPDATE refund SET given = 9223372036854775807",
    "UPDATE refund SET payer = 'acme-82' WHERE number = 1",
    "UPDATE refund SET number = 3 WHERE number = 2",
    "DELETE FROM refund WHERE number = 1",
    "UPDATE journal SET reference = '1/2/1' WHERE reference = '1/1/1'",
    "UPDATE journal SET amount = amount + 1 WHERE reason = 'refund' AND reference = '1/1/1'",
];

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_finds_a_refund_that_was_tampered_with() {
    let mut world = World::new(Protocol::V2, common::Kind::Sqlite);
    let Sale { mut acme, payment, .. } = sale(&mut world).await;
    refund(&mut world, &mut acme, &payment, Some("usd 2.50")).await;
    refund(&mut world, &mut acme, &payment, Some("usd 1.00")).await;
    common::assert_sound(&*world.store).await;
    let db = rusqlite::Connection::open(world.folder().join("books.sqlite")).expect("books");
    for corruption in CORRUPTIONS {
        let copy = tempfile::tempdir().expect("a folder");
        db.execute("VACUUM INTO ?1", [copy.path().join("books.sqlite").display().to_string()]).expect("a copy");
        let tampered = rusqlite::Connection::open(copy.path().join("books.sqlite")).expect("books");
        assert!(tampered.execute(corruption, []).expect("a change") > 0, "{corruption}");
        let books = SqliteBooks::open(copy.path());
        assert!(!server_stub::audit::audit(&books).await.expect("books").lies.is_empty(), "{corruption}");
    }
}

#[tokio::test]
async fn protocol_1_0_knows_neither() {
    let mut world = World::new(Protocol::V1, common::Kind::Memory);
    let Sale { mut acme, payment, .. } = sale(&mut world).await;
    let body = acme.refunding(world.now, &payment, None);
    let sent = world.seal(&mut acme, &body);
    let reply = world.send(&sent.text).await;
    let fault = sent.read_reply::<RefundResponse>(reply.as_bytes()).expect_err("an error");
    assert!(matches!(fault, ReplyFault::Refused(error) if error.problem == Problem::FORM));
    let body = acme.asking(world.now, None);
    let sent = world.seal(&mut acme, &body);
    let reply = world.send(&sent.text).await;
    let fault = sent.read_reply::<StatementResponse>(reply.as_bytes()).expect_err("an error");
    assert!(matches!(fault, ReplyFault::Refused(error) if error.problem == Problem::FORM));
}

#[tokio::test]
async fn a_refund_needs_room_at_the_payer() {
    let mut world = World::new(Protocol::V2, common::Kind::Memory);
    let Sale { brian, mut acme, payment, .. } = sale(&mut world).await;
    let id = brian.id.clone().expect("a persona");
    let (currency, held) = (value::<Currency>("usd"), money(&world.balance(&brian, "usd").await));
    let entry = Entry {
        date: world.now,
        reason: Reason::Load,
        debit: Account::Agency(currency),
        credit: Account::Container(id, currency),
        amount: Money::new(currency, Money::MAX_MINOR - held.minor),
        reference: String::new(),
    };
    let set = ChangeSet { changes: vec![Change::Journal(entry)], ..ChangeSet::default() };
    world.store.commit(set).await.expect("a store");
    let reply = refund(&mut world, &mut acme, &payment, None).await;
    assert_eq!(reply.problem, Some(Problem::LIMIT_EXCEEDED));
}
