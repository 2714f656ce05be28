//! What strangers can learn and what they can make the server do.

mod common;

use std::net::SocketAddr;
use std::sync::Arc;

use aws_lc_rs::rsa::{
    OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepAlgorithm, OaepPublicEncryptingKey, Pkcs1PublicEncryptingKey,
    PublicEncryptingKey,
};
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::Request;
use common::actor::Actor;
use common::payment::Deal;
use common::{Kind, World, assert_sound, error_of, money, server, value};
use protocol::Protocol;
use protocol::envelope::Envelope;
use protocol::outcome::{Problem, ResponseCode};
use protocol::pairs::Pairs;
use protocol::persona::PersonaId;
use protocol::value::{from_base64, to_base64};
use server_stub::door::Door;
use server_stub::http::{now, router};
use server_stub::server::Answer;
use server_stub::settings::DoorSettings;
use tokio::task::JoinSet;

/// The bytes of an RSA-2048 block.
const BLOCK: usize = 256;

/// The same message with another opaque value.
fn with_opaque(message: &str, opaque: &[u8]) -> String {
    let envelope = Envelope::parse(message.as_bytes()).expect("a message");
    let mut pairs = Pairs::new();
    for (label, value) in envelope.pairs.iter().filter(|(label, _)| *label != "opaque") {
        pairs.push_text(label, value);
    }
    pairs.push_base64("opaque", to_base64(opaque));
    Envelope { protocol: envelope.protocol, pairs }.write()
}

fn oaep(key: &PublicEncryptingKey, algorithm: &'static OaepAlgorithm, secret: &[u8], label: Option<&[u8]>) -> Vec<u8> {
    let key = OaepPublicEncryptingKey::new(key.clone()).expect("a key");
    let mut block = vec![0; BLOCK];
    key.encrypt(algorithm, secret, &mut block, label).expect("a block");
    block
}

fn pkcs1(key: &PublicEncryptingKey, secret: &[u8]) -> Vec<u8> {
    let key = Pkcs1PublicEncryptingKey::new(key.clone()).expect("a key");
    let mut block = vec![0; BLOCK];
    key.encrypt(secret, &mut block).expect("a block");
    block
}

#[tokio::test]
async fn malformed_rsa_blocks_of_every_kind_are_answered_alike() {
    let mut world = World::new(Protocol::V1, Kind::Memory);
    let mut actor = Actor::new(Protocol::V1, "customer", "brianb");
    let body = actor.registration(world.now);
    let message = world.seal(&mut actor, &body).text;
    let envelope = Envelope::parse(message.as_bytes()).expect("a message");
    let sealed = from_base64(envelope.pairs.get("opaque").expect("an opaque value")).expect("base64");
    let contents = &sealed[BLOCK..];
    let key = PublicEncryptingKey::from_der(world.server_key().public.spki()).expect("a key");
    let (one, secret) = ([&[0; BLOCK - 1][..], &[1]].concat(), [7; 16]);
    let blocks = [
        ("zero", vec![0; BLOCK]),
        ("one", one),
        ("not below the modulus", vec![0xFF; BLOCK]),
        ("a number like any other", vec![0x5A; BLOCK]),
        ("padded by PKCS#1 v1.5", pkcs1(&key, &secret)),
        ("OAEP with SHA-1", oaep(&key, &OAEP_SHA1_MGF1SHA1, &secret, None)),
        ("OAEP with a label", oaep(&key, &OAEP_SHA256_MGF1SHA256, &secret, Some(b"label"))),
        ("a secret too short", oaep(&key, &OAEP_SHA256_MGF1SHA256, &secret[1..], None)),
        ("a secret too long", oaep(&key, &OAEP_SHA256_MGF1SHA256, &[7; 17], None)),
        ("another secret", oaep(&key, &OAEP_SHA256_MGF1SHA256, &secret, None)),
    ];
    let mut cases: Vec<(&str, Vec<u8>)> =
        blocks.into_iter().map(|(name, block)| (name, [&block[..], contents].concat())).collect();
    let flipped = |at: usize| {
        let mut bytes = sealed.clone();
        bytes[at] ^= 1;
        bytes
    };
    cases.push(("half a block", sealed[..BLOCK / 2].to_vec()));
    cases.push(("no contents", sealed[..BLOCK].to_vec()));
    cases.push(("a block with a flipped bit", flipped(BLOCK / 2)));
    cases.push(("contents that begin otherwise", flipped(BLOCK + 1)));
    cases.push(("contents that end otherwise", flipped(sealed.len() - 1)));
    cases.push(("contents cut short", sealed[..sealed.len() - 3].to_vec()));

    let expected = world.send(&with_opaque(&message, &cases[0].1)).await;
    assert_eq!(error_of(&expected), Problem::BAD_OPAQUE);
    for (name, opaque) in &cases {
        assert_eq!(world.send(&with_opaque(&message, opaque)).await, expected, "{name}");
    }
    let untouched = world.send(&with_opaque(&message, &sealed)).await;
    assert_ne!(untouched, expected, "the cases differ from a good message in nothing else");
}

