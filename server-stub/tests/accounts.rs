//! Instruments, funds and autoclose: BI1 and BI4, LU1, AC1, KC1, and the sandbox bank's public numbers.

mod common;

use common::actor::{ACCOUNT, Actor};
use common::{Kind, World, money, value};
use protocol::Protocol;
use protocol::message::autoclose::AutocloseResponse;
use protocol::message::binding::BindResponse;
use protocol::message::key::KeyResponse;
use protocol::outcome::{Problem, ResponseCode};
use protocol::value::{AnyBytes, Bytes, Function, YesNo};
use server_stub::server::Config;
use server_stub::store::record::{InstrumentStatus, Limit};

fn status(reply: &BindResponse) -> Option<&str> {
    reply.status.as_ref().map(protocol::value::Token::as_str)
}

async fn an_account_that_waits_for_a_pre_note(world: &mut World) {
    let mut brian = world.registered("customer", "brianb").await;
    let reply = world.bind(&mut brian, "059013218175001", "dda", "load,unload").await;
    assert_eq!(status(&reply), Some("pending-pre-note"));
    let reply = world.move_funds(&mut brian, "usd 1.00").await;
    assert_eq!(reply.problem, Some(Problem::INSTRUMENT_DISABLED));
    assert!(reply.message.is_some_and(|message| message.as_str().contains("bank has not confirmed")));
    world.pass_secs(10);
    assert_eq!(world.move_funds(&mut brian, "usd 1.00").await.balance, Some(money("usd 1.00")));
}

async fn an_account_whose_loads_are_on_hold(world: &mut World) {
    let mut brian = world.registered("customer", "brianb").await;
    world.bind(&mut brian, "059013218175002", "dda", "load,unload").await;
    let reply = world.move_funds(&mut brian, "usd 80.00").await;
    assert_eq!((reply.balance, reply.on_hold), (Some(money("usd 0.00")), Some(money("usd 80.00"))));
    assert_eq!(world.move_funds(&mut brian, "usd -1.00").await.problem, Some(Problem::FUNDS_INSUFFICIENT));
    world.pass_secs(9);
    assert_eq!(world.server.sweep(world.now).await, Ok(0));
    world.pass_secs(1);
    let reply = world.move_funds(&mut brian, "usd 5.00").await;
    assert_eq!((reply.balance, reply.on_hold), (Some(money("usd 80.00")), Some(money("usd 5.00"))));
    // Or nobody asks, and the sweep does it.
    world.pass_secs(10);
    assert_eq!(world.server.sweep(world.now).await, Ok(1));
    assert_eq!(world.server.sweep(world.now).await, Ok(0));
    assert_eq!(world.balance(&brian, "usd").await, "usd 85.00");
}

async fn cards_of_the_sandbox(world: &mut World) {
    let mut brian = world.registered("customer", "brianb").await;
    let reply = world.bind(&mut brian, "4242424242424242", "credit-card", "charge,load,unload").await;
    assert_eq!(reply.functions, Some(value("charge,load")));
    assert_eq!((reply.problem, reply.message), (None, None), "nothing to say");
    assert_eq!(reply.recurring.0.get("instrument-issuer").map(String::as_str), Some("Sandbox Bank"));
    assert_eq!(world.move_funds(&mut brian, "usd 10.00").await.balance, Some(money("usd 10.00")));
    assert_eq!(world.move_funds(&mut brian, "usd -1.00").await.problem, Some(Problem::FUNCTION_DISABLED));
    let reply = world.bind(&mut brian, "4000000000000002", "credit-card", "load").await;
    assert_eq!((reply.response_code, reply.problem), (ResponseCode::Failure, Some(Problem::INSTRUMENT_DECLINED)));
    world.bind(&mut brian, "4000000000009995", "credit-card", "load").await;
    assert_eq!(world.move_funds(&mut brian, "usd 10.00").await.problem, Some(Problem::INSTRUMENT_DECLINED));
    let reply = world.bind(&mut brian, "4242424242424241", "credit-card", "load").await;
    assert_eq!(reply.problem, Some(Problem::INSTRUMENT_DECLINED));
    let reply = world.bind(&mut brian, "4242424242424242", "credit-card", "unload").await;
    assert_eq!(reply.problem, Some(Problem::FUNCTION_DISABLED));
}

