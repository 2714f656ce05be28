//! What the operator sets while the server runs: switches, agreements, software, rates, keys; and in which language people
//! are told.

mod common;

use common::actor::{ACCOUNT, Actor};
use common::payment::{Deal, problems, whole};
use common::{Kind, World, error_of, money, value};
use protocol::Protocol;
use protocol::date::Date;
use protocol::keys::Agreement;
use protocol::money::Rate;
use protocol::outcome::{Problem, ResponseCode};
use protocol::value::Function;
use server_stub::keys::KeyPair;
use server_stub::server::config::{Config, Software};
use server_stub::server::service::Service;
use server_stub::server::setting::{AgreedAt, Item};
use server_stub::store::record::Limit;
use server_stub::store::{Change, ChangeSet, Setting};
use server_stub::vault::Vault;

fn switch(actor: Option<&Actor>, service: Option<Service>, now: Date) -> Item {
    let persona = actor.map(|actor| actor.id.clone().expect("a persona"));
    Item::Switch { persona, service, since: now, note: "a test".to_owned() }
}

async fn services_are_switched_off_for_one_or_all(world: &mut World) {
    let mut brian = world.customer("brianb", "usd 100.00").await;
    let mut acme = world.registered("merchant", "acme").await;
    let off = switch(Some(&brian), Some(Service::Unload), world.now);
    world.set(&off).await;
    assert_eq!(world.move_funds(&mut brian, "usd -1.00").await.problem, Some(Problem::SERVICE_DISABLED));
    assert_eq!(world.move_funds(&mut brian, "usd 1.00").await.problem, None);
    world.set(&switch(None, Some(Service::Open), world.now)).await;
    for actor in [&mut brian, &mut acme] {
        let body = actor.opening(world.now, "usd 0.00", 60, 10);
        assert_eq!(world.refused(actor, &body).await, Some(Problem::SERVICE_DISABLED));
    }
    world.set(&switch(None, Some(Service::Register), world.now)).await;
    let mut late = Actor::new(world.protocol, "customer", "late");
    late.transaction = 2_000;
    let body = late.registration(world.now);
    assert_eq!(world.refused(&mut late, &body).await, Some(Problem::SERVICE_DISABLED));
    world.unset(&off).await;
    assert_eq!(world.move_funds(&mut brian, "usd -1.00").await.problem, None);
}

async fn a_payer_or_payee_that_is_switched_off_is_not_served(world: &mut World) {
    let mut brian = world.customer("brianb", "usd 100.00").await;
    let mut acme = world.registered("merchant", "acme").await;
    let mut wallet = world.open(&mut brian, "usd 50.00", 60, 10).await;
    let mut till = world.open(&mut acme, "usd 0.00", 60, 10).await;
    let payee = acme.id.clone().expect("a persona");
    let deal = Deal { payee: &payee, order: "order-1", price: "usd 10.00", amount: "usd 10.00" };
    for (off, problem) in [
        (switch(Some(&brian), None, world.now), Problem::PERSONA_DISABLED),
        (switch(Some(&brian), Some(Service::Pay), world.now), Problem::SERVICE_DISABLED),
    ] {
        world.set(&off).await;
        let promise = world.promise(&mut wallet, &deal);
        assert_eq!(problems(&world.collect(&mut till, &[promise]).await), [Some(problem)]);
        world.unset(&off).await;
    }
    let off = switch(Some(&acme), Some(Service::Collect), world.now);
    world.set(&off).await;
    let promise = [world.promise(&mut wallet, &deal)];
    assert_eq!(whole(&world.collect(&mut till, &promise).await), Some(Problem::SERVICE_DISABLED));
    world.unset(&off).await;
    assert_eq!(problems(&world.collect(&mut till, &promise).await), [None]);
}

async fn agreements_are_demanded_where_they_are_said_to_be(world: &mut World) {
    let agreement =
        |number: u32| Agreement { number, title: "Terms".to_owned(), url: "https://pay.example/t".to_owned() };
    let mut brian = world.registered("customer", "brianb").await;
    world.set(&Item::Agreement { agreement: agreement(75), at: AgreedAt::Registration }).await;
    world.set(&Item::Agreement { agreement: agreement(123), at: AgreedAt::Binding }).await;
    let published: Vec<_> = world.server.published().agreements.iter().map(|agreement| agreement.number).collect();
    assert_eq!(published, [75, 123]);
    // Whoever has registered before is not asked again, but for what binding demands.
    let mut body = brian.binding(world.now, ACCOUNT, "dda", "load");
    assert_eq!(world.refused(&mut brian, &body).await, Some(Problem::AGREEMENT_MISSING));
    body.agreements = Some(value("123"));
    assert_eq!(world.refused(&mut brian, &body).await, None);
    let mut acme = Actor::new(world.protocol, "merchant", "acme");
    let mut body = acme.registration(world.now);
    assert_eq!(world.refused(&mut acme, &body).await, Some(Problem::AGREEMENT_MISSING));
    body.agreements = Some(value("75,123"));
    acme.id = world.ask(&mut acme, &body).await.response_id;
    let body = acme.binding(world.now, ACCOUNT, "dda", "load");
    assert_eq!(world.refused(&mut acme, &body).await, None, "agreed to when registering");
}

