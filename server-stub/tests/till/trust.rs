//! What a till does not do, whoever asks: one test for each trick, with its answer.

use protocol::Protocol;
use protocol::message::payment::NoteHash;
use protocol::money::Currency;
use protocol::persona::{PersonaId, RequestedId};
use protocol::value::{OrderId, Reading, Value as _};
use serde_json::json;

use super::problem;
use super::shopper::{Shopper, usd};
use super::town::{Town, http};

/// Each trick leaves the order open and costs no trip to the server; then the order is paid, and the replay gets the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_payment_that_was_tampered_with_is_answered_here() {
    let town = Town::new(Protocol::V2, &["--currency", "usd", "--currency", "eur"]).await;
    let mut shopper = Shopper::with(&town, "brianb", "70.00").await;
    let offer = town.order("usd 42.50").await;
    let other = town.order("usd 42.50").await;
    let stranger = PersonaId::of(&RequestedId::parse("mallory", Reading::STRICT).expect("a name"));
    let eur = Currency::of("eur").expect("a currency");

    let (_, foreign_payee) = shopper.promise_as(&offer, usd("42.50"), |payment| payment.payee_id = stranger);
    assert_eq!(problem(&town.pay(&offer, &foreign_payee).await), "payee-mismatch");
    let (_, wrong_order) = shopper.promise(&other, usd("42.50"));
    assert_eq!(problem(&town.pay(&offer, &wrong_order).await), "form");
    let nobody = OrderId::of("7F3K-9QWM-2ABC-4DEF").expect("an id");
    let (_, unknown_order) = shopper.promise_as(&offer, usd("42.50"), |payment| payment.order_id = nobody);
    assert_eq!(problem(&town.pay(&offer, &unknown_order).await), "form");
    let (_, swapped_currency) = shopper.promise_as(&offer, usd("42.50"), |payment| payment.payee_currency = eur);
    assert_eq!(problem(&town.pay(&offer, &swapped_currency).await), "amount-mismatch");
    let altered = NoteHash::of(vec![7; 32]).expect("a hash");
    let (_, altered_note) = shopper.promise_as(&offer, usd("42.50"), |payment| payment.note_hash = altered);
    assert_eq!(problem(&town.pay(&offer, &altered_note).await), "form");
    assert!(town.line().collections.is_empty(), "none of these went to the server");
    assert_eq!(town.status(&offer).await, "open");

    let (_, ca1) = shopper.promise(&offer, usd("42.50"));
    let ca4 = town.pay(&offer, &ca1).await;
    let collections = town.line().collections.len();
    assert_eq!(town.pay(&offer, &ca1).await, ca4, "the replay gets the same answer");
    assert_eq!(town.line().collections.len(), collections, "and goes nowhere");
    assert_eq!(town.status(&other).await, "open");
}

/// Order fields that would lead browsers elsewhere, or end up in a header.
#[tokio::test(flavor = "multi_thread")]
async fn orders_lead_nowhere_but_to_the_shop() {
    let town = Town::new(Protocol::V2, &["--public-url", "https://shop.example"]).await;
    for url in [
        "https://evil.example/",
        "//evil.example/",
        "https://shop.example@evil.example/",
        "https://shop.example.evil.example/",
        "https:\\\\evil.example\\",
        "https://shop.example:444/",
        "http://shop.example/",
        "javascript:alert(1)",
        "data:text/html,x",
        "https://shop.example/\r\nset-cookie: a=b",
        "https://shop.example/\u{0}",
    ] {
        for field in ["url-success", "url-failure", "url-cancel"] {
            let (status, body) = town.post_order(&json!({ "amount": "usd 1.00", "note": "x", field: url })).await;
            assert_eq!((status, body["type"].as_str()), (422, Some("urn:pay-cash:problem:url")), "{field} {url:?}");
        }
    }
    let name = "a\r\nx-evil: 1";
    for body in [
        json!({ "amount": "usd 1.00", "note": "x", "reference": name }),
        json!({ "amount": "usd 1.00\r\nx-evil: 1", "note": "x" }),
        json!({ "amount": "usd 1.00", "note": "x", "items": [{ "name": name, "quantity": 1, "unit": "usd 1.00" }] }),
    ] {
        assert_eq!(town.post_order(&body).await.0, 422, "{body}");
    }
    // An id of somebody's making is found nowhere, and comes back in no header.
    let answer = http().get(format!("{}/orders/a%0d%0ax-evil:%201/status", town.till)).send().await.expect("an answer");
    assert_eq!((answer.status().as_u16(), answer.headers().get("x-evil")), (404, None));
}