async fn the_limits_of_an_instrument(world: &mut World) {
    let mut brian = world.registered("customer", "brianb").await;
    world.bind(&mut brian, ACCOUNT, "dda", "load,unload").await;
    assert_eq!(world.move_funds(&mut brian, "usd 1000.01").await.problem, Some(Problem::LIMIT_EXCEEDED));
    for _ in 0..5 {
        assert_eq!(world.move_funds(&mut brian, "usd 1000.00").await.problem, None);
        world.pass_secs(3_600);
    }
    assert_eq!(world.move_funds(&mut brian, "usd 0.01").await.problem, Some(Problem::LIMIT_EXCEEDED));
    // Unloading does not count, and gives no room either.
    assert_eq!(world.move_funds(&mut brian, "usd -900.00").await.problem, None);
    assert_eq!(world.move_funds(&mut brian, "usd 0.01").await.problem, Some(Problem::LIMIT_EXCEEDED));
    // A day after the first load its thousand is free again.
    world.pass_secs(19 * 3_600);
    world.pass_millis(1);
    assert_eq!(world.move_funds(&mut brian, "usd 1000.00").await.problem, None);
    assert_eq!(world.move_funds(&mut brian, "usd 0.01").await.problem, Some(Problem::LIMIT_EXCEEDED));
    assert_eq!(world.balance(&brian, "usd").await, "usd 5100.00");
}

async fn the_operator_s_limits_stand_in_for_the_issuer_s(world: &mut World) {
    let mut brian = world.customer("brianb", "usd 100.00").await;
    let limit = |once, window, hours| Limit { once, window, hours };
    world
        .edit(&brian, |instrument| {
            instrument.limits =
                [(Function::Load, limit(Some(2_000), None, 24)), (Function::Unload, limit(Some(20), Some(30), 2))]
                    .into();
        })
        .await;
    for (amount, problem) in [
        ("usd 2000.01", Some(Problem::LIMIT_EXCEEDED)),
        ("usd 2000.00", None),
        ("usd 2000.00", None),
        ("usd 2000.00", None),
        ("usd -20.01", Some(Problem::LIMIT_EXCEEDED)),
        ("usd -20.00", None),
        ("usd -10.01", Some(Problem::LIMIT_EXCEEDED)),
        ("usd -10.00", None),
        ("usd -0.01", Some(Problem::LIMIT_EXCEEDED)),
    ] {
        assert_eq!(world.move_funds(&mut brian, amount).await.problem, problem, "{amount}");
    }
    // What was loaded does not count as unloaded, and the window moves on.
    world.pass_secs(2 * 3_600);
    assert_eq!(world.move_funds(&mut brian, "usd -0.01").await.problem, Some(Problem::LIMIT_EXCEEDED));
    world.pass_secs(1);
    assert_eq!(world.move_funds(&mut brian, "usd -20.00").await.problem, None);
    // Binding anew does not lift it; nothing at once is off.
    world.bind(&mut brian, ACCOUNT, "dda", "load,unload").await;
    assert_eq!(world.move_funds(&mut brian, "usd -20.00").await.problem, Some(Problem::LIMIT_EXCEEDED));
    world
        .edit(&brian, |instrument| {
            instrument.limits.insert(Function::Unload, limit(Some(0), None, 24));
        })
        .await;
    assert_eq!(world.move_funds(&mut brian, "usd -0.01").await.problem, Some(Problem::FUNCTION_DISABLED));
    assert_eq!(world.move_funds(&mut brian, "usd 0.01").await.problem, None);
}

async fn an_instrument_waits_for_what_it_has_to(world: &mut World) {
    let mut brian = world.customer("brianb", "usd 100.00").await;
    for (stands, name, words) in [
        (InstrumentStatus::Created, "created", "has not been approved"),
        (InstrumentStatus::PendingSignature, "pending-signature", "signature has arrived"),
        (InstrumentStatus::Disabled, "disabled", ""),
    ] {
        world.edit(&brian, |instrument| instrument.status = stands).await;
        for amount in ["usd 1.00", "usd -1.00"] {
            let reply = world.move_funds(&mut brian, amount).await;
            assert_eq!(reply.problem, Some(Problem::INSTRUMENT_DISABLED), "{name}");
            assert!(reply.message.is_some_and(|message| message.as_str().contains(words)), "{name}");
        }
        let reply = world.bind(&mut brian, ACCOUNT, "dda", "load,unload").await;
        assert_eq!(status(&reply), Some(name), "binding anew changes nothing of it");
    }
    world.edit(&brian, |instrument| instrument.status = InstrumentStatus::Enabled).await;
    assert_eq!(world.move_funds(&mut brian, "usd 1.00").await.problem, None);
}

