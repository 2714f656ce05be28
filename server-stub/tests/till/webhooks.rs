//! Webhooks: what a shop receives, and what becomes of what it does not take.

use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use merchant_widget::till::Moment;
use merchant_widget::till::order::{Links, NewOrder, Returns, place};
use merchant_widget::till::record::Persona;
use protocol::Protocol;
use protocol::date::Date;
use protocol::keys::{PublicKey, ServerKey};
use protocol::message::offer::Note;
use protocol::persona::{PersonaId, RequestedId};
use protocol::value::{Reading, Token, Value as _};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use server_stub::till::desk::{Clock, Desk};
use server_stub::till::server::Server;
use server_stub::till::store::Store;
use server_stub::till::store::hooks::{DeliveryState, Webhook};
use server_stub::till::webhooks::guard::Guard;
use server_stub::till::webhooks::{Deliverer, secret_of, signature};

use super::shopper::usd;
use super::town::{PATIENCE, Town, answer, http};

/// What a shop received, and what it says to it.
#[derive(Default)]
struct Inbox {
    status: u16,
    received: Vec<(HeaderMap, String)>,
}

type Shop = Arc<Mutex<Inbox>>;

/// A shop that listens; yields where.
async fn shop(status: u16) -> (Shop, String) {
    let inbox = Arc::new(Mutex::new(Inbox { status, received: Vec::new() }));
    let take = |State(inbox): State<Shop>, headers: HeaderMap, body: Bytes| async move {
        let mut inbox = inbox.lock().expect("no test panicked with the inbox in its hands");
        inbox.received.push((headers, String::from_utf8_lossy(&body).into_owned()));
        StatusCode::from_u16(inbox.status).expect("a status")
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let routes = Router::new().route("/hook", post(take)).with_state(inbox.clone());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (inbox, format!("http://{address}/hook"))
}

fn count(shop: &Shop) -> usize {
    shop.lock().expect("no test panicked with the inbox in its hands").received.len()
}

/// Books without a server, in which an order was placed, and a deliverer over them.
async fn deliverer(folder: &Path, url: &str, allow_loopback: bool) -> (Arc<Desk>, Webhook, Arc<Deliverer>) {
    let store = Store::open(folder).expect("books");
    let server = Server::at("http://127.0.0.1:1").expect("an address");
    let desk = Arc::new(Desk { store, server, clock: Clock::default() });
    let created = Date::from_millis(0);
    let hook = Webhook { id: "hook".into(), url: url.into(), secret: vec![7; 32], kinds: Vec::new(), created };
    desk.store.put_webhook(hook.clone()).await.expect("books");
    place_order(&desk).await;
    let deliverer = Deliverer::new(desk.clone(), Guard { allow_loopback }).expect("a client");
    (desk, hook, deliverer)
}

async fn place_order(desk: &Desk) {
    let (mut rng, suite) = (StdRng::seed_from_u64(rand::random()), Protocol::V2.suite());
    let private_key = suite.generate(&mut rng).expect("a key");
    let server_key = ServerKey {
        name: Token::of("CC1").expect("a name"),
        protocol: Protocol::V2,
        public: PublicKey::of_spki(vec![]),
    };
    let name = RequestedId::parse("acme", Reading::STRICT).expect("a name");
    let public_key = suite.public_key(&private_key).expect("its public half");
    let persona = Persona { id: PersonaId::of(&name), protocol: Protocol::V2, private_key, public_key, server_key };
    let now = server_stub::http::now();
    let new = NewOrder {
        amount: usd("1.00"),
        note: Note::of("Laces").expect("a note"),
        reference: None,
        items: Vec::new(),
        other_amounts: Vec::new(),
        returns: Returns::default(),
        expires: now.plus_secs(60),
    };
    let links = Links::new("https://shop.example", "https://shop.example").expect("addresses");
    let (changes, _) = place(&persona, &new, &links, &mut Moment { now, rng: &mut rng }).expect("an order");
    desk.store.commit(changes).await.expect("books");
}

/// By a clock that the test sets: growing pauses for three days, then it is given up; each try is in the log.
#[tokio::test]
async fn a_shop_that_is_down_is_tried_for_three_days() {
    let folder = tempfile::tempdir().expect("a folder");
    let (shop, url) = shop(503).await;
    let (desk, hook, deliverer) = deliverer(folder.path(), &url, true).await;
    let first = server_stub::http::now();
    let (mut now, mut tries) = (first, 0);
    loop {
        assert_eq!(deliverer.deliver_due(&hook, now).await.expect("books"), 1);
        tries += 1;
        assert_eq!(deliverer.deliver_due(&hook, now).await.expect("books"), 0, "not again at once");
        let delivery = desk.store.deliveries(None, i64::MAX, 1).await.expect("books").remove(0);
        assert_eq!((delivery.attempts, delivery.status, delivery.first), (tries, Some(503), Some(first)));
        if delivery.state == DeliveryState::Failed {
            break;
        }
        assert_eq!(
            deliverer.deliver_due(&hook, delivery.next.plus_secs(-1)).await.expect("books"),
            0,
            "not before its time"
        );
        now = delivery.next;
    }
    assert_eq!(now, first.plus_secs(3 * 24 * 3_600));
    assert_eq!((tries, count(&shop)), (18, 18));
    let ids: std::collections::BTreeSet<_> = shop
        .lock()
        .expect("an inbox")
        .received
        .iter()
        .map(|(headers, _)| headers["webhook-id"].clone().to_str().expect("text").to_owned())
        .collect();
    assert_eq!(ids.len(), 1, "one event, one id: {ids:?}");

    // Sent once more by hand, when the shop is there again.
    shop.lock().expect("an inbox").status = 204;
    let failed = desk.store.deliveries(None, i64::MAX, 1).await.expect("books").remove(0);
    assert!(desk.store.replay(failed.id).await.expect("books").is_some());
    assert_eq!(deliverer.deliver_due(&hook, now).await.expect("books"), 1);
    let states: Vec<_> =
        desk.store.deliveries(None, i64::MAX, 9).await.expect("books").iter().map(|d| d.state).collect();
    assert_eq!(states, [DeliveryState::Done, DeliveryState::Failed]);
}

#[tokio::test]
async fn a_shop_that_is_gone_is_not_tried_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let (shop, url) = shop(410).await;
    let (desk, hook, deliverer) = deliverer(folder.path(), &url, true).await;
    let now = server_stub::http::now();
    assert_eq!(deliverer.deliver_due(&hook, now).await.expect("books"), 1);
    let delivery = desk.store.deliveries(None, i64::MAX, 1).await.expect("books").remove(0);
    assert_eq!((delivery.state, count(&shop)), (DeliveryState::Failed, 1));
}