/// An unknown persona, another's key and a wrong signature cost the server the same public-key operations.
async fn nobody_is_told_apart_by_the_work_they_cause(world: &mut World) {
    let mut brian = world.customer("brianb", "usd 10.00").await;
    let nobody =
        Actor { id: Some(PersonaId::of(&value("nobody"))), ..Actor::new(world.protocol, "customer", "nobody") };
    let other = Actor::new(world.protocol, "merchant", "brianb");
    let wrong_key = Actor { id: brian.id.clone(), ..other.clone() };
    let wrong_signature = Actor { key: other.key, ..brian.clone() };
    let mut costs = Vec::new();
    for mut actor in [nobody, wrong_key, wrong_signature, brian.clone()] {
        // Each with a number of its own: nothing is answered from the log.
        actor.transaction = brian.transaction + 10;
        brian.transaction += 10;
        let body = actor.opening(world.now, "usd 1.00", 60, 10);
        let request = world.seal(&mut actor, &body);
        let before = world.server.door().lane().operations();
        world.send(&request.text).await;
        costs.push(world.server.door().lane().operations() - before);
    }
    assert_eq!(costs, [2; 4], "one to open, one to verify");
}

#[tokio::test]
async fn everyone_costs_the_same_modern() {
    nobody_is_told_apart_by_the_work_they_cause(&mut World::new(Protocol::V2, Kind::Sqlite)).await;
}

#[tokio::test]
async fn everyone_costs_the_same_classic() {
    nobody_is_told_apart_by_the_work_they_cause(&mut World::new(Protocol::V1, Kind::Sqlite)).await;
}