async fn a_software_version_grows_old(world: &mut World) {
    let mut brian = world.customer("brianb", "usd 100.00").await;
    let version = |verdict| Item::Software { version: "1.0ref".to_owned(), verdict };
    world.set(&version(Software::Warning("New software is available.".to_owned()))).await;
    let reply = world.move_funds(&mut brian, "usd 1.00").await;
    assert_eq!(reply.swseverity.expect("a word").as_str(), "warning");
    world.set(&version(Software::Fatal("Please update.".to_owned()))).await;
    let reply = world.move_funds(&mut brian, "usd 1.00").await;
    assert_eq!((reply.problem, reply.balance), (Some(Problem::SOFTWARE_FATAL), None));
    world.unset(&version(Software::Fatal(String::new()))).await;
    assert_eq!(world.move_funds(&mut brian, "usd 1.00").await.swseverity, None);
}

async fn a_rate_holds_from_its_date_on(world: &mut World) {
    let mut brian = world.customer("brianb", "usd 100.00").await;
    let later = world.now.plus_secs(3_600);
    let rate = Item::Rate { currency: value("cad"), from: later, rate: Rate::parse("2.00") };
    world.set(&rate).await;
    let of_cad = async |world: &mut World, brian: &mut Actor| {
        let session = world.open(brian, "usd 1.00", 60, 10).await;
        let rates = session.reply.foreign_exchange.expect("rates");
        rates.0.iter().find(|(currency, _)| currency.code() == "cad").map(|(_, rate)| rate.to_string())
    };
    assert_eq!(of_cad(world, &mut brian).await.as_deref(), Some("0.714285715"));
    world.now = later;
    world.server.refresh(world.now).await.expect("settings");
    assert_eq!(of_cad(world, &mut brian).await.as_deref(), Some("0.50"));
    world.set(&Item::Rate { currency: value("cad"), from: later.plus_secs(1), rate: None }).await;
    world.pass_secs(1);
    world.server.refresh(world.now).await.expect("settings");
    assert_eq!(of_cad(world, &mut brian).await, None);
    assert_eq!(world.move_funds(&mut brian, "cad 1.00").await.problem, Some(Problem::CURRENCY_UNSUPPORTED));
}

async fn a_withdrawn_currency_goes_back_where_it_came_from(world: &mut World) {
    let mut brian = world.customer("brianb", "usd 100.00").await;
    assert_eq!(world.move_funds(&mut brian, "cad 5.00").await.problem, None);
    world.set(&Item::Rate { currency: value("cad"), from: world.now, rate: None }).await;
    for (amount, problem) in [
        ("cad 1.00", Some(Problem::CURRENCY_UNSUPPORTED)),
        ("cad 0.00", Some(Problem::CURRENCY_UNSUPPORTED)),
        ("cad -5.01", Some(Problem::FUNDS_INSUFFICIENT)),
        ("cad -5.00", None),
        ("chf -1.00", Some(Problem::CURRENCY_UNSUPPORTED)),
    ] {
        assert_eq!(world.move_funds(&mut brian, amount).await.problem, problem, "{amount}");
    }
    assert_eq!(world.balance(&brian, "cad").await, "cad 0.00");
}

