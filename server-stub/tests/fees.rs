//! Fees: what operations cost, who gives it, and that the books tell of it (docs/protocol.md, "Fees").

mod common;

use common::actor::{ACCOUNT, Actor, OpenedSession};
use common::payment::{Deal, Promise, problems};
use common::{World, money, value};
use protocol::Protocol;
use protocol::collect::Receipts;
use protocol::message::autoclose::AutocloseResponse;
use protocol::message::refund::RefundResponse;
use protocol::message::session::CloseSessionResponse;
use protocol::message::statement::EntryKind;
use protocol::outcome::{Problem, ResponseCode};
use protocol::value::YesNo;
use server_stub::audit::audit;
use server_stub::server::fee::Fee;
use server_stub::server::service::Service;
use server_stub::server::setting::Item;

fn costing(world: &World, service: Service, currency: &str, fixed: i64, basis_points: u32) -> Item {
    let fee = Some(Fee { fixed, basis_points });
    Item::Fee { service, currency: value(currency), from: world.now, fee }
}

/// From now on, an operation costs something.
async fn costs(world: &World, service: Service, currency: &str, fixed: i64, basis_points: u32) {
    world.set(&costing(world, service, currency, fixed, basis_points)).await;
}

/// What the operator has taken, minor units.
async fn taken(world: &World, currency: &str) -> i128 {
    let totals = audit(&*world.store).await.expect("a store").totals;
    totals.get(&(value(currency), "fees")).copied().unwrap_or_default()
}

/// Brian with $50.00 in a session, and Acme with one to collect in.
struct Market {
    acme: Actor,
    spree: OpenedSession,
    sales: OpenedSession,
}

async fn market(world: &mut World, currency: &str) -> Market {
    let mut brian = world.customer("brianb", "usd 100.00").await;
    let mut acme = world.registered("merchant", "acme").await;
    let spree = world.open(&mut brian, "usd 50.00", 120, 25).await;
    let sales = world.open(&mut acme, &format!("{currency} 0.00"), 960, 90).await;
    Market { acme, spree, sales }
}

impl Market {
    fn promise(&mut self, world: &mut World, order: &str, price: &str, amount: &str) -> Promise {
        let payee = self.acme.id.clone().expect("a persona");
        world.promise(&mut self.spree, &Deal { payee: &payee, order, price, amount })
    }

    async fn collect(&mut self, world: &mut World, promises: &[Promise]) -> Receipts {
        world.collect(&mut self.sales, promises).await
    }

    /// Closes the session that collects, and asks again under another number, a while later.
    async fn closed_twice(&mut self, world: &mut World) -> [CloseSessionResponse; 2] {
        let body = self.acme.closing(world.now, Some(&self.sales.id), true);
        let first = world.ask(&mut self.acme, &body).await;
        world.pass_secs(5);
        let body = self.acme.closing(world.now, Some(&self.sales.id), true);
        [first, world.ask(&mut self.acme, &body).await]
    }

    /// What is in the session that collects.
    async fn earned(&self, world: &World) -> String {
        let found = world.store.sessions(std::slice::from_ref(&self.sales.id)).await.expect("a store");
        found[&self.sales.id.number()].current.to_string()
    }
}

async fn the_payee_gives_the_fee_of_what_it_collects(world: &mut World) {
    let mut market = market(world, "usd").await;
    costs(world, Service::Collect, "usd", 25, 290).await;
    let promise = [market.promise(world, "shoes", "usd 42.50", "usd 42.50")];
    let receipts = market.collect(world, &promise).await;
    // 2.9 % of $42.50 are $1.2325.
    assert_eq!(receipts.verdicts.batch.fee, Some(money("usd 1.48")));
    assert_eq!(receipts.verdicts.payments[0].collected_amount, Some(money("usd 42.50")));
    let told = world.payer_receipt(&promise[0], &receipts, 0);
    assert_eq!(told.amount, Some(money("usd 42.50")), "the payer gives no fee");
    assert_eq!(market.earned(world).await, "usd 41.02");
    assert_eq!(taken(world, "usd").await, 148);
    // The same payment in another collection: told again, not taken again.
    let again = market.collect(world, &promise).await;
    assert_eq!((again.verdicts.batch.fee, problems(&again)), (Some(money("usd 1.48")), vec![None]));
    assert_eq!(taken(world, "usd").await, 148);
    // Three at once: each is rounded by itself, and what is not collected costs nothing.
    let three = [("a", "usd 0.10"), ("b", "usd 1.00"), ("c", "usd 9.00")];
    let promises = three.map(|(order, price)| market.promise(world, order, price, price));
    let receipts = market.collect(world, &promises).await;
    assert_eq!(problems(&receipts), [None, None, Some(Problem::FUNDS_INSUFFICIENT)]);
    assert_eq!(receipts.verdicts.batch.fee, Some(money("usd 0.37")), "all of a dime, and 27 cents of a dollar");
    assert_eq!(market.earned(world).await, "usd 41.75");
}

