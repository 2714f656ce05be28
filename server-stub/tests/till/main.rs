//! The till as merchants run it, against the server as operators run it: two processes, real cryptography, real disks.

mod api;
mod books;
mod dashboard;
mod merchant;
mod shopper;
mod town;
mod trust;
mod webhooks;

use protocol::Protocol;
use protocol::envelope::Envelope;
use protocol::offer::Offer;
use protocol::outcome::{Problem, ResponseCode};
use reqwest::header::{ACCESS_CONTROL_ALLOW_ORIGIN, ORIGIN};
use serde_json::json;
use shopper::{Shopper, usd};
use tokio::time::{Instant, sleep};
use town::{PATIENCE, Town, answer, http};

/// The problem of an `error` message.
fn problem(reply: &[u8]) -> String {
    let envelope = Envelope::parse(reply).expect("a message");
    assert_eq!(envelope.pairs.get("type"), Some("error"), "{}", String::from_utf8_lossy(reply));
    envelope.pairs.get("problem").expect("a problem").to_owned()
}

async fn until_paid(town: &Town, offer: &Offer) {
    let give_up = Instant::now() + PATIENCE;
    while town.status(offer).await != "paid" {
        assert!(Instant::now() < give_up, "the order is still {}", town.status(offer).await);
        sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// Order, PR1, CA1, CA2, CA3, CA4; then the replay, and another payment of the same order.
async fn an_order_is_paid(protocol: Protocol) {
    let town = Town::new(protocol, &[]).await;
    let mut shopper = Shopper::with(&town, "brianb", "70.00").await;
    let offer = town.order("usd 42.50").await;
    assert_eq!(town.status(&offer).await, "open");
    let (payment, ca1) = shopper.promise(&offer, usd("42.50"));
    let ca4 = town.pay(&offer, &ca1).await;
    let receipt = shopper.read(&payment, &ca4).expect("a CA4");
    assert_eq!((receipt.response_code, receipt.amount), (ResponseCode::Success, Some(usd("42.50"))));
    assert_eq!(town.status(&offer).await, "paid");

    let collections = town.line().collections.len();
    assert_eq!(town.pay(&offer, &ca1).await, ca4, "the stored CA4, byte for byte");
    let (_, another) = shopper.promise(&offer, usd("42.50"));
    assert_eq!(problem(&town.pay(&offer, &another).await), "transaction-reused");
    assert_eq!(town.line().collections.len(), collections, "neither went to the server");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_paid_in_the_modern_suite() {
    an_order_is_paid(Protocol::V2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_paid_in_the_classic_suite() {
    an_order_is_paid(Protocol::V1).await;
}

/// The amount is sealed for the server: it decides, and the order stays open to a right payment.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_amount_pays_nothing() {
    let town = Town::new(Protocol::V2, &[]).await;
    let mut shopper = Shopper::with(&town, "brianb", "70.00").await;
    let offer = town.order("usd 42.50").await;
    let (payment, ca1) = shopper.promise(&offer, usd("0.01"));
    let receipt = shopper.read(&payment, &town.pay(&offer, &ca1).await).expect("a CA4");
    assert_eq!((receipt.response_code, receipt.problem), (ResponseCode::Failure, Some(Problem::AMOUNT_MISMATCH)));
    assert_eq!(town.status(&offer).await, "failed");

    let (payment, ca1) = shopper.promise(&offer, usd("42.50"));
    let receipt = shopper.read(&payment, &town.pay(&offer, &ca1).await).expect("a CA4");
    assert_eq!(receipt.session_balance, Some(usd("27.50")));
    assert_eq!(town.status(&offer).await, "paid");
}

/// The CA3 is lost and the till dies: it sends the same CA2 again, and no money moves twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_till_goes_on_with_the_same_collection() {
    let mut town = Town::new(Protocol::V2, &[]).await;
    let mut shopper = Shopper::with(&town, "brianb", "70.00").await;
    let offer = town.order("usd 42.50").await;
    let (payment, ca1) = shopper.promise(&offer, usd("42.50"));
    town.line().cut = true;
    let url = format!("{}/orders/{}/pay", town.till, offer.request.order_id);
    let waiting = tokio::spawn(http().post(url).body(ca1.clone()).send());
    let give_up = Instant::now() + PATIENCE;
    while town.line().collections.is_empty() {
        assert!(Instant::now() < give_up, "no CA2 was sent");
        sleep(std::time::Duration::from_millis(10)).await;
    }
    town.restart_till();
    assert!(waiting.await.expect("a task").is_err(), "the wallet lost its connection");
    assert_eq!(town.status(&offer).await, "open");

    town.line().cut = false;
    until_paid(&town, &offer).await;
    let sent = std::mem::take(&mut town.line().collections);
    assert!(sent.len() > 1 && sent.iter().all(|ca2| *ca2 == sent[0]), "the same bytes each time");
    let receipt = shopper.read(&payment, &town.pay(&offer, &ca1).await).expect("a CA4");
    assert_eq!(receipt.session_balance, Some(usd("27.50")), "charged once");
    assert!(town.line().collections.is_empty(), "the stored CA4");
}

/// kill -9 at any moment of 20 payments: none is lost, none is charged twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_till_killed_again_and_again_neither_loses_nor_doubles() {
    const PAYMENTS: usize = 20;
    let mut town = Town::new(Protocol::V2, &[]).await;
    let mut shopper = Shopper::with(&town, "brianb", "70.00").await;
    let mut promises = Vec::new();
    for _ in 0..PAYMENTS {
        let offer = town.order("usd 1.00").await;
        let (payment, ca1) = shopper.promise(&offer, usd("1.00"));
        promises.push((offer, payment, ca1));
    }
    for killed_after_ms in [0, 1, 2, 4, 7, 11, 16, 25] {
        for (offer, _, ca1) in &promises {
            let url = format!("{}/orders/{}/pay", town.till, offer.request.order_id);
            tokio::spawn(http().post(url).body(ca1.clone()).send());
        }
        sleep(std::time::Duration::from_millis(killed_after_ms)).await;
        town.restart_till();
    }
    let mut left = Vec::new();
    for (offer, payment, ca1) in &promises {
        // What the killed tills had sent is answered first; until then the wallet is told to ask again.
        let receipt = loop {
            let reply = town.pay(offer, ca1).await;
            if let Ok(receipt) = shopper.read(payment, &reply) {
                break receipt;
            }
            assert_eq!(problem(&reply), "busy");
        };
        assert_eq!(receipt.response_code, ResponseCode::Success);
        assert_eq!(town.status(offer).await, "paid");
        left.extend(receipt.session_balance.map(|balance| balance.minor));
    }
    assert_eq!((left.len(), left.iter().min()), (PAYMENTS, Some(&5000)), "$70.00 less 20 times $1.00");
}

/// Payments that come together share CA2s, and each gets its own answer.
#[tokio::test(flavor = "multi_thread")]
async fn payments_that_come_together_are_collected_together() {
    const PAYMENTS: usize = 40;
    let town = Town::new(Protocol::V2, &[]).await;
    let mut shopper = Shopper::with(&town, "brianb", "70.00").await;
    let mut promises = Vec::new();
    for _ in 0..PAYMENTS {
        let offer = town.order("usd 1.00").await;
        let (payment, ca1) = shopper.promise(&offer, usd("1.00"));
        promises.push((offer, payment, ca1));
    }
    let payments = promises.iter().map(|(offer, _, ca1)| {
        let url = format!("{}/orders/{}/pay", town.till, offer.request.order_id);
        tokio::spawn(http().post(url).body(ca1.clone()).send())
    });
    let payments: Vec<_> = payments.collect();
    for (payment, (offer, promised, _)) in payments.into_iter().zip(&promises) {
        let reply = payment.await.expect("a task").expect("an answer").bytes().await.expect("a message");
        let receipt = shopper.read(promised, &reply).expect("a CA4 for this payment");
        assert_eq!(receipt.response_code, ResponseCode::Success);
        assert_eq!(town.status(offer).await, "paid");
    }
    let collections = town.line().collections.len();
    assert!(collections < PAYMENTS, "{collections} CA2s for {PAYMENTS} payments");
}

/// The session's uses run out under the payments; the next one is there.
#[tokio::test(flavor = "multi_thread")]
async fn sales_sessions_roll_over() {
    let town = Town::new(Protocol::V2, &["--session-uses", "3"]).await;
    let mut shopper = Shopper::with(&town, "brianb", "70.00").await;
    for _ in 0..8 {
        let offer = town.order("usd 1.00").await;
        let (payment, ca1) = shopper.promise(&offer, usd("1.00"));
        let receipt = shopper.read(&payment, &town.pay(&offer, &ca1).await).expect("a CA4");
        assert_eq!(receipt.response_code, ResponseCode::Success);
    }
    let sessions: std::collections::BTreeSet<_> = town.line().collections.iter().map(|ca2| session(ca2)).collect();
    assert!(sessions.len() >= 3, "{sessions:?}");
}

fn session(ca2: &str) -> String {
    let envelope = Envelope::parse(ca2.as_bytes()).expect("a CA2");
    envelope.pairs.get("session-id").expect("a session").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_orders_get_named_problems() {
    let town = Town::new(Protocol::V2, &["--public-url", "https://shop.example"]).await;
    let cases = [
        (json!({ "amount": "usd 42.5", "note": "x" }), 422, "amount"),
        (json!({ "amount": "42.50", "note": "x" }), 422, "amount"),
        (json!({ "amount": "usd 0.00", "note": "x" }), 422, "amount"),
        (json!({ "amount": "usd -1.00", "note": "x" }), 422, "amount"),
        (json!({ "amount": "eur 1.00", "note": "x" }), 422, "currency-unsupported"),
        (json!({ "amount": "usd 1.00", "note": "" }), 422, "note"),
        (json!({ "amount": "usd 1.00", "note": "a\u{202e}b" }), 422, "note"),
        (json!({ "amount": "usd 1.00", "note": "x\r\nurl-pay-to: https://evil.example/\u{0}" }), 422, "note"),
        (json!({ "amount": "usd 1.00", "note": "x", "reference": "a\nb" }), 422, "reference"),
        (json!({ "amount": "usd 1.00", "note": "x", "url-success": "https://evil.example/" }), 422, "url"),
        (json!({ "amount": "usd 1.00", "note": "x", "url-cancel": "javascript:alert(1)" }), 422, "url"),
        (json!({ "amount": "usd 1.00", "note": "x", "expires-minutes": 0 }), 422, "expires-minutes"),
        (json!({ "amount": "usd 1.00" }), 400, "bad-request"),
        (json!({ "amount": "usd 1.00", "note": "x", "discount": "all" }), 400, "bad-request"),
    ];
    for (order, status, name) in cases {
        let (found, body) = town.post_order(&order).await;
        assert_eq!((found, body["type"].as_str()), (status, Some(&*format!("urn:pay-cash:problem:{name}"))), "{order}");
    }
    let (status, placed) = town.post_order(&json!({ "amount": "usd 1.00", "note": "a\r\nb" })).await;
    assert_eq!(status, 201, "{placed}");
    let request = placed["payment-request"].as_str().expect("an address");
    assert!(request.starts_with("https://shop.example/orders/"), "{request}");
}

#[tokio::test(flavor = "multi_thread")]
async fn doors_are_open_to_those_they_are_for() {
    let town = Town::new(Protocol::V2, &[]).await;
    let offer = town.order("usd 1.00").await;
    let id = offer.request.order_id.as_str().to_owned();
    let at = |path: &str| format!("{}/orders{path}", town.till);

    for key in ["", "wrong", &town.api_key[1..]] {
        let (status, _) = answer(http().get(at(&format!("/{id}"))).bearer_auth(key)).await;
        assert_eq!(status, 401);
        let (status, _) = answer(http().post(at("")).bearer_auth(key).body("{}")).await;
        assert_eq!(status, 401);
    }
    let (status, body) = answer(http().get(at(&format!("/{id}/status")))).await;
    assert_eq!((status, body), (200, json!({ "order-id": id, "status": "open" })));
    let (status, _) = answer(http().get(at("/NOBODY/status"))).await;
    assert_eq!(status, 404);

    let open = http().get(at(&format!("/{id}/payment-request"))).header(ORIGIN, "https://shop.example").send().await;
    assert_eq!(open.expect("an answer").headers()[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
    let closed = http().get(at(&format!("/{id}"))).bearer_auth(&town.api_key).header(ORIGIN, "https://a.example");
    let closed = closed.send().await.expect("an answer");
    assert_eq!(closed.headers().get(ACCESS_CONTROL_ALLOW_ORIGIN), None, "an API key has no business in a page");

    let cancel = http().post(at(&format!("/{id}/cancel"))).bearer_auth(&town.api_key);
    let (status, order) = answer(cancel).await;
    assert_eq!((status, order["status"].as_str()), (200, Some("cancelled")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_message_leaves_no_trace() {
    let town = Town::new(Protocol::V2, &[]).await;
    let mut shopper = Shopper::with(&town, "brianb", "70.00").await;
    let offer = town.order("usd 1.00").await;
    let (_, ca1) = shopper.promise(&offer, usd("1.00"));
    let url = format!("{}/orders/{}/pay", town.till, offer.request.order_id);
    let send = |body: String| answer(http().post(&url).body(body));
    for bad in [String::new(), "hello".to_owned(), ca1.replace("index: 1", "index: 2"), ca1[..ca1.len() / 2].to_owned()]
    {
        let (status, body) = send(bad).await;
        assert_eq!((status, body["type"].as_str()), (400, Some("urn:pay-cash:problem:malformed-message")));
    }
    let (status, body) = send("x".repeat(1024 * 1024 + 1)).await;
    assert_eq!((status, body["type"].as_str()), (413, Some("urn:pay-cash:problem:too-large")));
    assert!(town.line().collections.is_empty());
    assert_eq!(town.status(&offer).await, "open");
    assert_eq!(
        problem(&town.pay(&offer, offer_text(&town, &offer).await.as_str()).await),
        "form",
        "an offer is no CA1"
    );
}

async fn offer_text(town: &Town, offer: &Offer) -> String {
    let url = format!("{}/orders/{}/payment-request", town.till, offer.request.order_id);
    http().get(url).send().await.expect("an answer").text().await.expect("a message")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_books_are_one_till_s_and_nobody_else_s() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut town = Town::new(Protocol::V2, &[]).await;
    let folder = town.till_folder();
    let start = || {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_server-stub"));
        command.args(["till", "--listen", "127.0.0.1:0", "--name", "acme", "--server", &town.server, "--data-dir"]);
        let output = command.arg(&folder).output().expect("a process");
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let said = start();
    assert!(said.contains("another till works in"), "{said}");

    let mode = |path: &std::path::Path| std::fs::metadata(path).expect("a file").permissions().mode() & 0o777;
    let file = folder.join("till.sqlite");
    assert_eq!((mode(&folder), mode(&file)), (0o700, 0o600));
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).expect("a change of mode");
    let said = start();
    assert!(said.contains("can be read by others"), "{said}");
    town.stop_till();
}