/// Brings a server behind a door; the books stay.
fn behind(world: &mut World, settings: &DoorSettings) {
    world.server = Arc::new(server(world.store.clone(), World::config()).behind(Door::new(settings)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_openings_leaves_payments_their_way() {
    const FLOOD: usize = 120;
    const PAYMENTS: usize = 30;
    let mut world = World::new(Protocol::V2, Kind::Sqlite);
    let mut brian = world.customer("brianb", "usd 500.00").await;
    let mut acme = world.registered("merchant", "acme").await;
    let mut payer = world.open(&mut brian, "usd 70.00", 120, 500).await;
    let mut sales = world.open(&mut acme, "usd 0.00", 120, 500).await;
    let settings = DoorSettings {
        per_address_per_minute: 0,
        per_persona_per_minute: 0,
        public_key_lanes: 1,
        public_key_waiting: 4,
        ..DoorSettings::default()
    };
    behind(&mut world, &settings);

    let payee = acme.id.clone().expect("an id");
    let mut messages = Vec::new();
    for n in 0..FLOOD {
        let body = brian.opening(world.now, "usd 0.10", 60, 10);
        messages.push((None, world.seal(&mut brian, &body).text));
        if n % (FLOOD / PAYMENTS) == 0 {
            let order = format!("order-{n}");
            let deal = Deal { payee: &payee, order: &order, price: "usd 1.00", amount: "usd 1.00" };
            let promise = world.promise(&mut payer, &deal);
            let (head, ca2) = world.collection(&mut sales, &[promise]);
            messages.push((Some(head), ca2));
        }
    }
    let mut tasks = JoinSet::new();
    for (head, message) in messages {
        let (server, now) = (world.server.clone(), world.now);
        tasks.spawn(async move {
            let mut rng = <rand::rngs::StdRng as rand::SeedableRng>::from_seed([1; 32]);
            match server.handle(message.as_bytes(), now, &mut rng).await {
                Answer::Reply(reply) => (head, message, reply),
                other => panic!("{other:?}"),
            }
        });
    }
    let mut turned_away = Vec::new();
    while let Some(done) = tasks.join_next().await {
        let (head, message, reply) = done.expect("no panic");
        match head {
            Some(head) => {
                let verdict = &world.receipts(&sales, &head, &reply, 1).verdicts.payments[0];
                assert_eq!(verdict.response_code, ResponseCode::Success, "payments pass by: {verdict:?}");
            }
            None if reply.contains("type: error") => {
                assert_eq!(error_of(&reply), Problem::BUSY);
                turned_away.push(message);
            }
            None => {}
        }
    }
    assert!(!turned_away.is_empty(), "four places for {FLOOD}");
    // Nothing was stored of them: later, the same bytes get in.
    for message in &turned_away {
        assert!(!world.send(message).await.contains("type: error"));
    }
    assert_sound(&*world.store).await;
    let id = brian.id.as_ref().expect("an id");
    let file = world.store.persona(id).await.expect("a store").expect("a persona");
    assert_eq!(file.sessions.len(), FLOOD + 1, "each opening had one effect");
}

#[tokio::test]
async fn where_no_place_is_left_requests_are_turned_away_unread_and_payments_are_made() {
    let mut world = World::new(Protocol::V2, Kind::Memory);
    let mut brian = world.customer("brianb", "usd 50.00").await;
    let mut acme = world.registered("merchant", "acme").await;
    let payee = acme.id.clone().expect("an id");
    let mut payer = world.open(&mut brian, "usd 20.00", 120, 500).await;
    let mut sales = world.open(&mut acme, "usd 0.00", 120, 500).await;
    behind(&mut world, &DoorSettings { public_key_waiting: 0, ..DoorSettings::default() });
    let body = brian.opening(world.now, "usd 1.00", 60, 10);
    let request = world.seal(&mut brian, &body).text;
    // One that was read would be malformed: its trailer is missing.
    for message in [&request, &request[..request.len() / 2]] {
        assert_eq!(error_of(&world.send(message).await), Problem::BUSY);
    }
    // One that hides what it is is read, and gets no further.
    let hidden = format!("{}{request}", "\n".repeat(2_000));
    assert_eq!(error_of(&world.send(&hidden).await), Problem::BUSY);
    assert_eq!(world.server.door().lane().operations(), 0);
    let deal = Deal { payee: &payee, order: "order-1", price: "usd 1.00", amount: "usd 1.00" };
    let promise = world.promise(&mut payer, &deal);
    let (head, ca2) = world.collection(&mut sales, &[promise]);
    let reply = world.send(&ca2).await;
    let verdict = &world.receipts(&sales, &head, &reply, 1).verdicts.payments[0];
    assert_eq!(verdict.collected_amount, Some(money("usd 1.00")));
}

async fn post(world: &World, message: &str, from: &str) -> String {
    let address: SocketAddr = from.parse().expect("an address");
    let mut request = Request::post("/cybercash").body(Body::from(message.to_owned())).expect("a request");
    request.extensions_mut().insert(ConnectInfo(address));
    let response = tower::ServiceExt::oneshot(router(world.server.clone()), request).await.expect("an answer");
    String::from_utf8(to_bytes(response.into_body(), 1 << 20).await.expect("a body").to_vec()).expect("text")
}

#[tokio::test]
async fn one_address_cannot_ask_too_often_and_payments_are_not_counted() {
    let mut world = World::new(Protocol::V2, Kind::Memory);
    world.now = now();
    let mut brian = world.customer("brianb", "usd 50.00").await;
    let mut acme = world.registered("merchant", "acme").await;
    let mut payer = world.open(&mut brian, "usd 20.00", 120, 500).await;
    let mut sales = world.open(&mut acme, "usd 0.00", 120, 500).await;
    // One a minute: none comes back while this runs.
    behind(&mut world, &DoorSettings { per_address_per_minute: 1, per_address_burst: 3, ..DoorSettings::default() });
    let (mut first, mut answered) = (None, Vec::new());
    for _ in 0..5 {
        let body = brian.opening(world.now, "usd 1.00", 60, 10);
        let request = world.seal(&mut brian, &body).text;
        let reply = post(&world, &request, "192.0.2.1:4000").await;
        answered.push(!reply.contains("type: error"));
        first.get_or_insert((request, reply));
    }
    assert_eq!(answered, [true, true, true, false, false]);
    let (request, reply) = first.expect("a first one");
    assert_eq!(post(&world, &request, "192.0.2.1:4000").await, reply, "an answer from the log costs nothing");
    let body = brian.opening(world.now, "usd 1.00", 60, 10);
    let request = world.seal(&mut brian, &body).text;
    assert_eq!(
        error_of(&post(&world, &request, "192.0.2.1:4001").await),
        Problem::BUSY,
        "another port, the same address"
    );
    assert!(!post(&world, &request, "192.0.2.2:4000").await.contains("type: error"), "another address");
    let payee = acme.id.clone().expect("an id");
    for n in 0..20 {
        let order = format!("order-{n}");
        let deal = Deal { payee: &payee, order: &order, price: "usd 1.00", amount: "usd 1.00" };
        let promise = world.promise(&mut payer, &deal);
        let (head, ca2) = world.collection(&mut sales, &[promise]);
        let reply = post(&world, &ca2, "192.0.2.1:4000").await;
        assert_eq!(
            world.receipts(&sales, &head, &reply, 1).verdicts.payments[0].collected_amount,
            Some(money("usd 1.00"))
        );
    }
}

#[tokio::test]
async fn nobody_can_use_up_what_is_somebody_else_s() {
    let mut world = World::new(Protocol::V2, Kind::Memory);
    let mut brian = world.customer("brianb", "usd 50.00").await;
    let settings = DoorSettings { per_persona_per_minute: 1, per_persona_burst: 3, ..DoorSettings::default() };
    behind(&mut world, &settings);
    // Under Brian's name, which everyone knows, but without his key.
    let mut impostor = Actor { id: brian.id.clone(), ..Actor::new(Protocol::V2, "merchant", "brianb") };
    for _ in 0..20 {
        let body = impostor.opening(world.now, "usd 1.00", 60, 10);
        world.refused(&mut impostor, &body).await.expect("a refusal");
    }
    for _ in 0..3 {
        world.open(&mut brian, "usd 1.00", 60, 10).await;
    }
    let body = brian.opening(world.now, "usd 1.00", 60, 10);
    let request = world.seal(&mut brian, &body).text;
    assert_eq!(error_of(&world.send(&request).await), Problem::BUSY);
    // From then on without any cryptography.
    let before = world.server.door().lane().operations();
    assert_eq!(error_of(&world.send(&request).await), Problem::BUSY);
    assert_eq!(world.server.door().lane().operations(), before);
}

#[tokio::test]
async fn protocol_1_0_is_cut_to_an_hour_and_what_the_operator_bears() {
    let settings = server_stub::settings::Settings::parse("[classic]\nallow = true\nmax_amount = 30\n");
    let config = settings.expect("settings").config();
    let mut world = World::with(Protocol::V1, Kind::Memory, config);
    let mut brian = world.customer("brianb", "usd 200.00").await;
    let session = world.open(&mut brian, "usd 150.00", 1_440, 25).await;
    assert_eq!(session.reply.amount, Some(money("usd 30.00")));
    assert_eq!(session.reply.key_lifetime.map(protocol::value::Num::get), Some(60));
}
