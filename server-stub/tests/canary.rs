//! A whole conversation with secrets that are easy to recognise, then a search of everything that the server wrote or said:
//! logs at their loudest, errors, counts, answers, books.

mod common;

use std::path::Path;

use common::actor::{Actor, OpenedSession};
use common::cluster::{Cluster, Durability};
use common::payment::Deal;
use common::program::Program;
use common::{Kind, World, value};
use protocol::Protocol;
use protocol::message::binding::{BindAnswer, BindResponse, CHALLENGE_TYPE};
use protocol::outcome::ResponseCode;
use protocol::template::Numbered;
use protocol::value::{Bytes, to_base64};
use server_stub::http::now;

/// A bank account that the sandbox takes, and that stands nowhere else.
const NUMBER: &str = "71828182845904523";
/// A card whose issuer asks a question.
const CARD: &str = "4000000000003220";
const PASSPHRASE: &str = "canary-passphrase";
const WRONG_PASSPHRASE: &str = "canary-mistake";
const HOLDER: &str = "Canary Holder";
const STREET: &str = "1 Canary Wharf";
const MAIDEN_NAME: &str = "CanaryMaiden";
const SALT: [u8; 8] = *b"canarysa";
/// Logs everything that any library has to say.
const SETTINGS: &str =
    "metrics_listen = '127.0.0.1:0'\n[classic]\nallow = true\n[log]\nformat = 'json'\nfilter = 'trace'\n";

/// What was said and written, with a name for each.
struct Heard(Vec<(String, Vec<u8>)>);

impl Heard {
    fn add(&mut self, name: &str, bytes: impl Into<Vec<u8>>) {
        self.0.push((name.to_owned(), bytes.into()));
    }

    fn add_files(&mut self, folder: &Path, skip: &str) {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() && !path.ends_with(skip) {
                self.add_files(&path, skip);
            } else if path.is_file() {
                self.add(&path.display().to_string(), std::fs::read(&path).expect("a file"));
            }
        }
    }

    /// Fails where one of the secrets is found as it is, in hexadecimal, in base64 or as a list of numbers.
    fn assert_silent(&self, secrets: &[(&str, Vec<u8>)]) {
        for (what, secret) in secrets {
            let hex = secret.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
            let list = format!("{secret:?}");
            let base64 = to_base64(secret).trim_end_matches('=').to_owned();
            let forms = [
                secret.clone(),
                hex.to_uppercase().into_bytes(),
                hex.into_bytes(),
                list.into_bytes(),
                base64.into_bytes(),
            ];
            for (name, heard) in &self.0 {
                let found = forms.iter().any(|form| heard.windows(form.len()).any(|window| window == form));
                assert!(!found, "{name} tells the {what}");
            }
        }
    }
}

fn secret(what: &'static str, bytes: impl Into<Vec<u8>>) -> (&'static str, Vec<u8>) {
    (what, bytes.into())
}

async fn registered(program: &Program, world: &mut World, who: &str, name: &str) -> Actor {
    let mut actor = Actor::new(world.protocol, who, name);
    let mut body = actor.registration(now());
    body.autoclose_passphrase = Some(value(PASSPHRASE));
    let reply = program.ask(world, &mut actor, &body).await;
    assert_eq!(reply.response_code, ResponseCode::Success);
    actor.id = reply.response_id;
    actor
}

/// Binds the card, with a wrong answer to its issuer's question, and the account, for autoclose.
async fn bind(program: &Program, world: &mut World, brian: &mut Actor) {
    let mut body = brian.binding(now(), CARD, "credit-card", "load");
    (body.name, body.address) = (value(HOLDER), Some(value(STREET)));
    body.expires = Some(value("12/2099"));
    body.salt = Bytes::of(SALT.to_vec()).expect("a salt");
    let types = [CHALLENGE_TYPE, "bind-instrument-response"];
    let sent = program.seal(world, brian, &body).await;
    let reply = program.send(&sent.text).await.expect("BI2");
    let (asked, kind) = sent.read_reply_of::<BindResponse>(reply.as_bytes(), &types).expect("BI2");
    assert_eq!(kind, CHALLENGE_TYPE);
    let body = BindAnswer {
        server_date: now(),
        swversion: value("1.0ref"),
        challenge: asked.challenge.expect("a challenge"),
        answers: Numbered(vec![value(MAIDEN_NAME)]),
        key: brian.key_name(),
        signature: None,
    };
    let sent = program.seal(world, brian, &body).await;
    program.send(&sent.text).await.expect("BI2 again");
    let mut body = brian.binding(now(), NUMBER, "dda", "load,unload");
    (body.name, body.address) = (value(HOLDER), Some(value(STREET)));
    body.salt = Bytes::of(SALT.to_vec()).expect("a salt");
    (body.autoclose, body.autoclose_passphrase) = (Some(protocol::value::YesNo(true)), Some(value(PASSPHRASE)));
    let bound = program.ask(world, brian, &body).await;
    assert_eq!(bound.response_code, ResponseCode::Success, "{bound:?}");
    brian.keep(&bound);
}