/// The address was good when it was named; what it leads to is looked at each time.
#[tokio::test]
async fn nothing_is_sent_inside_whatever_the_books_say() {
    let (shop, url) = shop(200).await;
    let by_name = url.replace("127.0.0.1", "localhost").replace("http:", "https:");
    for url in [url, by_name] {
        let folder = tempfile::tempdir().expect("a folder");
        let (desk, hook, deliverer) = deliverer(folder.path(), &url, false).await;
        assert_eq!(deliverer.deliver_due(&hook, server_stub::http::now()).await.expect("books"), 1);
        let delivery = desk.store.deliveries(None, i64::MAX, 1).await.expect("books").remove(0);
        assert_eq!((delivery.state, delivery.status, delivery.attempts), (DeliveryState::Due, None, 1));
    }
    assert_eq!(count(&shop), 0);
}

/// Nobody ever answers at one address; another one gets everything meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_hangs_holds_no_other_back() {
    const EVENTS: usize = 40;
    let folder = tempfile::tempdir().expect("a folder");
    let hangs = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let (shop, url) = shop(200).await;
    let silent = format!("http://{}/hook", hangs.local_addr().expect("an address"));
    let (desk, _, deliverer) = deliverer(folder.path(), &silent, true).await;
    let created = Date::from_millis(0);
    let hook = Webhook { id: "other".into(), url, secret: vec![7; 32], kinds: Vec::new(), created };
    desk.store.put_webhook(hook).await.expect("books");
    for _ in 0..EVENTS {
        place_order(&desk).await;
    }
    tokio::spawn(deliverer.run());
    until(|| count(&shop) == EVENTS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_receives_signed_events_and_sees_what_was_sent() {
    let town = Town::new(Protocol::V2, &["--allow-loopback-webhooks"]).await;
    let (shop, url) = shop(200).await;
    for bad in ["https://10.0.0.1/hook", "https://169.254.169.254/latest/meta-data/", "ftp://127.0.0.1/", "hook"] {
        let (status, body) = town.post("/webhooks", &json!({ "url": bad })).await;
        assert_eq!((status, body["type"].as_str()), (422, Some("urn:pay-cash:problem:url")), "{bad}");
    }
    let (status, _) = town.post("/webhooks", &json!({ "url": url, "events": ["order.teleported"] })).await;
    assert_eq!(status, 400);
    let (status, hook) = town.post("/webhooks", &json!({ "url": url, "events": ["order.created"] })).await;
    assert_eq!(status, 201, "{hook}");
    let secret = secret_of(hook["secret"].as_str().expect("a secret")).expect("a secret");
    let order = town.order("usd 1.00").await.request.order_id.to_string();
    town.post(&format!("/orders/{order}/cancel"), &json!({})).await;
    until(|| count(&shop) > 0).await;
    let (headers, body) = shop.lock().expect("an inbox").received.remove(0);
    let header = |name: &str| headers[name].to_str().expect("text").to_owned();
    let timestamp: i64 = header("webhook-timestamp").parse().expect("seconds");
    assert_eq!(header("webhook-signature"), signature(&secret, &header("webhook-id"), timestamp, &body));
    let event: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!((event["type"].as_str(), event["data"]["order-id"].as_str()), (Some("order.created"), Some(&*order)));

    let id = hook["webhook-id"].as_str().expect("an id");
    let path = format!("/webhooks/{id}/deliveries");
    let delivery = loop {
        let (_, deliveries) = town.get(&path).await;
        if deliveries[0]["state"] == "done" {
            break deliveries[0].clone();
        }
    };
    assert_eq!((delivery["status"].as_u64(), delivery["attempts"].as_u64()), (Some(200), Some(1)));
    let (status, _) = town.post(&format!("/deliveries/{}/replay", delivery["delivery-id"]), &json!({})).await;
    assert_eq!(status, 202);
    until(|| count(&shop) > 0).await;
    let again = shop.lock().expect("an inbox").received.remove(0);
    assert_eq!(
        (again.0["webhook-id"].clone(), again.1),
        (headers["webhook-id"].clone(), body),
        "the cancellation was not asked for"
    );

    let (_, hooks) = town.get("/webhooks").await;
    assert!(hooks[0]["secret"].is_null(), "shown once");
    let request = http().delete(format!("{}/webhooks/{id}", town.till)).bearer_auth(&town.api_key);
    assert_eq!(answer(request).await.0, 204);
    let (status, _) = town.post(&format!("/deliveries/{}/replay", delivery["delivery-id"]), &json!({})).await;
    assert_eq!(status, 404);
}

async fn until(done: impl Fn() -> bool) {
    let give_up = tokio::time::Instant::now() + PATIENCE;
    while !done() {
        assert!(tokio::time::Instant::now() < give_up, "it did not happen");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}
