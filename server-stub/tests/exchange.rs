//! What is checked before any procedure runs (procedure 900), and resending.

mod common;

use common::actor::Actor;
use common::{Kind, World, error_of, key_named};
use protocol::Protocol;
use protocol::envelope::Envelope;
use protocol::exchange::seal;
use protocol::keys::Agreement;
use protocol::message::registration::Registration;
use protocol::message::report::MessageReport;
use protocol::message::{Reply as _, Request as _};
use protocol::outcome::{Problem, ResponseCode};
use protocol::pairs::Pairs;
use protocol::value::{from_base64, to_base64};
use server_stub::server::config::Software;
use server_stub::server::setting::Item;
use server_stub::server::{Answer, Config};

/// The same message with one pair changed, and a checksum that fits.
fn changed(message: &str, label: &str, change: impl Fn(&str) -> String) -> String {
    let Envelope { protocol, pairs } = Envelope::parse(message.as_bytes()).expect("a message");
    let mut out = Pairs::new();
    for (found, value) in pairs.iter() {
        out.push(found, if found == label { change(value) } else { value.to_owned() });
    }
    Envelope { protocol, pairs: out }.write()
}

async fn what_cannot_be_opened_is_answered_by_an_error(world: &mut World) {
    let mut actor = Actor::new(world.protocol, "customer", "brianb");
    let body = actor.registration(world.now);
    let sent = world.seal(&mut actor, &body);
    let flip = |value: &str| {
        let mut bytes = from_base64(value).expect("base64");
        bytes[40] ^= 1;
        to_base64(&bytes)
    };
    let short = |_: &str| to_base64(&[1, 2, 3]);
    for (label, change, problem) in [
        ("opaque", &flip as &dyn Fn(&str) -> String, Problem::BAD_OPAQUE),
        ("opaque", &short, Problem::BAD_OPAQUE),
        ("serverkey", &|_: &str| "CC9999".to_owned(), Problem::SERVERKEY_UNKNOWN),
        ("transaction", &|_: &str| "none".to_owned(), Problem::FORM),
        ("date", &|_: &str| "20261399".to_owned(), Problem::FORM),
    ] {
        let reply = world.send(&changed(&sent.text, label, change)).await;
        assert_eq!(error_of(&reply), problem, "{label}");
        assert_eq!(Envelope::parse(reply.as_bytes()).expect("a message").protocol, world.protocol);
    }
}

async fn other_types_are_refused(world: &mut World) {
    for kind in ["cash-payment", "payment-request", "from-server", "whatever"] {
        let message = Envelope { protocol: world.protocol, pairs: [("type", kind)].into_iter().collect() }.write();
        assert_eq!(error_of(&world.send(&message).await), Problem::FORM, "{kind}");
    }
}

async fn only_the_persona_s_own_key_signs(world: &mut World) {
    let mut brian = world.customer("brianb", "usd 100.00").await;
    // Someone else's signature under Brian's name and key name.
    let body = brian.funds(world.now, "usd -100.00");
    let head = brian.head::<protocol::message::funds::LoadUnload>(world.now, &world.server_key().name);
    let thief = Actor::new(world.protocol, "merchant", "thief");
    let sent = seal(&head, &body, &world.server_key(), Some(&thief.key), &mut world.rng).expect("keys");
    let reply = world.send(&sent.text).await;
    let reply: protocol::message::funds::LoadUnloadResponse = sent.read_reply(reply.as_bytes()).expect("a reply");
    assert_eq!(reply.problem, Some(Problem::BAD_SIGNATURE));
    // The thief's own key name.
    let mut posing = Actor { id: brian.id.clone(), ..thief };
    let body = posing.funds(world.now, "usd -100.00");
    assert_eq!(world.refused(&mut posing, &body).await, Some(Problem::BAD_SIGNATURE));
    // A persona that does not exist.
    posing.id = Some(common::value("acme-82"));
    assert_eq!(world.refused(&mut posing, &body).await, Some(Problem::BAD_SIGNATURE));
    assert_eq!(world.balance(&brian, "usd").await, "usd 100.00");
    // None of these used up Brian's transaction number.
    brian.transaction -= 1;
    let body = brian.funds(world.now, "usd -100.00");
    assert_eq!(world.refused(&mut brian, &body).await, None);
}

