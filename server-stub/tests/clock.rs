//! The server's clock steps back an hour, and forward by more than a day, in the middle of everything. Only the server's
//! clock decides; what was answered stays answered, no money appears or vanishes, and the audit raises no alarm.

mod common;

use common::World;
use common::actor::{Actor, OpenedSession};
use common::payment::{Deal, problems, whole};
use common::{assert_sound, money, value};
use protocol::Protocol;
use protocol::message::session::{CloseSessionResponse, OpenSessionResponse};
use protocol::message::statement::StatementResponse;
use protocol::outcome::{Problem, ResponseCode};

const HOUR: i64 = 3_600;

/// Pays a dollar, and says what became of it.
async fn pay(world: &mut World, payer: &mut OpenedSession, sales: &mut OpenedSession, acme: &Actor) -> Option<Problem> {
    let (payee, order) = (acme.id.clone().expect("an id"), format!("order-{}-{}", payer.id.number(), payer.index));
    let deal = Deal { payee: &payee, order: &order, price: "usd 1.00", amount: "usd 1.00" };
    let promise = world.promise(payer, &deal);
    let receipts = world.collect(sales, &[promise]).await;
    whole(&receipts).or_else(|| problems(&receipts).remove(0))
}

async fn back_an_hour(world: &mut World) {
    let mut brian = world.customer("brianb", "usd 100.00").await;
    let mut acme = world.registered("merchant", "acme").await;
    let mut short = world.open(&mut brian, "usd 5.00", 1, 10).await;
    let body = brian.opening(world.now, "usd 20.00", 120, 50);
    let request = world.seal(&mut brian, &body);
    let answer = world.send(&request.text).await;
    let mut payer = OpenedSession::of(request.read_reply::<OpenSessionResponse>(answer.as_bytes()).expect("OS2"));
    let mut sales = world.open(&mut acme, "usd 0.00", 120, 50).await;
    assert_eq!(pay(world, &mut payer, &mut sales, &acme).await, None);
    world.pass_secs(120);
    world.server.sweep(world.now).await.expect("a store");
    assert_eq!(pay(world, &mut short, &mut sales, &acme).await, Some(Problem::SESSION_EXPIRED));

    world.pass_secs(-HOUR);
    assert_eq!(world.send(&request.text).await, answer, "what was answered stays answered");
    assert_eq!(
        pay(world, &mut short, &mut sales, &acme).await,
        Some(Problem::SESSION_EXPIRED),
        "it does not come back"
    );
    assert_eq!(pay(world, &mut payer, &mut sales, &acme).await, None);
    let mut later = world.open(&mut brian, "usd 3.00", 60, 10).await;
    assert_eq!(pay(world, &mut later, &mut sales, &acme).await, None);
    let body = brian.closing(world.now, Some(&payer.id), true);
    let closed: CloseSessionResponse = world.ask(&mut brian, &body).await;
    assert_eq!(closed.amount, Some(money("usd 18.00")));
    assert_sound(&*world.store).await;

    // And right again.
    world.pass_secs(HOUR);
    assert_eq!(pay(world, &mut payer, &mut sales, &acme).await, Some(Problem::SESSION_CLOSED));
    world.server.sweep(world.now).await.expect("a store");
    let body = acme.closing(world.now, None, false);
    let closed: CloseSessionResponse = world.ask(&mut acme, &body).await;
    assert_eq!(closed.amount, Some(money("usd 3.00")));
}

