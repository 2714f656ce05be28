//! Modification of a persona: an R1 that names it (docs/protocol.md, "Decided here" under resending; fig. 5G).

mod common;

use common::actor::Actor;
use common::{World, value};
use protocol::exchange::{SentRequest, seal};
use protocol::keys::Agreement;
use protocol::message::registration::{Registration, RegistrationResponse};
use protocol::outcome::{Problem, ResponseCode};
use server_stub::server::service::Service;
use server_stub::server::setting::{AgreedAt, Item};
use server_stub::store::record::Persona;

/// Seals an R1 that names a persona.
fn sealed(world: &mut World, actor: &mut Actor, body: &Registration) -> SentRequest {
    let key = world.server_key();
    let mut head = actor.head::<Registration>(world.now, &key.name);
    head.id.clone_from(&actor.id);
    seal(&head, body, &key, Some(&actor.key), &mut world.rng).expect("keys of this suite")
}

async fn modify(world: &mut World, actor: &mut Actor, body: &Registration) -> RegistrationResponse {
    let sent = sealed(world, actor, body);
    let reply = world.send(&sent.text).await;
    sent.read_reply(reply.as_bytes()).expect("a reply")
}

async fn persona(world: &World, actor: &Actor) -> Persona {
    let id = actor.id.as_ref().expect("a persona");
    world.store.persona(id).await.expect("a store").expect("a persona").persona
}

async fn a_persona_changes_its_address_language_and_passphrase(world: &mut World) {
    let mut brian = world.customer("brianb", "usd 10.00").await;
    let before = persona(world, &brian).await;
    let mut body = brian.registration(world.now);
    body.email = value("new@reality.example");
    body.content_language = value("de");
    body.agreements = Some(value("123"));
    body.autoclose_passphrase = None;
    let reply = modify(world, &mut brian, &body).await;
    assert_eq!((reply.response_code, reply.response_id.as_ref()), (ResponseCode::Success, brian.id.as_ref()));
    assert_eq!(reply.email.map(|email| email.as_str().to_owned()).as_deref(), Some("new@reality.example"));
    let after = persona(world, &brian).await;
    assert_eq!((after.email.as_str(), after.language.as_str()), ("new@reality.example", "de"));
    assert_eq!(after.autoclose, before.autoclose, "where none is given, the passphrase stays");
    assert!(after.agreements.contains(&123) && after.revision > before.revision);
    assert_eq!((after.public_key, after.registered), (before.public_key, before.registered));
    body.autoclose_passphrase = Some(value("goodnews"));
    assert_eq!(modify(world, &mut brian, &body).await.problem, None);
    assert_ne!(persona(world, &brian).await.autoclose, before.autoclose);
    assert_eq!(world.balance(&brian, "usd").await, "usd 10.00");
    // From now on, it is told in its language.
    let told = world.move_funds(&mut brian, "usd 0.00").await.message.expect("a sentence");
    assert_eq!(told.as_str(), "Ein Betrag von null bewegt nichts.");
}

async fn name_currency_and_key_stay(world: &mut World) {
    let mut brian = world.registered("customer", "brianb").await;
    let before = persona(world, &brian).await;
    let body = brian.registration(world.now);
    let other_name = Registration { requested_id: value("other"), ..body.clone() };
    assert_eq!(modify(world, &mut brian, &other_name).await.problem, Some(Problem::FORM));
    let other_currency = Registration { default_currency: value("eur"), ..body.clone() };
    assert_eq!(modify(world, &mut brian, &other_currency).await.problem, Some(Problem::CURRENCY_UNSUPPORTED));
    // A key that is not the persona's: whoever signs, and a persona that does not exist.
    let acme = Actor::new(world.protocol, "merchant", "brianb");
    let other_key = Registration { pubkey: acme.registration(world.now).pubkey, ..body.clone() };
    assert_eq!(modify(world, &mut brian, &other_key).await.problem, Some(Problem::BAD_SIGNATURE));
    let mut thief = Actor { id: brian.id.clone(), ..acme };
    for body in [&body, &other_key] {
        assert_eq!(modify(world, &mut thief, body).await.problem, Some(Problem::BAD_SIGNATURE));
    }
    let mut nobody = Actor { id: Some(value("zz-66")), ..brian.clone() };
    assert_eq!(modify(world, &mut nobody, &body).await.problem, Some(Problem::BAD_SIGNATURE));
    assert_eq!(persona(world, &brian).await.email, before.email);
}

async fn a_modification_is_answered_once(world: &mut World) {
    let mut brian = world.registered("customer", "brianb").await;
    let body = Registration { email: value("new@reality.example"), ..brian.registration(world.now) };
    let sent = sealed(world, &mut brian, &body);
    let reply = world.send(&sent.text).await;
    let revision = persona(world, &brian).await.revision;
    assert_eq!(world.send(&sent.text).await, reply);
    assert_eq!(persona(world, &brian).await.revision, revision, "done once");
    brian.transaction -= 1;
    let other = Registration { email: value("other@reality.example"), ..body };
    assert_eq!(modify(world, &mut brian, &other).await.problem, Some(Problem::TRANSACTION_REUSED));
    assert_eq!(persona(world, &brian).await.email, "new@reality.example");
}

async fn what_the_operator_says_counts_here_too(world: &mut World) {
    let mut brian = world.registered("customer", "brianb").await;
    let agreement = Agreement { number: 75, title: "Terms".to_owned(), url: "https://pay.example/t".to_owned() };
    world.set(&Item::Agreement { agreement, at: AgreedAt::Registration }).await;
    let mut body = brian.registration(world.now);
    assert_eq!(modify(world, &mut brian, &body).await.problem, Some(Problem::AGREEMENT_MISSING));
    body.agreements = Some(value("75"));
    assert_eq!(modify(world, &mut brian, &body).await.problem, None);
    let (persona, since) = (brian.id.clone(), world.now);
    let off = Item::Switch { persona, service: Some(Service::Modify), since, note: String::new() };
    world.set(&off).await;
    assert_eq!(modify(world, &mut brian, &body).await.problem, Some(Problem::SERVICE_DISABLED));
    let gift = Item::Gift {
        number: 1,
        email: "new@reality.example".to_owned(),
        amount: common::money("usd 5.00"),
        since: world.now,
    };
    world.unset(&off).await;
    world.set(&gift).await;
    body.email = value("new@reality.example");
    assert_eq!(modify(world, &mut brian, &body).await.funds_waiting.map(|count| count.0), Some(1));
    let late = Registration { server_date: world.now.plus_secs(-2 * 86_400), ..body };
    assert_eq!(modify(world, &mut brian, &late).await.problem, Some(Problem::CLOCK_SKEW));
}

everywhere! {
    a_persona_changes_its_address_language_and_passphrase
    name_currency_and_key_stay
    a_modification_is_answered_once
    what_the_operator_says_counts_here_too
}