async fn the_issuer_s_limit_is_one_of_loads(world: &mut World) {
    let mut brian = world.customer("brianb", "usd 1000.00").await;
    world.move_funds(&mut brian, "usd 1000.00").await;
    assert_eq!(world.move_funds(&mut brian, "usd -1500.00").await.balance, Some(money("usd 500.00")));
}

async fn the_books_know_when_an_instrument_was_first_used(world: &mut World) {
    let mut brian = world.registered("customer", "brianb").await;
    world.bind(&mut brian, ACCOUNT, "dda", "load,unload").await;
    assert_eq!(world.instruments(&brian).await[0].first_used, None);
    world.pass_secs(5);
    let first = world.now;
    for _ in 0..2 {
        assert_eq!(world.move_funds(&mut brian, "usd 1.00").await.problem, None);
        assert_eq!(world.instruments(&brian).await[0].first_used, Some(first));
        world.pass_secs(5);
    }
    world.bind(&mut brian, ACCOUNT, "dda", "load,unload").await;
    assert_eq!(world.instruments(&brian).await[0].first_used, Some(first), "binding anew changes nothing of it");
}

async fn what_is_not_an_instrument(world: &mut World) {
    let mut brian = world.customer("brianb", "usd 10.00").await;
    let real = brian.instrument.clone();
    for (label, other) in [("instrument-number", "059013218175655"), ("instrument-salt", "AAAAAAAAAAA=")] {
        brian.instrument.0.insert(label.to_owned(), other.to_owned());
        assert_eq!(world.move_funds(&mut brian, "usd 1.00").await.problem, Some(Problem::INSTRUMENT_UNKNOWN));
        brian.instrument = real.clone();
    }
    assert_eq!(world.move_funds(&mut brian, "chf 1.00").await.problem, Some(Problem::CURRENCY_UNSUPPORTED));
    assert_eq!(world.move_funds(&mut brian, "usd 0.00").await.problem, Some(Problem::FORM));
    // Another persona cannot use the binding, whatever it knows of it.
    let mut other = world.registered("merchant", "acme").await;
    other.instrument = real;
    assert_eq!(world.move_funds(&mut other, "usd 1.00").await.problem, Some(Problem::INSTRUMENT_UNKNOWN));
}

async fn binding_anew_replaces_the_salt(world: &mut World) {
    let mut brian = world.customer("brianb", "usd 10.00").await;
    let old = brian.instrument.clone();
    let mut body = brian.binding(world.now, ACCOUNT, "dda", "load,unload");
    body.salt = Bytes::of(vec![5; 16]).expect("a salt");
    let reply = world.ask(&mut brian, &body).await;
    brian.keep(&reply);
    assert_eq!(world.move_funds(&mut brian, "usd 1.00").await.problem, None);
    brian.instrument = old;
    assert_eq!(world.move_funds(&mut brian, "usd 1.00").await.problem, Some(Problem::INSTRUMENT_UNKNOWN));
}

async fn other_currencies_have_containers_of_their_own(world: &mut World) {
    let mut brian = world.customer("brianb", "usd 10.00").await;
    assert_eq!(world.move_funds(&mut brian, "jpy 1000").await.balance, Some(money("jpy 1000")));
    assert_eq!(world.move_funds(&mut brian, "jpy 1001").await.problem, Some(Problem::LIMIT_EXCEEDED));
    assert_eq!(world.move_funds(&mut brian, "kwd 999.999").await.balance, Some(money("kwd 999.999")));
    assert_eq!(world.balance(&brian, "usd").await, "usd 10.00");
}

async fn autoclosing(world: &mut World, brian: &mut Actor, passphrase: &str) -> AutocloseResponse {
    let body = Actor::autoclosing(world.now, passphrase);
    world.ask(brian, &body).await
}

/// Someone whose account takes the cash back, with money in the container, in a session and on hold.
async fn rich(world: &mut World) -> Actor {
    let mut brian = world.registered("customer", "brianb").await;
    world.bind(&mut brian, "059013218175002", "dda", "load,unload").await;
    world.move_funds(&mut brian, "usd 7.00").await;
    let mut body = brian.binding(world.now, ACCOUNT, "dda", "load,unload");
    (body.autoclose, body.autoclose_passphrase) = (Some(YesNo(true)), Some(value("badnews")));
    let reply = world.ask(&mut brian, &body).await;
    brian.keep(&reply);
    world.move_funds(&mut brian, "usd 100.00").await;
    world.move_funds(&mut brian, "jpy 500").await;
    world.open(&mut brian, "usd 70.00", 120, 25).await;
    brian
}