async fn a_new_key_is_published_and_the_old_one_opens_for_a_while(world: &mut World) {
    let mut brian = world.customer("brianb", "usd 100.00").await;
    let (old, name) = (world.server_key(), format!("CC{}002", world.protocol.number().replace(".0", "")));
    let (made, retires) = (world.now, world.now.plus_secs(3_600));
    let vault = Vault::of_key(&common::VAULT_KEY);
    let new = KeyPair::make(&name, world.protocol, made, &vault, &mut world.rng).expect("a key");
    let ended = server_stub::server::setting::KeyItem {
        name: old.name.as_str().to_owned(),
        retires: Some(retires),
        sealed: None,
        ..new.clone()
    };
    world.set(&Item::Key(new)).await;
    world.set(&Item::Key(ended)).await;
    assert_eq!(world.server_key().name.as_str(), name, "whoever asks gets the new one");
    let under_old = async |world: &mut World, brian: &mut Actor| {
        let body = brian.funds(world.now, "usd 1.00");
        let head = brian.head::<protocol::message::funds::LoadUnload>(world.now, &old.name);
        let sent = protocol::exchange::seal(&head, &body, &old, Some(&brian.key), &mut world.rng).expect("keys");
        world.send(&sent.text).await
    };
    world.pass_secs(3_599);
    world.server.refresh(world.now).await.expect("settings");
    assert!(!under_old(world, &mut brian).await.contains("problem"), "sealed inside");
    assert_eq!(world.balance(&brian, "usd").await, "usd 101.00");
    world.pass_secs(1);
    world.server.refresh(world.now).await.expect("settings");
    assert_eq!(error_of(&under_old(world, &mut brian).await), Problem::SERVERKEY_UNKNOWN);
    assert_eq!(world.move_funds(&mut brian, "usd 1.00").await.problem, None, "under the new one");
    assert_eq!(world.server.published().keys.iter().filter(|key| key.protocol == world.protocol.number()).count(), 1);
}

async fn people_are_told_in_their_language(world: &mut World) {
    let mut hans = Actor::new(world.protocol, "merchant", "hans");
    let mut body = hans.registration(world.now);
    body.content_language = value("de-at");
    hans.id = world.ask(&mut hans, &body).await.response_id;
    world.bind(&mut hans, ACCOUNT, "dda", "load,unload").await;
    let reply = world.move_funds(&mut hans, "usd -1.00").await;
    assert_eq!(reply.message.expect("a sentence").as_str(), "So viel Geld ist nicht da.");
    let reply = world.move_funds(&mut hans, "usd 0.00").await;
    assert_eq!(reply.message.expect("a sentence").as_str(), "Ein Betrag von null bewegt nichts.");
    let mut brian = world.customer("brianb", "usd 1.00").await;
    let reply = world.move_funds(&mut brian, "usd -2.00").await;
    assert_eq!(reply.message.expect("a sentence").as_str(), "There is not that much money.");
}

/// Whoever lacks the key learns nothing about who exists: not by the answer, and not by its language.
async fn whoever_lacks_the_key_gets_one_answer(world: &mut World) {
    let mut hans = Actor::new(world.protocol, "customer", "hans");
    let mut body = hans.registration(world.now);
    body.content_language = value("de");
    hans.id = world.ask(&mut hans, &body).await.response_id;
    let thief = Actor::new(world.protocol, "merchant", "thief");
    let unknown = Actor { id: Some(value("acme-82")), ..thief.clone() };
    let other_key = Actor { id: hans.id.clone(), ..thief.clone() };
    let mut answers = Vec::new();
    for (mut actor, signer) in [(unknown, &thief), (other_key, &thief), (hans.clone(), &thief)] {
        let body = actor.closing(world.now, None, false);
        let head = actor.head::<protocol::message::session::CloseSession>(world.now, &world.server_key().name);
        let sent = protocol::exchange::seal(&head, &body, &world.server_key(), Some(&signer.key), &mut world.rng);
        let sent = sent.expect("keys");
        let reply = world.send(&sent.text).await;
        answers.push(
            sent.read_reply::<protocol::message::session::CloseSessionResponse>(reply.as_bytes()).expect("a reply"),
        );
    }
    assert_eq!(answers[0].problem, Some(Problem::BAD_SIGNATURE));
    assert_eq!(answers[0].response_code, ResponseCode::Failure);
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
}

async fn gifts_that_wait_are_told_at_registration(world: &mut World) {
    let gift = |number| Item::Gift {
        number,
        email: "someone@reality.example".to_owned(),
        amount: money("usd 5.00"),
        since: world.now,
    };
    let (first, second) = (gift(1), gift(2));
    world.set(&first).await;
    world.set(&second).await;
    let mut brian = Actor::new(world.protocol, "customer", "brianb");
    let body = brian.registration(world.now);
    assert_eq!(world.ask(&mut brian, &body).await.funds_waiting.map(|count| count.0), Some(2));
}

everywhere! {
    services_are_switched_off_for_one_or_all
    a_payer_or_payee_that_is_switched_off_is_not_served
    agreements_are_demanded_where_they_are_said_to_be
    a_software_version_grows_old
    a_rate_holds_from_its_date_on
    a_withdrawn_currency_goes_back_where_it_came_from
    a_new_key_is_published_and_the_old_one_opens_for_a_while
    people_are_told_in_their_language
    whoever_lacks_the_key_gets_one_answer
    gifts_that_wait_are_told_at_registration
}