async fn the_last_collection_returns_what_the_fee_leaves(world: &mut World) {
    let mut market = market(world, "usd").await;
    costs(world, Service::Collect, "usd", 25, 0).await;
    market.sales = world.open(&mut market.acme, "usd 0.00", 960, 1).await;
    let promise = [market.promise(world, "shoes", "usd 42.50", "usd 42.50")];
    let receipts = market.collect(world, &promise).await;
    assert_eq!(receipts.verdicts.batch.fee, Some(money("usd 0.25")));
    assert_eq!(world.balance(&market.acme, "usd").await, "usd 42.25");
}

async fn a_fee_is_in_the_payee_s_currency(world: &mut World) {
    let mut market = market(world, "cad").await;
    costs(world, Service::Collect, "usd", 99, 0).await;
    costs(world, Service::Collect, "cad", 0, 1_000).await;
    let promise = [market.promise(world, "shoes", "cad 14.00", "usd 10.00")];
    let receipts = market.collect(world, &promise).await;
    assert_eq!(receipts.verdicts.batch.fee, Some(money("cad 1.40")));
    assert_eq!(market.earned(world).await, "cad 12.60");
    assert_eq!((taken(world, "cad").await, taken(world, "usd").await), (140, 0));
}

async fn loads_and_unloads_cost_what_is_set(world: &mut World) {
    costs(world, Service::Load, "usd", 50, 100).await;
    costs(world, Service::Unload, "usd", 100, 0).await;
    let mut brian = world.customer("brianb", "usd 100.00").await;
    assert_eq!(world.balance(&brian, "usd").await, "usd 98.50");
    let reply = world.move_funds(&mut brian, "usd 0.30").await;
    assert_eq!((reply.fee, reply.balance), (Some(money("usd 0.30")), Some(money("usd 98.50"))), "at most all of it");
    let reply = world.move_funds(&mut brian, "usd -97.51").await;
    assert_eq!(reply.problem, Some(Problem::FUNDS_INSUFFICIENT));
    assert!(reply.message.is_some_and(|message| message.as_str().contains("fee of $1.00")));
    let reply = world.move_funds(&mut brian, "usd -98.50").await;
    assert!(reply.message.is_some_and(|message| message.as_str().contains("fee of $1.00")), "all but the fee");
    let reply = world.move_funds(&mut brian, "usd -98.51").await;
    assert!(reply.message.is_some_and(|message| !message.as_str().contains("fee")), "not even without the fee");
    let reply = world.move_funds(&mut brian, "usd -97.50").await;
    assert_eq!((reply.amount.map(|amount| amount.0.minor), reply.fee), (Some(-9_750), Some(money("usd 1.00"))));
    assert_eq!(reply.balance, Some(money("usd 0.00")));
    assert_eq!(taken(world, "usd").await, 280);
    let reply = world.move_funds(&mut brian, "jpy 500").await;
    assert_eq!((reply.fee, reply.balance), (Some(money("jpy 0")), Some(money("jpy 500"))), "in yen, nothing is set");
}