async fn the_same_bytes_get_the_same_bytes(world: &mut World) {
    let mut brian = world.customer("brianb", "usd 100.00").await;
    let body = brian.funds(world.now, "usd 25.00");
    let sent = world.seal(&mut brian, &body);
    let reply = world.send(&sent.text).await;
    // Though a day and a half has passed since, and the number was tried for something else.
    world.pass_secs(36 * 3_600);
    brian.transaction -= 1;
    let body = brian.funds(world.now, "usd 30.00");
    assert_eq!(world.refused(&mut brian, &body).await, Some(Problem::TRANSACTION_REUSED));
    assert_eq!(world.send(&sent.text).await, reply);
    assert_eq!(world.balance(&brian, "usd").await, "usd 125.00");
}

async fn registrations_are_resent_too(world: &mut World) {
    let mut actor = Actor::new(world.protocol, "customer", "brianb");
    let body = actor.registration(world.now);
    let sent = world.seal(&mut actor, &body);
    let reply = world.send(&sent.text).await;
    assert_eq!(world.send(&sent.text).await, reply);
    // Another message under the same key and number.
    actor.transaction -= 1;
    let body = Registration { email: common::value("other@reality.example"), ..body };
    assert_eq!(world.refused(&mut actor, &body).await, Some(Problem::TRANSACTION_REUSED));
    // The same wish under another number: taken, and a free id is suggested.
    let reply = world.ask(&mut actor, &body).await;
    assert_eq!(reply.problem, Some(Problem::ID_IN_USE));
    let suggested = reply.response_id.expect("a suggestion").to_string();
    assert!(suggested.starts_with("brianb") && suggested != "brianb-40", "{suggested}");
    actor.name = suggested.split('-').next().expect("a name").to_owned();
    let body = actor.registration(world.now);
    assert_eq!(world.ask(&mut actor, &body).await.response_id.map(|id| id.to_string()), Some(suggested));
}

async fn clocks_may_be_a_day_off(world: &mut World) {
    let mut brian = world.customer("brianb", "usd 100.00").await;
    for (seconds, millis, fits) in
        [(24 * 3_600, 0, true), (24 * 3_600, 1, false), (-24 * 3_600, 0, true), (-24 * 3_600, -1, false)]
    {
        let theirs = protocol::date::Date::from_millis(world.now.millis() + seconds * 1_000 + millis);
        let body = brian.funds(theirs, "usd 1.00");
        let reply = world.ask(&mut brian, &body).await;
        let expected = if fits { None } else { Some(Problem::CLOCK_SKEW) };
        assert_eq!(reply.problem, expected, "{seconds} s {millis} ms");
        assert_eq!(reply.server_date, world.now);
    }
}

async fn a_persona_can_be_disabled(world: &mut World) {
    let mut brian = world.customer("brianb", "usd 100.00").await;
    let id = brian.id.clone().expect("an id");
    let off = Item::Switch { persona: Some(id), service: None, since: world.now, note: "stolen".to_owned() };
    world.set(&off).await;
    let body = brian.funds(world.now, "usd 1.00");
    assert_eq!(world.refused(&mut brian, &body).await, Some(Problem::PERSONA_DISABLED));
    world.unset(&off).await;
    let body = brian.funds(world.now, "usd 1.00");
    assert_eq!(world.refused(&mut brian, &body).await, None);
}

everywhere! {
    what_cannot_be_opened_is_answered_by_an_error
    other_types_are_refused
    only_the_persona_s_own_key_signs
    the_same_bytes_get_the_same_bytes
    registrations_are_resent_too
    clocks_may_be_a_day_off
    a_persona_can_be_disabled
}

