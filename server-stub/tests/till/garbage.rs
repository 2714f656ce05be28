//! Whatever is sent to a till that is no request of its own is refused by name, as `application/problem+json`, and leaves
//! no trace.

use protocol::Protocol;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::town::{Town, answer, http};

const JSON: &str = "application/json";

/// Sends it, and checks the form of what comes back. Yields the name of the problem, or nothing where it was done.
async fn named(what: &str, request: RequestBuilder) -> Option<String> {
    let answer = request.send().await.unwrap_or_else(|fault| panic!("{what}: {fault}"));
    let (status, media) = (answer.status(), answer.headers().get("content-type").cloned());
    let injected = answer.headers().keys().any(|name| name.as_str().starts_with("x-evil"));
    assert!(!injected, "{what}: a header was put in");
    if status.is_success() {
        return None;
    }
    assert!(status.is_client_error(), "{what}: {status}");
    assert_eq!(media.as_ref().and_then(|media| media.to_str().ok()), Some("application/problem+json"), "{what}");
    let body: Value = serde_json::from_slice(&answer.bytes().await.expect("a body")).expect("JSON");
    assert_eq!(body["status"], status.as_u16(), "{what}");
    let name = body["type"].as_str().and_then(|name| name.strip_prefix("urn:pay-cash:problem:"));
    let texts = ["title", "detail"].iter().all(|field| body[field].as_str().is_some_and(|text| !text.is_empty()));
    assert!(texts, "{what}: {body}");
    Some(name.unwrap_or_else(|| panic!("{what}: {body}")).to_owned())
}

/// Bodies that are of no form at all.
fn shapeless() -> Vec<Vec<u8>> {
    let texts = ["null", "[]", "{", "\"x\"", "17", "{}x", "{\"amount\":}", "amount=usd 1.00", "{\"\\u0000\":1}"];
    let mut bodies: Vec<Vec<u8>> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    bodies.push(vec![0xff, 0xfe, 0x00]);
    bodies.push(b"[".repeat(100_000));
    bodies.push(b"{\"amount\":".repeat(5_000));
    bodies.push(vec![b'x'; 256 * 1024]);
    bodies
}

/// Values that no field takes.
fn wrong() -> Vec<Value> {
    let long = "x".repeat(100_000);
    vec![
        json!(true),
        json!(-1),
        json!(1e300),
        json!([[]]),
        json!({ "a": {} }),
        json!("a\u{0}\r\nx-evil: 1"),
        json!(long),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_is_refused_by_name() {
    let town = Town::new(Protocol::V2, &[]).await;
    let order = town.order("usd 1.00").await.request.order_id;
    let ask = |method: Method, path: &str| http().request(method, format!("{}{path}", town.till));
    let post = |path: &str, body: Vec<u8>| {
        ask(Method::POST, path).bearer_auth(&town.api_key).header("content-type", JSON).body(body)
    };
    let refunds = format!("/orders/{order}/refunds");
    for path in ["/orders", &refunds, "/webhooks", "/keys", "/keys/first/rotate"] {
        for body in shapeless() {
            let what = format!("{path} {:?}", String::from_utf8_lossy(&body[..body.len().min(20)]));
            assert!(named(&what, post(path, body)).await.is_some(), "{what}");
        }
    }
    // Each field in turn, in a request that is good but for it.
    let item = json!({ "name": "Laces", "quantity": 1, "unit": "usd 1.00" });
    let good = json!({
        "amount": "usd 1.00", "note": "Laces", "reference": "a", "items": [item], "other-amounts": ["cad 1.00"],
        "url-success": town.till, "url-failure": town.till, "url-cancel": town.till, "expires-minutes": 5,
    });
    for (path, good) in [
        ("/orders", good),
        (refunds.as_str(), json!({ "amount": "usd 1.00", "note": "a" })),
        ("/webhooks", json!({ "url": "https://shop.example/", "events": ["order.paid"] })),
        ("/keys", json!({ "label": "a", "scopes": ["read"] })),
        ("/keys/first/rotate", json!({ "grace-minutes": 1 })),
    ] {
        for field in good.as_object().expect("fields").keys() {
            for value in wrong() {
                let mut bad = good.clone();
                bad[field] = value;
                let what = format!("{path} {field}: {:.40}", bad[field].to_string());
                assert!(named(&what, post(path, bad.to_string().into_bytes())).await.is_some(), "{what}");
            }
        }
    }
    // Only what was there before is there now.
    let (_, feed) = answer(ask(Method::GET, "/events").bearer_auth(&town.api_key)).await;
    assert_eq!(feed["events"].as_array().map(Vec::len), Some(1), "{feed}");
    let (_, keys) = answer(ask(Method::GET, "/keys").bearer_auth(&town.api_key)).await;
    assert_eq!(keys.as_array().map(Vec::len), Some(1), "{keys}");
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_headers_and_methods_of_somebody_s_making_are_refused_by_name() {
    let town = Town::new(Protocol::V2, &[]).await;
    let order = town.order("usd 1.00").await.request.order_id;
    let ask = |method: Method, path: &str| http().request(method, format!("{}{path}", town.till));
    let long = "A".repeat(8_000);
    for id in ["%00", "%ff%fe", "a%0d%0ax-evil:%201", "%2e%2e%2fdashboard", "..%2f", "😀", long.as_str()] {
        for rest in ["", "/status", "/events", "/payment-request", "/refunds"] {
            let request = ask(Method::GET, &format!("/orders/{id}{rest}")).bearer_auth(&town.api_key);
            let name = named(&format!("{id:.20}{rest}"), request).await;
            assert!(
                ["order-unknown", "bad-request", "unknown"].contains(&name.as_deref().unwrap_or_default()),
                "{name:?}"
            );
        }
        let name = named(id, ask(Method::POST, &format!("/orders/{id}/pay")).body("x")).await;
        assert!(name.is_some(), "{id}");
    }
    for path in [
        format!("/orders/{order}/status?wait=-1"),
        format!("/orders/{order}/status?wait=soon"),
        format!("/orders/{order}/status?since=yesterday"),
        "/events?after=-9223372036854775809".to_owned(),
        "/events?limit=all".to_owned(),
        "/webhooks/nobody/deliveries?before=x".to_owned(),
        "/nowhere".to_owned(),
    ] {
        let name = named(&path, ask(Method::GET, &path).bearer_auth(&town.api_key)).await;
        assert!(["bad-request", "unknown"].contains(&name.as_deref().unwrap_or_default()), "{path}: {name:?}");
    }
    for method in [Method::PUT, Method::PATCH, Method::DELETE, Method::TRACE] {
        let name = named(method.as_str(), ask(method.clone(), "/orders").bearer_auth(&town.api_key)).await;
        assert_eq!(name.as_deref(), Some("method"), "{method}");
    }
    for key in ["", "Bearer", "Bearer ", "Basic YTpi", "bearer paycash_", "Bearer \u{e9}"] {
        let name = named(key, ask(Method::POST, "/orders").header("authorization", key).body("{}")).await;
        assert_eq!(name.as_deref(), Some("unauthorized"), "{key:?}");
    }
    for name in ["", " ", "\u{e9}", &"x".repeat(256)] {
        let body = json!({ "amount": "usd 1.00", "note": "x" }).to_string();
        let request = ask(Method::POST, "/orders").bearer_auth(&town.api_key).header("idempotency-key", name);
        let problem = named(name, request.header("content-type", JSON).body(body)).await;
        assert_eq!(problem.as_deref(), Some("bad-request"), "{name:?}");
    }
}