async fn autoclose_uses_the_account_that_was_bound_for_it_last(world: &mut World) {
    let mut brian = rich(world).await;
    let accounts = async |world: &World, brian: &Actor| -> Vec<(bool, bool)> {
        let known = world.instruments(brian).await;
        known.iter().map(|known| (known.autoclose, known.sealed_number.is_some())).collect()
    };
    assert_eq!(accounts(world, &brian).await, [(false, false), (true, true)]);
    let mut body = brian.binding(world.now, "059013218175002", "dda", "load,unload");
    (body.autoclose, body.autoclose_passphrase) = (Some(YesNo(true)), Some(value("badnews")));
    for _ in 0..2 {
        assert_eq!(world.refused(&mut brian, &body).await, None);
        assert_eq!(accounts(world, &brian).await, [(true, true), (false, false)]);
    }
}

async fn the_passphrase_closes_the_persona(world: &mut World) {
    let mut brian = rich(world).await;
    let body = Actor::autoclosing(world.now, "badnews");
    let sent = world.seal(&mut brian, &body);
    let reply = world.send(&sent.text).await;
    let read: AutocloseResponse = sent.read_reply(reply.as_bytes()).expect("a reply");
    assert_eq!((read.response_code, read.amount), (ResponseCode::Success, Some(money("usd 100.00"))));
    assert_eq!(world.send(&sent.text).await, reply);
    assert_eq!(world.balance(&brian, "usd").await, "usd 0.00");
    assert_eq!(world.balance(&brian, "jpy").await, "jpy 0");
    assert_eq!(world.move_funds(&mut brian, "usd 1.00").await.problem, Some(Problem::PERSONA_CLOSED));
    assert_eq!(autoclosing(world, &mut brian, "badnews").await.problem, Some(Problem::PERSONA_CLOSED));
    // What was on hold went back too: nothing clears later.
    world.pass_secs(60);
    assert_eq!(world.server.sweep(world.now).await, Ok(0));
}

async fn wrong_passphrases_and_unknown_personas_look_alike(world: &mut World) {
    let mut brian = rich(world).await;
    let mut nobody = Actor { id: Some(value("zz-66")), ..brian.clone() };
    for n in 0..7 {
        let ours = autoclosing(world, &mut brian, "badmews").await;
        let theirs = autoclosing(world, &mut nobody, "badnews").await;
        assert_eq!(ours, theirs, "try {n}");
        let expected = if n < 5 { Problem::PERSONA_UNKNOWN } else { Problem::SERVICE_DISABLED };
        assert_eq!(ours.problem, Some(expected), "try {n}");
        world.pass_secs(if n < 4 { 60 } else { 0 });
    }
    // The right one does not help while the door is closed, and works a day after the fifth try.
    let closed = autoclosing(world, &mut brian, "badnews").await;
    assert_eq!(closed.problem, Some(Problem::SERVICE_DISABLED));
    assert!(closed.message.is_some_and(|told| told.as_str().contains("too many wrong passphrases")));
    world.pass_secs(24 * 3_600);
    assert_eq!(autoclosing(world, &mut brian, "badnews").await.problem, Some(Problem::SERVICE_DISABLED));
    world.pass_secs(1);
    assert_eq!(autoclosing(world, &mut brian, "badnews").await.response_code, ResponseCode::Success);
}

async fn autoclose_needs_an_instrument_that_takes_money(world: &mut World) {
    let mut brian = world.customer("brianb", "usd 10.00").await;
    let reply = autoclosing(world, &mut brian, "badnews").await;
    assert_eq!(reply.problem, Some(Problem::INSTRUMENT_UNKNOWN));
    assert_eq!(world.balance(&brian, "usd").await, "usd 10.00");
    let mut body = brian.binding(world.now, "4242424242424242", "credit-card", "load");
    body.autoclose = Some(YesNo(true));
    assert_eq!(world.refused(&mut brian, &body).await, Some(Problem::FORM), "without a passphrase");
    body.autoclose_passphrase = Some(value("badnews"));
    assert_eq!(world.refused(&mut brian, &body).await, Some(Problem::FUNCTION_DISABLED));
}