/// Opens sessions, pays, and closes; yields the secrets of the sessions.
async fn shop(
    program: &Program,
    world: &mut World,
    brian: &mut Actor,
    acme: &mut Actor,
) -> Vec<(&'static str, Vec<u8>)> {
    let body = brian.funds(now(), "usd 100.00");
    assert_eq!(program.ask(world, brian, &body).await.response_code, ResponseCode::Success);
    let body = brian.opening(now(), "usd 50.00", 60, 10);
    let mut payer = OpenedSession::of(program.ask(world, brian, &body).await);
    let body = acme.opening(now(), "usd 0.00", 60, 10);
    let mut sales = OpenedSession::of(program.ask(world, acme, &body).await);
    let payee = acme.id.clone().expect("an id");
    let deal = Deal { payee: &payee, order: "order-1", price: "usd 1.00", amount: "usd 1.00" };
    let promise = world.promise(&mut payer, &deal);
    let (_, ca2) = world.collection(&mut sales, &[promise]);
    program.send(&ca2).await.expect("CA3");
    let sessions = [&payer, &sales];
    let keys = sessions.map(|session| secret("key of a session", session.secrets.key.expose()));
    let salts = sessions.map(|session| secret("salt of a session", session.secrets.salt.expose()));
    let body = brian.closing(now(), None, true);
    program.ask(world, brian, &body).await;
    keys.into_iter().chain(salts).collect()
}

/// What goes wrong: each answer is kept.
async fn mistakes(program: &Program, world: &mut World, brian: &mut Actor, heard: &mut Heard) {
    let body = Actor::autoclosing(now(), WRONG_PASSPHRASE);
    let sent = program.seal(world, brian, &body).await;
    heard.add("the answer to a wrong passphrase", program.send(&sent.text).await.expect("AC2"));
    let good = program.seal(world, brian, &brian.clone().opening(now(), "usd 1.00", 60, 10)).await.text;
    for (name, message) in [
        ("the answer to plain text", NUMBER.to_owned()),
        ("the answer to a label", good.replace("transaction:", &format!("{PASSPHRASE}: 1\ntransaction:"))),
        ("the answer to a value", good.replace("serverkey: ", &format!("serverkey: {MAIDEN_NAME}"))),
        ("the answer to another protocol", good.replacen("2.0", NUMBER, 1).replacen("1.0", NUMBER, 1)),
    ] {
        heard.add(name, program.send(&message).await.expect("an answer"));
    }
}

/// With the books in a file, or in a database.
async fn nothing_secret_is_told_or_kept_in_clear(protocol: Protocol, database: Option<Cluster>) {
    let folder = tempfile::tempdir().expect("a folder");
    let (settings, data) = (folder.path().join("server.toml"), folder.path().join("data"));
    std::fs::write(&settings, SETTINGS).expect("a file");
    let loud = ["--config", settings.to_str().expect("a path")];
    let mut program = match &database {
        Some(cluster) => Program::start_on_with(&cluster.url(), &data.join("keys"), data.with_extension("log"), &loud),
        None => Program::start_with(&data, &loud),
    };
    let metrics = program.line("metrics on ");
    let mut world = World::new(protocol, Kind::Memory);
    let mut heard = Heard(Vec::new());
    let mut brian = registered(&program, &mut world, "customer", "brianb").await;
    let mut acme = registered(&program, &mut world, "merchant", "acme").await;
    bind(&program, &mut world, &mut brian).await;
    let sessions = shop(&program, &mut world, &mut brian, &mut acme).await;
    mistakes(&program, &mut world, &mut brian, &mut heard).await;
    let body = Actor::autoclosing(now(), PASSPHRASE);
    program.ask(&mut world, &mut brian, &body).await;

    let counts = reqwest::get(format!("{metrics}/metrics")).await.expect("counts").text().await.expect("text");
    heard.add("/metrics", counts);
    program.ask_to_end();
    assert!(program.ended().success());
    let log = std::fs::read(&program.log).expect("a log");
    assert!(log.windows(9).any(|window| window == b"\"started\""), "the log is there, at its loudest");
    heard.add("the log", log);

    let mut secrets = vec![
        secret("instrument number", NUMBER),
        secret("passphrase", PASSPHRASE),
        secret("wrong passphrase", WRONG_PASSPHRASE),
        secret("name of the holder", HOLDER),
        secret("address", STREET),
        secret("maiden name", MAIDEN_NAME),
        secret("persona's private key", brian.key.pkcs8()),
    ];
    let keys = std::fs::read_dir(data.join("keys")).expect("the keys");
    for path in keys.map(|entry| entry.expect("an entry").path()) {
        secrets.push(secret("key of the server", std::fs::read(path).expect("a key")));
    }
    // The books need the keys of sessions to open what comes under them, and the salt of a card whose issuer has asked.
    let spoken = [&secrets[..], &sessions, &[secret("salt of an instrument", SALT)]].concat();
    heard.assert_silent(&spoken);
    if database.is_some() {
        return;
    }
    let mut books = Heard(Vec::new());
    books.add_files(&data, "keys");
    assert!(books.0.iter().any(|(name, _)| name.ends_with("books.sqlite")));
    books.assert_silent(&secrets);
}

#[tokio::test]
async fn nothing_secret_is_told_or_kept_in_clear_modern() {
    nothing_secret_is_told_or_kept_in_clear(Protocol::V2, None).await;
}

#[tokio::test]
async fn nothing_secret_is_told_where_the_books_are_in_a_database() {
    nothing_secret_is_told_or_kept_in_clear(Protocol::V2, Some(Cluster::start(Durability::Quick))).await;
}

#[tokio::test]
async fn nothing_secret_is_told_or_kept_in_clear_classic() {
    nothing_secret_is_told_or_kept_in_clear(Protocol::V1, None).await;
}