async fn a_load_on_hold_gives_its_fee_at_once(world: &mut World) {
    costs(world, Service::Load, "usd", 100, 0).await;
    let mut brian = world.registered("customer", "brianb").await;
    world.bind(&mut brian, "059013218175002", "dda", "load,unload").await;
    let reply = world.move_funds(&mut brian, "usd 9.00").await;
    assert_eq!((reply.fee, reply.on_hold), (Some(money("usd 1.00")), Some(money("usd 8.00"))));
    common::assert_sound(&*world.store).await;
    // What the fee is meanwhile does not matter.
    costs(world, Service::Load, "usd", 700, 0).await;
    world.pass_secs(10);
    assert_eq!(world.server.sweep(world.now).await, Ok(1));
    assert_eq!(world.balance(&brian, "usd").await, "usd 8.00");
    assert_eq!(taken(world, "usd").await, 100);
}

async fn a_load_that_never_clears_costs_nothing(world: &mut World) {
    costs(world, Service::Load, "usd", 100, 0).await;
    costs(world, Service::Unload, "usd", 100, 0).await;
    let mut brian = world.registered("customer", "brianb").await;
    let mut body = brian.binding(world.now, ACCOUNT, "dda", "load,unload");
    (body.autoclose, body.autoclose_passphrase) = (Some(YesNo(true)), Some(value("badnews")));
    let reply = world.ask(&mut brian, &body).await;
    brian.keep(&reply);
    world.move_funds(&mut brian, "usd 50.00").await;
    world.bind(&mut brian, "059013218175002", "dda", "load,unload").await;
    world.move_funds(&mut brian, "usd 9.00").await;
    assert_eq!(taken(world, "usd").await, 200);
    let body = Actor::autoclosing(world.now, "badnews");
    let reply: AutocloseResponse = world.ask(&mut brian, &body).await;
    assert_eq!(reply.amount, Some(money("usd 49.00")), "all of it: whoever lost the key is not charged");
    assert_eq!(taken(world, "usd").await, 100);
}

async fn a_session_is_opened_with_what_is_left_beside_the_fee(world: &mut World) {
    costs(world, Service::Open, "usd", 10, 100).await;
    let mut brian = world.customer("brianb", "usd 100.00").await;
    let first = world.open(&mut brian, "usd 50.00", 120, 25).await.reply;
    assert_eq!((first.fee, first.balance), (Some(money("usd 0.60")), Some(money("usd 49.40"))));
    let all = world.open(&mut brian, "usd 50.00", 120, 25).await.reply;
    // $48.82 and 1 % of it, and ten cents, are $49.40.
    assert_eq!((all.amount, all.fee), (Some(money("usd 48.82")), Some(money("usd 0.58"))));
    assert_eq!(all.balance, Some(money("usd 0.00")));
    let mut acme = world.registered("merchant", "acme").await;
    let body = acme.opening(world.now, "usd 0.00", 960, 90);
    let reply = world.ask(&mut acme, &body).await;
    assert_eq!((reply.problem, reply.session_id), (Some(Problem::FUNDS_INSUFFICIENT), None));
    assert_eq!(taken(world, "usd").await, 118);
}

async fn closing_costs_no_more_than_what_returns(world: &mut World) {
    costs(world, Service::Close, "usd", 75, 0).await;
    let mut brian = world.customer("brianb", "usd 100.00").await;
    for (amount, fee) in [("usd 50.00", "usd 0.75"), ("usd 0.50", "usd 0.50"), ("usd 0.00", "usd 0.00")] {
        let session = world.open(&mut brian, amount, 120, 25).await;
        let body = brian.closing(world.now, Some(&session.id), false);
        let reply = world.ask(&mut brian, &body).await;
        assert_eq!((reply.amount, reply.fee), (Some(money(amount)), Some(money(fee))));
    }
    assert_eq!(world.balance(&brian, "usd").await, "usd 98.75");
    // Asked again, under another number, what returned and what it cost is told once more, and nothing is taken.
    let session = world.open(&mut brian, "usd 10.00", 120, 25).await;
    let body = brian.closing(world.now, Some(&session.id), false);
    world.ask(&mut brian, &body).await;
    world.pass_secs(5);
    let body = brian.closing(world.now, Some(&session.id), true);
    let reply = world.ask(&mut brian, &body).await;
    assert_eq!(reply.problem, Some(Problem::SESSION_CLOSED));
    assert_eq!((reply.amount, reply.fee), (Some(money("usd 10.00")), Some(money("usd 0.75"))));
    assert_eq!(world.balance(&brian, "usd").await, "usd 98.00");
    // One that ends by itself costs nothing.
    world.open(&mut brian, "usd 20.00", 1, 25).await;
    world.pass_secs(61);
    assert_eq!(world.server.sweep(world.now).await, Ok(1));
    assert_eq!(world.balance(&brian, "usd").await, "usd 98.00");
    // All at once: each has its fee, and the sum is told.
    world.open(&mut brian, "usd 20.00", 120, 25).await;
    world.open(&mut brian, "usd 30.00", 120, 25).await;
    let body = brian.closing(world.now, None, false);
    let reply = world.ask(&mut brian, &body).await;
    assert_eq!((reply.amount, reply.fee), (Some(money("usd 50.00")), Some(money("usd 1.50"))));
    assert_eq!(taken(world, "usd").await, 350);
}