async fn another_key_holds_from_its_answer_on(world: &mut World) {
    let mut brian = world.customer("brianb", "usd 10.00").await;
    let other = Actor::new(brian.protocol, "merchant", "brianb");
    let mut body = brian.changing_key(world.now, &other);
    if brian.protocol == Protocol::V1 {
        let sent = world.seal(&mut brian, &body);
        assert_eq!(common::error_of(&world.send(&sent.text).await), Problem::FORM, "an extension of 2.0");
        return;
    }
    let sent = world.seal(&mut brian, &body);
    let reply = world.send(&sent.text).await;
    let read: KeyResponse = sent.read_reply(reply.as_bytes()).expect("a reply");
    assert_eq!((read.response_code, read.pubkey), (ResponseCode::Success, Some(body.pubkey.clone())));
    let mut renewed = Actor { key: other.key, public: other.public, ..brian.clone() };
    // Whoever did not hear the answer asks again, with the bytes that the old key has signed.
    assert_eq!(world.send(&sent.text).await, reply);
    assert_eq!(world.move_funds(&mut brian, "usd 1.00").await.problem, Some(Problem::BAD_SIGNATURE));
    assert_eq!(world.refused(&mut brian, &body).await, Some(Problem::BAD_SIGNATURE));
    assert_eq!(world.move_funds(&mut renewed, "usd 1.00").await.balance, Some(money("usd 11.00")));
    (body.key, body.pubkey) = (renewed.key_name(), AnyBytes::of(vec![7; 32]).expect("bytes"));
    assert_eq!(world.refused(&mut renewed, &body).await, Some(Problem::FORM), "no key of this suite");
    assert_eq!(world.move_funds(&mut renewed, "usd 1.00").await.balance, Some(money("usd 12.00")));
}

everywhere! {
    another_key_holds_from_its_answer_on
    an_account_that_waits_for_a_pre_note
    an_account_whose_loads_are_on_hold
    cards_of_the_sandbox
    the_limits_of_an_instrument
    the_operator_s_limits_stand_in_for_the_issuer_s
    an_instrument_waits_for_what_it_has_to
    the_issuer_s_limit_is_one_of_loads
    the_books_know_when_an_instrument_was_first_used
    what_is_not_an_instrument
    binding_anew_replaces_the_salt
    other_currencies_have_containers_of_their_own
    autoclose_uses_the_account_that_was_bound_for_it_last
    the_passphrase_closes_the_persona
    wrong_passphrases_and_unknown_personas_look_alike
    autoclose_needs_an_instrument_that_takes_money
}

#[tokio::test]
async fn a_new_instrument_waits_where_the_operator_wants_it_so() {
    let config = Config { new_instruments: InstrumentStatus::PendingSignature, ..Config::default() };
    let mut world = World::with(Protocol::V2, Kind::Memory, config);
    let mut brian = world.registered("customer", "brianb").await;
    let reply = world.bind(&mut brian, ACCOUNT, "dda", "load,unload").await;
    assert_eq!((reply.response_code, status(&reply)), (ResponseCode::Success, Some("pending-signature")));
    assert_eq!(world.move_funds(&mut brian, "usd 1.00").await.problem, Some(Problem::INSTRUMENT_DISABLED));
    world.edit(&brian, |instrument| instrument.status = InstrumentStatus::Enabled).await;
    assert_eq!(world.move_funds(&mut brian, "usd 1.00").await.problem, None);
}

#[tokio::test]
async fn a_wrong_passphrase_shows_nothing_of_what_the_persona_has() {
    let mut world = World::new(Protocol::V2, Kind::Sqlite);
    let mut brian = rich(&mut world).await;
    // Whoever looks at it stumbles: so it is seen who looks.
    let books = rusqlite::Connection::open(world.folder().join("books.sqlite")).expect("books");
    books.execute("UPDATE instrument_120h SET limits = 'damaged'", []).expect("a change");
    assert_eq!(autoclosing(&mut world, &mut brian, "badmews").await.problem, Some(Problem::PERSONA_UNKNOWN));
    let body = Actor::autoclosing(world.now, "badnews");
    let sent = world.seal(&mut brian, &body);
    assert_eq!(common::error_of(&world.send(&sent.text).await), Problem::INTERNAL, "the right one is looked at");
}
