//! The shop's interface: orders, refunds, events, keys; and the page's waiting for news.

use protocol::outcome::ResponseCode;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::shopper::{Shopper, usd};
use super::town::{Town, answer, http};

impl Town {
    fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        http().request(method, format!("{}{path}", self.till)).bearer_auth(&self.api_key)
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        answer(self.ask(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        answer(self.ask(Method::POST, path).header("content-type", "application/json").body(body.to_string())).await
    }
}

fn kind(body: &Value) -> &str {
    body["type"].as_str().and_then(|kind| kind.strip_prefix("urn:pay-cash:problem:")).unwrap_or_default()
}

/// Pays an order of this price and gives back its id.
pub async fn paid_order(town: &Town, shopper: &mut Shopper, price: &str) -> String {
    let offer = town.order(&format!("usd {price}")).await;
    let (payment, ca1) = shopper.promise(&offer, usd(price));
    let receipt = shopper.read(&payment, &town.pay(&offer, &ca1).await).expect("a CA4");
    assert_eq!(receipt.response_code, ResponseCode::Success);
    offer.request.order_id.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_says_what_is_sold_and_what_it_costs_elsewhere() {
    let town = Town::new(protocol::Protocol::V2, &[]).await;
    let order = json!({
        "amount": "usd 42.50", "note": "Rocket Shoes", "other-amounts": ["cad 59.50", "jpy 6375"],
        "items": [{ "name": "Rocket Shoes", "quantity": 1, "unit": "usd 37.50" },
                  { "name": "Shipping", "quantity": 2, "unit": "usd 5.00" },
                  { "name": "Discount", "quantity": 1, "unit": "usd -5.00" }],
    });
    let (status, placed) = town.post_order(&order).await;
    assert_eq!(status, 201, "{placed}");
    let id = placed["order-id"].as_str().expect("an id");
    let (_, shown) = town.get(&format!("/orders/{id}")).await;
    assert_eq!(shown["items"], order["items"]);
    let url = format!("{}/orders/{id}/payment-request", town.till);
    let offer = http().get(url).send().await.expect("an answer").text().await.expect("an offer");
    assert!(offer.contains("merchant-amount2: cad 59.50;jpy 6375"), "{offer}");

    let with = |key: &str, value: Value| {
        let mut order = order.clone();
        order[key] = value;
        order
    };
    let item = |unit: &str, quantity: u64| json!([{ "name": "Shoes", "quantity": quantity, "unit": unit }]);
    for (bad, name) in [
        (with("items", item("usd 42.49", 1)), "items"),
        (with("items", item("cad 42.50", 1)), "items"),
        (with("items", item("usd 42.50", 0)), "items"),
        (with("items", json!([{ "name": "a\nb", "quantity": 1, "unit": "usd 42.50" }])), "items"),
        (with("items", Value::Array(vec![item("usd 0.01", 1)[0].clone(); 101])), "too-many"),
        (with("other-amounts", json!(["usd 1.00"])), "amount"),
        (with("other-amounts", json!(["cad 1.00", "cad 2.00"])), "amount"),
        (with("other-amounts", json!(["cad 1"])), "amount"),
    ] {
        let (status, body) = town.post_order(&bad).await;
        assert_eq!((status, kind(&body)), (422, name), "{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_with_a_name_is_done_once() {
    let town = Town::new(protocol::Protocol::V2, &[]).await;
    let mut shopper = Shopper::with(&town, "brianb", "70.00").await;
    let send = |path: String, name: &str, body: String| {
        let request = town.ask(Method::POST, &path).header("idempotency-key", name);
        answer(request.header("content-type", "application/json").body(body))
    };
    let order = json!({ "amount": "usd 4.00", "note": "Laces" }).to_string();
    let at_once: Vec<_> = (0..8).map(|_| send("/orders".into(), "visit-17", order.clone())).collect();
    let mut ids = std::collections::BTreeSet::new();
    for placed in futures_util::future::join_all(at_once).await {
        assert_eq!(placed.0, 201, "{}", placed.1);
        ids.insert(placed.1["order-id"].to_string());
    }
    assert_eq!(ids.len(), 1, "{ids:?}");
    let other = json!({ "amount": "usd 5.00", "note": "Laces" }).to_string();
    let (status, body) = send("/orders".into(), "visit-17", other.clone()).await;
    assert_eq!((status, kind(&body)), (422, "idempotency-key-reused"));
    assert_eq!(send("/orders".into(), "visit-18", other).await.0, 201);
    assert_eq!(send("/orders".into(), &"x".repeat(256), order).await.0, 400);

    let id = paid_order(&town, &mut shopper, "10.00").await;
    let path = format!("/orders/{id}/refunds");
    let part = json!({ "amount": "usd 4.00", "note": "one shoe was missing" }).to_string();
    let (status, first) = send(path.clone(), "refund-1", part.clone()).await;
    assert_eq!((status, first["status"].as_str()), (201, Some("succeeded")), "{first}");
    assert_eq!(send(path.clone(), "refund-1", part).await.1, first, "the same refund");
    let (status, rest) = send(path.clone(), "refund-2", String::new()).await;
    assert_eq!((status, rest["amount"].as_str(), rest["returned"].as_str()), (201, Some("usd 6.00"), Some("usd 6.00")));
    let (status, body) = send(path.clone(), "refund-3", String::new()).await;
    assert_eq!((status, kind(&body)), (422, "not-refundable"));
    let (_, refunds) = town.get(&path).await;
    assert_eq!(refunds.as_array().map(Vec::len), Some(2));
    let (_, shown) = town.get(&format!("/orders/{id}")).await;
    assert_eq!((shown["refunded"].as_str(), shown["status"].as_str()), (Some("usd 10.00"), Some("paid")));
}

#[tokio::test(flavor = "multi_thread")]
async fn refunds_that_cannot_be_made_are_named() {
    let town = Town::new(protocol::Protocol::V2, &[]).await;
    let mut shopper = Shopper::with(&town, "brianb", "70.00").await;
    let open = town.order("usd 1.00").await.request.order_id.to_string();
    let paid = paid_order(&town, &mut shopper, "10.00").await;
    for (order, body, status, name) in [
        (&open, json!({}), 422, "not-refundable"),
        (&paid, json!({ "amount": "usd 10.01" }), 422, "not-refundable"),
        (&paid, json!({ "amount": "usd 0.00" }), 422, "amount"),
        (&paid, json!({ "amount": "eur 1.00" }), 422, "amount"),
        (&paid, json!({ "amount": "usd -1.00" }), 422, "amount"),
        (&paid, json!({ "note": "a\nb" }), 422, "note"),
        (&paid, json!({ "to": "somebody" }), 400, "bad-request"),
    ] {
        let (found, answer) = town.post(&format!("/orders/{order}/refunds"), &body).await;
        assert_eq!((found, kind(&answer)), (status, name), "{body}: {answer}");
    }
    let (status, answer) = town.post("/orders/NOBODY/refunds", &json!({})).await;
    assert_eq!((status, kind(&answer)), (404, "order-unknown"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_feed_tells_everything_in_order() {
    let town = Town::new(protocol::Protocol::V2, &[]).await;
    let mut shopper = Shopper::with(&town, "brianb", "70.00").await;
    let paid = paid_order(&town, &mut shopper, "10.00").await;
    let (status, _) = town.post(&format!("/orders/{paid}/refunds"), &json!({})).await;
    assert_eq!(status, 201);
    let cancelled = town.order("usd 1.00").await.request.order_id.to_string();
    town.post(&format!("/orders/{cancelled}/cancel"), &json!({})).await;
    let failed = town.order("usd 2.00").await;
    let (_, ca1) = shopper.promise(&failed, usd("0.01"));
    town.pay(&failed, &ca1).await;

    let (status, feed) = town.get("/events").await;
    assert_eq!(status, 200);
    let events = feed["events"].as_array().expect("events");
    let told: Vec<_> = events.iter().map(|event| event["type"].as_str().expect("a type")).collect();
    let expected = [
        "order.created",
        "order.paid",
        "refund.succeeded",
        "order.created",
        "order.cancelled",
        "order.created",
        "order.failed",
    ];
    assert_eq!(told, expected);
    assert_eq!(events[1]["data"]["order-id"].as_str(), Some(&*paid));
    assert_eq!(events[6]["data"]["problem"].as_str(), Some("amount-mismatch"));

    // In steps, by the cursor.
    let (mut after, mut seen) = (0, 0);
    loop {
        let (_, feed) = town.get(&format!("/events?after={after}&limit=2")).await;
        seen += feed["events"].as_array().expect("events").len();
        let next = feed["next"].as_i64().expect("a cursor");
        if next == after {
            break;
        }
        after = next;
    }
    assert_eq!(seen, expected.len());
    // Waiting for the next one.
    let path = format!("/events?after={after}&wait=20");
    let (waited, _) = tokio::join!(town.get(&path), town.order("usd 3.00"));
    assert_eq!(waited.1["events"][0]["type"].as_str(), Some("order.created"));
    let (status, body) = town.get("/events?since=yesterday").await;
    assert_eq!((status, kind(&body)), (400, "bad-request"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_learns_of_its_order_by_waiting_or_by_a_stream() {
    let town = Town::new(protocol::Protocol::V2, &[]).await;
    let mut shopper = Shopper::with(&town, "brianb", "70.00").await;
    let offer = town.order("usd 1.00").await;
    let at = |path: &str| format!("{}/orders/{}{path}", town.till, offer.request.order_id);
    let stream = http().get(at("/events")).send().await.expect("an answer");
    for (name, value) in
        [("content-type", "text/event-stream"), ("cache-control", "no-store"), ("x-accel-buffering", "no")]
    {
        assert_eq!(stream.headers()[name], value);
    }
    let waiting = tokio::spawn(answer(http().get(at("/status?known=open&wait=20"))));
    let (_, ca1) = shopper.promise(&offer, usd("1.00"));
    town.pay(&offer, &ca1).await;
    assert_eq!(waiting.await.expect("a task").1["status"].as_str(), Some("paid"));
    // The stream ends with the last news.
    let told = stream.text().await.expect("a stream");
    let statuses: Vec<_> = told.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    let last: Value = serde_json::from_str(statuses.last().expect("a status")).expect("JSON");
    assert_eq!(last["status"].as_str(), Some("paid"));
    // What is known to be otherwise is answered at once.
    assert_eq!(answer(http().get(at("/status?known=open&wait=20"))).await.1["status"].as_str(), Some("paid"));
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_have_scopes_and_are_rotated_without_a_gap() {
    let town = Town::new(protocol::Protocol::V2, &[]).await;
    let with = |key: &str, method: Method, path: &str, body: &Value| {
        let request = http().request(method, format!("{}{path}", town.till)).bearer_auth(key);
        answer(request.header("content-type", "application/json").body(body.to_string()))
    };
    let order = json!({ "amount": "usd 1.00", "note": "Laces" });
    let (status, made) = town.post("/keys", &json!({ "label": "front desk", "scopes": ["orders", "keys"] })).await;
    assert_eq!(status, 201, "{made}");
    let desk = made["key"].as_str().expect("a key").to_owned();
    let (status, placed) = with(&desk, Method::POST, "/orders", &order).await;
    assert_eq!(status, 201);
    let id = placed["order-id"].as_str().expect("an id");
    for (method, path) in [
        (Method::GET, format!("/orders/{id}")),
        (Method::POST, format!("/orders/{id}/refunds")),
        (Method::GET, "/events".to_owned()),
        (Method::GET, "/webhooks".to_owned()),
        // Nobody makes, or rotates into, a key that may do more than their own.
        (Method::POST, "/keys/first/rotate".to_owned()),
    ] {
        let (status, body) = with(&desk, method, &path, &json!({})).await;
        assert_eq!((status, kind(&body)), (403, "scope"), "{path}");
    }
    let (status, body) = with(&desk, Method::POST, "/keys", &json!({ "label": "x", "scopes": ["refunds"] })).await;
    assert_eq!((status, kind(&body)), (403, "scope"));

    // Both keys are let in during the grace; without one, the old key ends at once.
    let desk_id = made["key-id"].as_str().expect("an id");
    let (status, next) = town.post(&format!("/keys/{desk_id}/rotate"), &json!({ "grace-minutes": 5 })).await;
    assert_eq!(status, 201, "{next}");
    let new = next["key"].as_str().expect("a key").to_owned();
    for key in [&desk, &new] {
        assert_eq!(with(key, Method::POST, "/orders", &order).await.0, 201);
    }
    let new_id = next["key-id"].as_str().expect("an id");
    let (_, last) = town.post(&format!("/keys/{new_id}/rotate"), &json!({})).await;
    assert_eq!(with(&new, Method::POST, "/orders", &order).await.0, 401);
    let last_id = last["key-id"].as_str().expect("an id");
    let (status, _) = answer(town.ask(Method::DELETE, &format!("/keys/{last_id}"))).await;
    assert_eq!(status, 204);
    let (_, keys) = town.get("/keys").await;
    assert_eq!(keys.as_array().map(Vec::len), Some(4));
    assert!(keys.as_array().expect("keys").iter().all(|key| key["key"].is_null()), "{keys}");
    // At rest there are hashes only.
    let books = std::fs::read(town.till_folder().join("till.sqlite")).expect("books");
    let log = std::fs::read(town.till_folder().join("till.sqlite-wal")).unwrap_or_default();
    for key in [&desk, &new, &town.api_key] {
        let secret = key.as_bytes();
        assert!(![&books, &log].iter().any(|file| file.windows(secret.len()).any(|part| part == secret)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_finds_a_weakness_of_the_till_reads_whom_to_tell() {
    let town = Town::new(protocol::Protocol::V2, &["--security-contact", "mailto:security@acme.example"]).await;
    let response = http().get(format!("{}/.well-known/security.txt", town.till)).send().await.expect("an answer");
    assert_eq!(response.status(), 200);
    let text = response.text().await.expect("a text");
    assert!(text.starts_with("Contact: mailto:security@acme.example\nExpires: 2"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_describes_what_the_till_does() {
    let town = Town::new(protocol::Protocol::V2, &[]).await;
    let (status, document) = answer(http().get(format!("{}/openapi.json", town.till))).await;
    assert_eq!(status, 200);
    let mut operations = 0;
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            operations += 1;
            let address = path.replace("{id}", "7F3K-9QWM-2ABC-4DEF");
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).expect("a method");
            let is_public = operation["security"].is_null();
            let (status, body) = answer(http().request(method.clone(), format!("{}{address}", town.till))).await;
            assert_ne!(status, 405, "{method} {path} is described and not there");
            let expected = if is_public { [400, 404] } else { [401, 401] };
            assert!(expected.contains(&status), "{method} {path}: {status}");
            assert!(
                body["type"].as_str().is_some_and(|kind| kind.starts_with("urn:pay-cash:problem:")),
                "{path}: {body}"
            );
            let described = operation["responses"].as_object().expect("responses");
            assert!(described.contains_key(&status.to_string()), "{method} {path}: {status} is not described");
        }
    }
    assert_eq!(operations, 19, "an operation came or went: look at the list in api/openapi.rs and here");
    // References lead somewhere.
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().expect("a name");
        assert!(document["components"]["schemas"][name].is_object(), "{name}");
    }
    let (status, body) = answer(http().put(format!("{}/orders", town.till))).await;
    assert_eq!((status, kind(&body)), (405, "method"));
    let (status, body) = answer(http().get(format!("{}/nowhere", town.till))).await;
    assert_eq!((status, kind(&body)), (404, "unknown"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_nobody_pays_is_told_to_have_expired() {
    use server_stub::till::store::Store;
    let mut town = Town::new(protocol::Protocol::V2, &[]).await;
    let id = town.order("usd 1.00").await.request.order_id;
    town.stop_till();
    let store = Store::open(&town.till_folder()).expect("books");
    let order = store.order(&id).await.expect("books").expect("an order");
    assert_eq!(store.tell_expired(order.expires, 10).await.expect("books"), 0, "at this very moment it can be paid");
    assert_eq!(store.tell_expired(order.expires.plus_secs(1), 10).await.expect("books"), 1);
    assert_eq!(store.tell_expired(order.expires.plus_secs(9), 10).await.expect("books"), 0, "once");
    let told = store.events(0, 10).await.expect("books");
    assert_eq!(told.last().map(|event| event.kind.as_str()), Some("order.expired"));
}

#[tokio::test]
async fn keys_that_ended_long_ago_are_forgotten_but_for_the_first() {
    use protocol::date::Date;
    use server_stub::till::store::Store;
    use server_stub::till::store::access::{AccessKey, FIRST_KEY};
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("books");
    let now = server_stub::http::now();
    for (id, ended) in [(FIRST_KEY, Some(0)), ("old", Some(0)), ("ended", Some(now.millis() - 1)), ("alive", None)] {
        let (created, expires) = (Date::from_millis(0), ended.map(Date::from_millis));
        let (label, scopes) = (id.to_owned(), vec!["read".to_owned()]);
        let key = AccessKey { id: id.to_owned(), hash: id.into(), label, scopes, created, expires };
        store.put_key(key).await.expect("books");
    }
    store.forget(now, now).await.expect("books");
    let left: Vec<_> = store.keys().await.expect("books").into_iter().map(|key| key.id).collect();
    assert_eq!(left, ["alive", "ended", FIRST_KEY]);
}
