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
