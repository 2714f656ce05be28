//! The till as merchants run it, against the server as operators run it: two processes, real cryptography, real disks.

mod api;
mod books;
mod collecting;
mod dashboard;
mod garbage;
mod killed;
mod merchant;
mod shopper;
mod town;
mod trust;
mod webhooks;

use protocol::Protocol;
use protocol::buggify::Site;
use protocol::envelope::Envelope;
use protocol::offer::Offer;
use protocol::outcome::{Problem, ResponseCode};
use reqwest::header::{ACCESS_CONTROL_ALLOW_ORIGIN, ORIGIN};
use serde_json::json;
use shopper::{Shopper, usd};
use town::{Town, answer, http};

/// The problem of an `error` message.
fn problem(reply: &[u8]) -> String {
    let envelope = Envelope::parse(reply).expect("a message");
    assert_eq!(envelope.pairs.get("type"), Some("error"), "{}", String::from_utf8_lossy(reply));
    envelope.pairs.get("problem").expect("a problem").to_owned()
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

/// A full queue and wallets that give up at once ([`protocol::buggify`]): who asks again is served, once.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_rare_at_a_till_happens_often_and_every_order_is_paid_once() {
    let mut town = Town::new(Protocol::V2, &[]).await;
    let mut shopper = Shopper::with(&town, "brianb", "70.00").await;
    let hits = town.restart_till_with_rare_branches(400);
    for _ in 0..12 {
        let offer = town.order("usd 1.00").await;
        let (payment, ca1) = shopper.promise(&offer, usd("1.00"));
        let give_up = tokio::time::Instant::now() + town::PATIENCE;
        let ca4 = loop {
            let answer = town.pay(&offer, &ca1).await;
            if shopper.read(&payment, &answer).is_ok_and(|receipt| receipt.amount == Some(usd("1.00"))) {
                break answer;
            }
            assert!(tokio::time::Instant::now() < give_up, "{}", String::from_utf8_lossy(&answer));
        };
        assert_eq!(town.status(&offer).await, "paid");
        assert_eq!(town.pay(&offer, &ca1).await, ca4, "the stored CA4, byte for byte");
    }
    for site in [Site::TillQueueFull, Site::EarlyTimer] {
        assert!(hits.join(site.name()).exists(), "{} never struck", site.name());
    }
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