async fn forward_by_more_than_a_day(world: &mut World) {
    let mut brian = world.customer("brianb", "usd 100.00").await;
    let mut acme = world.registered("merchant", "acme").await;
    let mut payer = world.open(&mut brian, "usd 20.00", 120, 50).await;
    let mut sales = world.open(&mut acme, "usd 0.00", 4_000, 50).await;
    assert_eq!(pay(world, &mut payer, &mut sales, &acme).await, None);
    let before = world.now;
    let body = brian.opening(before, "usd 2.00", 60, 10);
    let late = world.seal(&mut brian, &body);

    world.pass_secs(25 * HOUR);
    assert_eq!(pay(world, &mut payer, &mut sales, &acme).await, Some(Problem::SESSION_EXPIRED));
    let refused: OpenSessionResponse = late.read_reply(world.send(&late.text).await.as_bytes()).expect("OS2");
    assert_eq!(refused.problem, Some(Problem::CLOCK_SKEW));
    assert_eq!(refused.server_date, world.now, "the client learns the date, and asks anew");
    let mut fresh = world.open(&mut brian, "usd 4.00", 60, 10).await;
    assert_eq!(world.balance(&brian, "usd").await, "usd 95.00", "what was left has returned");
    assert_eq!(pay(world, &mut fresh, &mut sales, &acme).await, None);
    assert_sound(&*world.store).await;

    // Somebody sets the clock right: what was booked a day ahead stays, and people go on.
    world.now = before.plus_secs(60);
    assert_eq!(pay(world, &mut payer, &mut sales, &acme).await, Some(Problem::SESSION_EXPIRED), "over is over");
    assert_eq!(pay(world, &mut fresh, &mut sales, &acme).await, None);
    assert_eq!(world.move_funds(&mut brian, "usd 1.00").await.response_code, ResponseCode::Success);
    let body = brian.closing(world.now, Some(&fresh.id), true);
    let closed: CloseSessionResponse = world.ask(&mut brian, &body).await;
    assert_eq!(closed.amount, Some(money("usd 2.00")));
    assert_eq!(world.balance(&brian, "usd").await, "usd 98.00");
    let file = world.store.persona(&value("acme-82")).await.expect("a store").expect("a persona");
    assert_eq!(file.sessions[0].current, money("usd 3.00"));
}

/// What a statement tells from a mark on: the orders that were paid, and the next mark.
async fn told(world: &mut World, actor: &mut Actor, after: &str) -> (Vec<String>, String) {
    let body = actor.asking(world.now, Some(after));
    let reply: StatementResponse = world.ask(actor, &body).await;
    let orders = reply.entries.0.into_iter().filter_map(|entry| entry.payment);
    (orders.map(|payment| payment.order_id.to_string()).collect(), reply.next.expect("a mark").into_string())
}

async fn statements_go_on_after_an_hour_back(world: &mut World) {
    if world.protocol == Protocol::V1 {
        return;
    }
    let mut brian = world.customer("brianb", "usd 100.00").await;
    let mut acme = world.registered("merchant", "acme").await;
    let mut payer = world.open(&mut brian, "usd 20.00", 240, 50).await;
    let mut sales = world.open(&mut acme, "usd 0.00", 240, 50).await;
    world.pass_secs(HOUR);
    assert_eq!(pay(world, &mut payer, &mut sales, &acme).await, None);
    world.pass_secs(600);
    let (_, mark) = told(world, &mut brian, "start").await;

    world.pass_secs(-HOUR);
    let order = |payer: &OpenedSession| format!("order-{}-{}", payer.id.number(), payer.index);
    let mut orders = Vec::new();
    for _ in 0..2 {
        orders.push(order(&payer));
        assert_eq!(pay(world, &mut payer, &mut sales, &acme).await, None);
        world.pass_secs(300);
    }
    let (found, mark) = told(world, &mut brian, &mark).await;
    assert!(orders.iter().all(|order| found.contains(order)), "{found:?}");
    let last = order(&payer);
    assert_eq!(pay(world, &mut payer, &mut sales, &acme).await, None);
    // The mark has come back with the clock, whatever is dated after it.
    let (found, mark) = told(world, &mut brian, &mark).await;
    assert!(found.contains(&last), "{found:?}");
    world.pass_secs(2 * HOUR);
    let (_, mark) = told(world, &mut brian, &mark).await;
    assert_eq!(told(world, &mut brian, &mark).await.0, Vec::<String>::new(), "what is old enough is not told again");
}

everywhere! {
    back_an_hour
    statements_go_on_after_an_hour_back
    forward_by_more_than_a_day
}
