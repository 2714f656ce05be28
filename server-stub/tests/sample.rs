//! The seed's sample transaction (section V), both suites, over every store: the first test of everything.

mod common;

use common::World;
use common::actor::ACCOUNT;
use common::payment::Deal;
use protocol::Protocol;
use protocol::message::Reply as _;
use protocol::outcome::{Problem, ResponseCode};
use protocol::value::Count;

async fn the_sample_transaction(world: &mut World) {
    // A. Registration: Brian and Acme make their personas.
    let mut brian = world.registered("customer", "brianb").await;
    assert_eq!(brian.id.as_ref().map(protocol::persona::PersonaId::as_str), Some("brianb-40"));
    let mut acme = world.registered("merchant", "acme").await;
    let payee = acme.id.clone().expect("an id");

    // B. Binding: Brian's account will fill his container.
    let bound = world.bind(&mut brian, ACCOUNT, "dda", "load,unload").await;
    assert_eq!(bound.status.map(protocol::value::Token::into_string).as_deref(), Some("enabled"));

    // C. Load $100.00.
    let loaded = world.move_funds(&mut brian, "usd 100.00").await;
    assert_eq!(loaded.balance, Some(common::money("usd 100.00")));

    // D. Open a session of $70.00, 120 minutes and 25 uses; Acme's takes nothing along.
    let mut session = world.open(&mut brian, "usd 70.00", 120, 25).await;
    assert_eq!(session.reply.amount, Some(common::money("usd 70.00")));
    assert_eq!(session.reply.balance, Some(common::money("usd 30.00")));
    assert_eq!(session.reply.session_funds, Some(common::money("usd 70.00")));
    assert_eq!(session.reply.key_lifetime.map(protocol::value::Num::get), Some(120));
    assert_eq!(session.reply.key_use_limit.map(protocol::value::Index::get), Some(25));
    let mut sales = world.open(&mut acme, "usd 0.00", 960, 90).await;

    // E. Payment: rocket shoes for $42.50.
    world.pass_millis(1_400);
    let deal = Deal { payee: &payee, order: "1231-3424-234242", price: "usd 42.50", amount: "usd 42.50" };
    let promise = world.promise(&mut session, &deal);
    let (head, ca2) = world.collection(&mut sales, std::slice::from_ref(&promise));
    let ca3 = world.send(&ca2).await;
    let receipts = world.receipts(&sales, &head, &ca3, 1);
    assert_eq!(receipts.verdicts.batch.response_code, ResponseCode::Success);
    assert_eq!(receipts.verdicts.payments[0].collected_amount, Some(common::money("usd 42.50")));
    let receipt = world.payer_receipt(&promise, &receipts, 0);
    assert_eq!(receipt.amount, Some(common::money("usd 42.50")));
    if world.protocol == Protocol::V2 {
        assert_eq!(receipt.session_balance, Some(common::money("usd 27.50")));
        assert_eq!((receipt.uses_left, receipt.seconds_left), (Some(Count(24)), Some(Count(7_198))));
    }

    // F. Close: $27.50 return to Brian's $30.00, and Acme has its price.
    let body = brian.closing(world.now, Some(&session.id), true);
    let closed = world.ask(&mut brian, &body).await;
    assert_eq!(closed.amount, Some(common::money("usd 27.50")));
    let line = "20261121051804329|1|acme-82|1231-3424-234242|usd 42.50";
    assert_eq!(closed.log.0.iter().map(protocol::value::Text::as_str).collect::<Vec<_>>(), [line]);
    assert_eq!(world.balance(&brian, "usd").await, "usd 57.50");
    let body = acme.closing(world.now, None, true);
    let closed = world.ask(&mut acme, &body).await;
    assert_eq!(closed.amount, Some(common::money("usd 42.50")));
    assert!(closed.log.0[0].as_str().contains("|1|brianb-40|1231-3424-234242|usd 42.50"));
    assert_eq!(world.balance(&acme, "usd").await, "usd 42.50");

    // And again: the same bytes get the same answer, though both sessions are closed; another message gets none.
    assert_eq!(world.send(&ca2).await, ca3);
    let body = brian.closing(world.now, Some(&session.id), false);
    assert_eq!(world.ask(&mut brian, &body).await.outcome().problem, Some(&Problem::SESSION_CLOSED));
    assert_eq!(world.balance(&acme, "usd").await, "usd 42.50");
}

everywhere! { the_sample_transaction }