async fn what_returned_is_told_again_less_the_fees(world: &mut World) {
    let mut market = market(world, "usd").await;
    costs(world, Service::Collect, "usd", 25, 290).await;
    let promise = [market.promise(world, "shoes", "usd 42.50", "usd 42.50")];
    market.collect(world, &promise).await;
    let [first, again] = market.closed_twice(world).await;
    assert_eq!((first.amount, again.amount), (Some(money("usd 41.02")), Some(money("usd 41.02"))));
    assert_eq!(again.log, first.log);
}

async fn what_returned_is_not_told_again_where_refunds_may_have_taken_of_it(world: &mut World) {
    if world.protocol == Protocol::V1 {
        return;
    }
    let mut market = market(world, "usd").await;
    let promise = market.promise(world, "shoes", "usd 42.50", "usd 42.50");
    market.collect(world, std::slice::from_ref(&promise)).await;
    let body = market.acme.refunding(world.now, &promise.received.payment, Some("usd 2.50"));
    let reply: RefundResponse = world.ask(&mut market.acme, &body).await;
    assert_eq!(reply.response_code, ResponseCode::Success);
    let [first, again] = market.closed_twice(world).await;
    assert_eq!((first.amount, again.amount), (Some(money("usd 40.00")), None));
    assert_eq!(again.log, first.log);
}

async fn a_refund_gives_all_back_and_the_operator_keeps_the_fee(world: &mut World) {
    if world.protocol == Protocol::V1 {
        return;
    }
    let mut market = market(world, "usd").await;
    costs(world, Service::Collect, "usd", 0, 1_000).await;
    let (first, second) =
        (market.promise(world, "a", "usd 10.00", "usd 10.00"), market.promise(world, "b", "usd 20.00", "usd 20.00"));
    market.collect(world, std::slice::from_ref(&first)).await;
    let body = market.acme.refunding(world.now, &first.received.payment, None);
    let reply: RefundResponse = world.ask(&mut market.acme, &body).await;
    assert_eq!(reply.problem, Some(Problem::FUNDS_INSUFFICIENT), "nine dollars are there");
    market.collect(world, std::slice::from_ref(&second)).await;
    let reply: RefundResponse = world.ask(&mut market.acme, &body).await;
    assert_eq!((reply.response_code, reply.returned_amount), (ResponseCode::Success, Some(money("usd 10.00"))));
    assert_eq!((reply.fee, taken(world, "usd").await), (Some(money("usd 0.00")), 300));
    assert_eq!(market.earned(world).await, "usd 17.00");
}