#[tokio::test]
async fn the_operator_decides_on_software_and_agreements() {
    let mut config = Config::default();
    config.software.insert("1.0ref".to_owned(), Software::Warning("New software is available.".to_owned()));
    config.software.insert("0.9ref".to_owned(), Software::Fatal("Too old.".to_owned()));
    let url = "https://example.org/75".to_owned();
    config.agreements.push(Agreement { number: 75, title: "Terms".to_owned(), url });
    let mut world = World::with(Protocol::V2, Kind::Memory, config);
    let mut actor = Actor::new(Protocol::V2, "customer", "brianb");
    let mut body = actor.registration(world.now);
    assert_eq!(world.refused(&mut actor, &body).await, Some(Problem::AGREEMENT_MISSING));
    body.agreements = Some(common::value("123,75"));
    body.swversion = common::value("0.9ref");
    let reply = world.ask(&mut actor, &body).await;
    assert_eq!(reply.problem, Some(Problem::SOFTWARE_FATAL));
    assert_eq!(reply.swseverity.map(protocol::value::Token::into_string).as_deref(), Some("fatal"));
    body.swversion = common::value("1.0ref");
    let reply = world.ask(&mut actor, &body).await;
    assert_eq!(reply.response_code, ResponseCode::Success);
    assert_eq!(reply.swmessage.map(protocol::value::Text::into_string).as_deref(), Some("New software is available."));
    body.requested_id = common::value("other");
    body.default_currency = common::value("chf");
    assert_eq!(world.refused(&mut actor, &body).await, Some(Problem::CURRENCY_UNSUPPORTED));
}

#[tokio::test]
async fn the_classic_suite_is_off_unless_allowed() {
    let mut allowed = World::new(Protocol::V1, Kind::Memory);
    let mut actor = Actor::new(Protocol::V1, "customer", "brianb");
    let body = actor.registration(allowed.now);
    let sent = allowed.seal(&mut actor, &body);
    let mut strict = World::with(Protocol::V2, Kind::Memory, Config::default());
    let reply = strict.send(&sent.text).await;
    assert_eq!(error_of(&reply), Problem::PROTOCOL_UNSUPPORTED);
    let envelope = Envelope::parse(reply.as_bytes()).expect("a message");
    assert_eq!(envelope.protocol, Protocol::V2, "in its own highest number");
    assert_eq!(envelope.pairs.get("transaction"), Some("1001"));
    assert_eq!(strict.server.published().protocols, ["2.0"]);
    let reply = strict.send(&sent.text.replace("CyberCash-1.0", "CyberCash-7.3")).await;
    assert_eq!(error_of(&reply), Problem::PROTOCOL_UNSUPPORTED);
}

#[tokio::test]
async fn short_rsa_keys_and_foreign_keys_are_refused() {
    let config = Config { allow_classic: true, classic_min_bits: 3_072, ..Config::default() };
    let mut world = World::with(Protocol::V1, Kind::Memory, config);
    let mut actor = Actor::new(Protocol::V1, "customer", "brianb");
    let body = actor.registration(world.now);
    let reply = world.ask(&mut actor, &body).await;
    assert_eq!(reply.problem, Some(Problem::FORM));
    assert!(reply.message.is_some_and(|message| message.as_str().contains("3072")));
    // A key of the other suite.
    let modern = Actor::new(Protocol::V2, "customer", "brianb");
    let body = Registration { pubkey: modern.registration(world.now).pubkey, ..body };
    assert_eq!(world.refused(&mut actor, &body).await, Some(Problem::FORM));
}

#[tokio::test]
async fn reports_are_kept_once_and_not_answered() {
    let mut world = World::new(Protocol::V2, Kind::Sqlite);
    let mut actor = Actor::new(Protocol::V2, "customer", "brianb");
    let body = MessageReport {
        server_date: world.now,
        swversion: common::value("1.0ref"),
        problem: Problem::BAD_OPAQUE,
        diagnosis: Some(common::value("the reply does not open")),
        received: Some(common::value("$$-CyberCash-2.0-$$\ntype: x")),
    };
    assert_eq!(MessageReport::TYPE, "message-report");
    let sent = world.seal(&mut actor, &body);
    for _ in 0..2 {
        let answer = world.server.handle(sent.text.as_bytes(), world.now, &mut world.rng).await;
        assert_eq!(answer, Answer::NoContent);
    }
    assert_eq!(key_named("CC2001"), world.server_key().name);
}

#[tokio::test]
async fn a_form_fault_names_the_label() {
    let mut world = World::new(Protocol::V2, Kind::Memory);
    let mut brian = world.customer("brianb", "usd 1.00").await;
    brian.instrument.0.remove("instrument-salt");
    let body = brian.funds(world.now, "usd 1.00");
    let reply = world.ask(&mut brian, &body).await;
    assert_eq!(reply.problem, Some(Problem::FORM));
    assert!(reply.outcome().message.is_some_and(|message| message.contains("instrument-salt")));
}