/// What a till says of itself, at its most talkative, holds none of its secrets.
#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_told_in_the_log() {
    use std::io::{BufRead as _, BufReader};
    use std::process::{Command, Stdio};
    let town = Town::new(Protocol::V2, &[]).await;
    let folder = tempfile::tempdir().expect("a folder");
    let (data, log) = (folder.path().join("till"), folder.path().join("log"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_server-stub"));
    command.args(["till", "--listen", "127.0.0.1:0", "--name", "canary", "--server", &town.server, "--data-dir"]);
    command.arg(&data).env("RUST_LOG", "debug,server_stub=trace").stdout(Stdio::piped());
    let mut till = command.stderr(std::fs::File::create(&log).expect("a file")).spawn().expect("a process");
    let out = BufReader::new(till.stdout.take().expect("its output"));
    let lines: Vec<String> = out.lines().take(2).map(|line| line.expect("a line")).collect();
    let address = lines[0].strip_prefix("listening on ").expect("an address").to_owned();
    let api_key = lines[1].strip_prefix("api key: ").expect("a key").to_owned();
    let order = json!({ "amount": "usd 1.00", "note": "canary-note" }).to_string();
    for body in [order.as_str(), "{", "{\"amount\": 1}"] {
        let request = http().post(format!("{address}/orders")).bearer_auth(&api_key);
        request.header("content-type", "application/json").body(body.to_owned()).send().await.expect("an answer");
    }
    // A line to nowhere makes it talk.
    let hook = json!({ "url": "https://localhost.invalid/hook" }).to_string();
    let request = http().post(format!("{address}/webhooks")).bearer_auth(&api_key);
    let made = request.header("content-type", "application/json").body(hook).send().await.expect("an answer");
    let made: serde_json::Value = serde_json::from_slice(&made.bytes().await.expect("a body")).expect("JSON");
    let request = http().post(format!("{address}/orders")).bearer_auth(&api_key);
    request.header("content-type", "application/json").body(order).send().await.expect("an answer");
    till.kill().expect("a process to kill");
    till.wait().expect("a process that ended");

    let said = std::fs::read_to_string(&log).expect("a log");
    assert!(!said.is_empty(), "it said something");
    let books = rusqlite::Connection::open(data.join("till.sqlite")).expect("books");
    let blob = |sql: &str| books.query_row(sql, [], |row| row.get::<_, Vec<u8>>(0)).expect("a secret");
    let private = blob("SELECT private_key FROM persona_320");
    let session = blob("SELECT session_key FROM sales_session_360");
    let secret = made["secret"].as_str().expect("a secret");
    let secret_bytes = blob("SELECT secret FROM webhook");
    let mut canaries = vec![api_key.clone(), api_key["paycash_".len()..].to_owned(), secret.to_owned()];
    for bytes in [&private, &private[private.len() - 32..].to_vec(), &session, &secret_bytes] {
        canaries.push(protocol::value::to_base64(bytes));
        let hex: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        canaries.push(hex.concat());
        canaries.push(format!("{bytes:?}"));
    }
    canaries.push("059013218175654".to_owned());
    for canary in canaries {
        assert!(!said.contains(&canary), "the log holds {canary}");
    }
}