#[tokio::test]
async fn a_setting_that_cannot_be_read_changes_nothing() {
    let world = World::new(Protocol::V2, Kind::Memory);
    world.set(&Item::Rate { currency: value("chf"), from: world.now, rate: Rate::parse("0.85") }).await;
    let row = Setting { topic: "rate".to_owned(), name: "of tomorrow".to_owned(), value: "{\"new\":1}".to_owned() };
    let set = ChangeSet { changes: vec![Change::Set(row)], ..ChangeSet::default() };
    world.store.commit(set).await.expect("a change");
    let refused = world.server.refresh(world.now).await.expect_err("unreadable");
    assert!(refused.to_string().contains("rate of tomorrow"), "{refused}");
    assert!(world.server.published().currencies.contains(&"chf".to_owned()), "what was in force stays so");
}

/// One who reads English and one who reads German, each with a hundred dollars and an account.
async fn two_readers(world: &mut World) -> [Actor; 2] {
    let brian = world.customer("brianb", "usd 100.00").await;
    let mut hans = Actor::new(world.protocol, "merchant", "hans");
    let mut body = hans.registration(world.now);
    body.content_language = value("de");
    hans.id = world.ask(&mut hans, &body).await.response_id;
    world.bind(&mut hans, ACCOUNT, "dda", "load,unload").await;
    world.move_funds(&mut hans, "usd 100.00").await;
    [brian, hans]
}

/// What both are told where they want to move so much.
async fn told(world: &mut World, readers: &mut [Actor; 2], amount: &str) -> [String; 2] {
    let mut told = Vec::new();
    for reader in readers {
        let reply = world.move_funds(reader, amount).await;
        assert!(reply.problem.is_some(), "{amount} was moved");
        told.push(reply.message.expect("a sentence").as_str().to_owned());
    }
    told.try_into().expect("two")
}

#[tokio::test]
async fn a_refusal_says_which_limit_it_is() {
    let mut world = World::new(Protocol::V2, Kind::Memory);
    let mut readers = two_readers(&mut world).await;
    for (amount, english, german) in [
        (
            "usd 1000.01",
            "At most $1,000.00 can be loaded from this bank account or card at once.",
            "Auf einmal können höchstens 1.000,00\u{a0}$ von diesem Konto oder dieser Karte geladen werden.",
        ),
        (
            "usd -50.01",
            "At most $50.00 can be sent to this bank account or card at once.",
            "Auf einmal können höchstens 50,00\u{a0}$ auf dieses Konto oder diese Karte ausgezahlt werden.",
        ),
        (
            "usd -30.01",
            "At most $60.00 can be sent to this bank account or card within 2 hours; $30.00 of it is left.",
            "Innerhalb von 2 Stunden können höchstens 60,00\u{a0}$ auf dieses Konto oder diese Karte ausgezahlt werden; \
             davon sind 30,00\u{a0}$ übrig.",
        ),
    ] {
        let limit = Limit { once: Some(50), window: Some(60), hours: 2 };
        for reader in &readers {
            world.edit(reader, |instrument| instrument.limits = [(Function::Unload, limit)].into()).await;
        }
        if amount == "usd -30.01" {
            for reader in &mut readers {
                assert_eq!(world.move_funds(reader, "usd -30.00").await.problem, None);
            }
        }
        assert_eq!(told(&mut world, &mut readers, amount).await, [english, german]);
    }
}

#[tokio::test]
async fn a_service_that_is_off_for_everyone_is_told_apart_from_one_that_is_off_for_us() {
    let mut world = World::new(Protocol::V2, Kind::Memory);
    let mut readers = two_readers(&mut world).await;
    let everyone = switch(None, Some(Service::Load), world.now);
    world.set(&everyone).await;
    let told_all = told(&mut world, &mut readers, "usd 1.00").await;
    world.unset(&everyone).await;
    for reader in &readers {
        world.set(&switch(Some(reader), Some(Service::Load), world.now)).await;
    }
    let told_us = told(&mut world, &mut readers, "usd 1.00").await;
    assert!(told_all[0].contains("for everyone") && told_all[1].contains("für alle"), "{told_all:?}");
    assert!(told_us[0].contains("for this persona") && told_us[1].contains("für diese Persona"), "{told_us:?}");
}

#[tokio::test]
async fn the_operator_chooses_the_language_of_those_who_are_not_known() {
    let config = Config { language: "de".parse().expect("a language"), ..Config::default() };
    let mut world = World::with(Protocol::V2, Kind::Memory, config);
    let mut nobody = Actor { id: Some(value("acme-82")), ..Actor::new(Protocol::V2, "merchant", "acme") };
    let body = nobody.closing(world.now, None, false);
    let reply = world.ask(&mut nobody, &body).await;
    assert_eq!(reply.message.expect("a sentence").as_str(), "Die Unterschrift passt nicht zur Anfrage.");
}