async fn a_statement_tells_of_every_fee(world: &mut World) {
    if world.protocol == Protocol::V1 {
        return;
    }
    for service in Fee::CHARGED {
        costs(world, service, "usd", 20, 0).await;
    }
    let mut acme = world.registered("merchant", "acme").await;
    world.bind(&mut acme, ACCOUNT, "dda", "load,unload").await;
    world.move_funds(&mut acme, "usd 10.00").await;
    let mut brian = world.customer("brianb", "usd 100.00").await;
    let mut spree = world.open(&mut brian, "usd 50.00", 120, 25).await;
    let mut sales = world.open(&mut acme, "usd 0.00", 960, 90).await;
    let payee = acme.id.clone().expect("a persona");
    world.pay(&mut spree, &mut sales, &Deal { payee: &payee, order: "a", price: "usd 4.00", amount: "usd 4.00" }).await;
    let body = acme.closing(world.now, None, false);
    world.ask(&mut acme, &body).await;
    world.move_funds(&mut acme, "usd -1.00").await;
    let mut told = Vec::new();
    let mut after = "start".to_owned();
    loop {
        let body = acme.asking(world.now, Some(&after));
        let reply = world.ask(&mut acme, &body).await;
        told.extend(reply.entries.0);
        after = reply.next.expect("a mark").into_string();
        if !reply.more.is_some_and(|more| more.0) {
            break;
        }
    }
    let fees: Vec<_> = told.iter().filter(|entry| entry.kind == EntryKind::FEE).collect();
    assert_eq!(fees.len(), 5, "load, open, collect, close, unload: {told:#?}");
    assert_eq!(fees.iter().filter(|fee| fee.payment.is_some()).count(), 1, "of the payment");
    let name = |fee: &&&protocol::message::statement::EntryLine| format!("{:?} {:?}", fee.number, fee.payment);
    let names: std::collections::BTreeSet<_> = fees.iter().map(|fee| name(&fee)).collect();
    assert_eq!(names.len(), 5, "each has a name of its own");
    let sum: i64 = told.iter().map(|entry| entry.amount.0.minor).sum();
    assert_eq!(world.balance(&acme, "usd").await, money(&format!("usd {}.{:02}", sum / 100, sum % 100)).to_string());
    // Each page may hold one entry: none is skipped and none comes twice.
    let id = acme.id.clone().expect("a persona");
    let mut place = server_stub::store::Position::default();
    for expected in &told {
        let page = world.store.statement(&id, server_stub::store::Window::After(place), 1).await.expect("a store");
        let (next, entry) = page.expect("a persona").entries.pop().expect("an entry");
        assert_eq!(&entry, expected);
        place = next;
    }
}

async fn a_fee_holds_from_its_date_on_and_is_published(world: &mut World) {
    let mut brian = world.customer("brianb", "usd 10.00").await;
    assert_eq!(world.server.published().fees, []);
    let later = Item::Fee {
        service: Service::Load,
        currency: value("usd"),
        from: world.now.plus_secs(3_600),
        fee: Some(Fee { fixed: 5, basis_points: 0 }),
    };
    world.set(&later).await;
    assert_eq!(world.move_funds(&mut brian, "usd 1.00").await.fee, Some(money("usd 0.00")));
    world.pass_secs(3_600);
    world.server.refresh(world.now).await.expect("settings");
    assert_eq!(world.move_funds(&mut brian, "usd 1.00").await.fee, Some(money("usd 0.05")));
    let published = world.server.published().fees;
    assert_eq!((published[0].operation.as_str(), published[0].fixed.as_str()), ("load", "usd 0.05"));
    world
        .set(&Item::Fee { service: Service::Load, currency: value("usd"), from: world.now.plus_secs(1), fee: None })
        .await;
    world.pass_secs(1);
    world.server.refresh(world.now).await.expect("settings");
    assert_eq!(world.move_funds(&mut brian, "usd 1.00").await.fee, Some(money("usd 0.00")));
    assert_eq!(world.server.published().fees, []);
}

everywhere! {
    the_payee_gives_the_fee_of_what_it_collects
    the_last_collection_returns_what_the_fee_leaves
    a_fee_is_in_the_payee_s_currency
    loads_and_unloads_cost_what_is_set
    a_load_on_hold_gives_its_fee_at_once
    a_load_that_never_clears_costs_nothing
    a_session_is_opened_with_what_is_left_beside_the_fee
    closing_costs_no_more_than_what_returns
    what_returned_is_told_again_less_the_fees
    what_returned_is_not_told_again_where_refunds_may_have_taken_of_it
    a_refund_gives_all_back_and_the_operator_keeps_the_fee
    a_statement_tells_of_every_fee
    a_fee_holds_from_its_date_on_and_is_published
}
