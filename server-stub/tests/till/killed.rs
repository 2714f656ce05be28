//! kill -9 at every step of a till's work: started again it goes on, and nothing is lost or done twice.
//!
//! Work with the server is killed where each of its messages is on its way, where the answer is lost, and at several
//! moments after the answer has come; what the till does before its first message, at several moments after it was asked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use protocol::Protocol;
use protocol::offer::Offer;
use protocol::outcome::ResponseCode;
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use super::api::paid_order;
use super::books::Works;
use super::problem;
use super::shopper::{Shopper, usd};
use super::town::{PATIENCE, PLACES, Place, Town, answer, http};

/// How long after it was asked a till is killed where it has not sent anything yet.
const EARLY_MS: [u64; 6] = [0, 1, 2, 4, 8, 16];

async fn until_paid(town: &Town, offer: &Offer) {
    let give_up = Instant::now() + PATIENCE;
    while town.status(offer).await != "paid" {
        assert!(Instant::now() < give_up, "the order is still {}", town.status(offer).await);
        sleep(std::time::Duration::from_millis(50)).await;
    }
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

/// The events of this type.
async fn told(town: &Town, kind: &str) -> Vec<Value> {
    let (_, feed) = town.get("/events?limit=500").await;
    let events = feed["events"].as_array().expect("events").clone();
    events.into_iter().filter(|event| event["type"] == kind).collect()
}

/// A request for a refund of all of an order, under the order's name.
fn refund_request(town: &Town, order: &str) -> RequestBuilder {
    let request = http().post(format!("{}/orders/{order}/refunds", town.till)).bearer_auth(&town.api_key);
    request.header("idempotency-key", order)
}

/// Asks until the refund is decided.
async fn until_refunded(town: &Town, order: &str) {
    let give_up = Instant::now() + PATIENCE;
    loop {
        let (status, refund) = answer(refund_request(town, order)).await;
        assert_eq!(status, 201, "{refund}");
        match refund["status"].as_str() {
            Some("succeeded") => return assert_eq!(refund["returned"], "usd 1.00"),
            Some("pending") => assert!(Instant::now() < give_up, "{refund}"),
            _ => panic!("{refund}"),
        }
    }
}

/// A till that is asked for a refund is killed `after` so many milliseconds, and asked again.
async fn refund_killed_early(town: &mut Town, order: &str, after: u64) {
    tokio::spawn(refund_request(town, order).send());
    sleep(Duration::from_millis(after)).await;
    town.restart_till();
    until_refunded(town, order).await;
}

/// The same, at a place of a message after `pass` others. Says whether there was such a message.
async fn refund_killed_at(town: &mut Town, order: &str, pass: usize, place: Place) -> bool {
    let sprung = town.line().set_trap(pass, place);
    let asked = tokio::spawn(refund_request(town, order).send());
    let came = until_sprung(town, sprung, async { drop(asked.await) }).await;
    town.restart_till();
    until_refunded(town, order).await;
    came
}

/// Waits for a trap; says whether it has sprung before the work was over.
async fn until_sprung(town: &Town, sprung: oneshot::Receiver<()>, over: impl Future<Output = ()>) -> bool {
    tokio::pin!(sprung);
    tokio::select! {
        ended = &mut sprung => ended.is_ok(),
        // The last answer may have come where the trap is about to spring.
        () = over => !town.line().take_trap() && sprung.await.is_ok(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_till_killed_at_every_step_of_a_refund_neither_loses_nor_doubles_it() {
    let mut town = Town::new(Protocol::V2, &[]).await;
    let mut shopper = Shopper::with(&town, "brianb", "70.00").await;
    let (mut refunds, mut messages) = (0, 0);
    for after in EARLY_MS {
        let order = paid_order(&town, &mut shopper, "1.00").await;
        refund_killed_early(&mut town, &order, after).await;
        refunds += 1;
    }
    'messages: loop {
        for place in PLACES {
            let order = paid_order(&town, &mut shopper, "1.00").await;
            refunds += 1;
            if !refund_killed_at(&mut town, &order, messages, place).await {
                break 'messages;
            }
        }
        messages += 1;
    }
    assert!(messages >= 1, "no message was seen");
    // The payer has every dollar, once; each refund is told of once.
    assert_eq!(shopper.container().await, [usd(&format!("{refunds}.00"))]);
    let told = told(&town, "refund.succeeded").await;
    let ids: std::collections::BTreeSet<_> = told.iter().map(|event| event["data"]["refund-id"].to_string()).collect();
    assert_eq!((told.len(), ids.len()), (refunds, refunds));
}

/// Lets the till's books say that settling is due.
fn make_due(town: &Town) {
    let books = rusqlite::Connection::open(town.till_folder().join("till.sqlite")).expect("books");
    assert_eq!(books.execute("UPDATE settled SET date = 0", []).expect("a change"), 1, "a schedule was begun");
}

async fn until_settled(town: &Town, times: usize) {
    let give_up = Instant::now() + PATIENCE;
    while told(town, "settlement.succeeded").await.len() < times {
        assert!(Instant::now() < give_up, "the settlement did not come");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_till_killed_at_every_step_of_settling_on_schedule_neither_loses_nor_doubles_money() {
    let mut town = Town::new(Protocol::V2, &["--settle-minutes", "1440"]).await;
    let mut shopper = Shopper::with(&town, "brianb", "70.00").await;
    let (mut settled, mut messages) = (0, 0);
    'messages: loop {
        for place in PLACES {
            paid_order(&town, &mut shopper, "1.00").await;
            settled += 1;
            town.stop_till();
            make_due(&town);
            let sprung = town.line().set_trap(messages, place);
            town.start_till();
            let came = until_sprung(&town, sprung, until_settled(&town, settled)).await;
            town.restart_till();
            until_settled(&town, settled).await;
            if !came {
                break 'messages;
            }
        }
        messages += 1;
    }
    assert!(messages >= 4, "OS1, CS1, ST1 and LU1, but {messages} were seen");
    let told = told(&town, "settlement.succeeded").await;
    assert!(told.len() == settled && told.iter().all(|event| event["data"]["amount"] == "usd 1.00"), "{told:?}");
    // What the server says: everything went to the bank, each dollar once.
    town.stop_till();
    let (entries, last) = Works::at(&town.server, &town.till_folder()).await.statement().await;
    let unloaded: Vec<_> = entries.iter().filter(|entry| entry.kind.name() == "unload").collect();
    assert!(unloaded.len() == settled && unloaded.iter().all(|entry| entry.amount.0.minor == -100), "{unloaded:?}");
    let containers: i64 = last.containers.0.iter().map(|line| line.available.minor + line.on_hold.minor).sum();
    let sessions: i64 = last.sessions.0.iter().map(|line| line.current.minor).sum();
    assert_eq!((containers, sessions), (0, 0));
}

/// What a shop received, by the name of the message; and whether it answers.
#[derive(Default)]
struct Inbox {
    received: BTreeMap<String, Vec<String>>,
    /// Told when the next delivery has come; the flag says that it is never answered.
    next: Option<(oneshot::Sender<()>, bool)>,
}

async fn take(State(inbox): State<Arc<Mutex<Inbox>>>, headers: HeaderMap, body: String) -> StatusCode {
    let next = {
        let mut inbox = inbox.lock().expect("an inbox");
        let id = headers["webhook-id"].to_str().expect("a name").to_owned();
        inbox.received.entry(id).or_default().push(body);
        inbox.next.take()
    };
    if let Some((came, silent)) = next {
        came.send(()).expect("somebody waits for it");
        if silent {
            std::future::pending::<()>().await;
        }
    }
    StatusCode::NO_CONTENT
}

/// Where a till is killed that has an event to deliver.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// So long after it was asked for the order.
    Asked(u64),
    /// Where the shop has the event and has not answered.
    Unanswered,
    /// So long after the shop has answered.
    Answered(u64),
}

/// A request for an order under a name.
fn order_request(town: &Town, name: &str) -> RequestBuilder {
    let order = json!({ "amount": "usd 1.00", "note": "Laces" }).to_string();
    let request = http().post(format!("{}/orders", town.till)).bearer_auth(&town.api_key);
    request.header("idempotency-key", name).header("content-type", "application/json").body(order)
}

async fn order_killed(town: &mut Town, inbox: &Mutex<Inbox>, name: &str, moment: Moment) {
    let (came, comes) = oneshot::channel();
    match moment {
        Moment::Asked(_) => {}
        Moment::Unanswered => inbox.lock().expect("an inbox").next = Some((came, true)),
        Moment::Answered(_) => inbox.lock().expect("an inbox").next = Some((came, false)),
    }
    tokio::spawn(order_request(town, name).send());
    match moment {
        Moment::Asked(after) => sleep(Duration::from_millis(after)).await,
        Moment::Unanswered => comes.await.expect("a delivery"),
        Moment::Answered(after) => {
            comes.await.expect("a delivery");
            sleep(Duration::from_millis(after)).await;
        }
    }
    town.restart_till();
    let (status, placed) = answer(order_request(town, name)).await;
    assert_eq!(status, 201, "{placed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_till_killed_at_every_step_of_a_delivery_neither_loses_nor_doubles_an_event() {
    let mut town = Town::new(Protocol::V2, &["--allow-loopback-webhooks"]).await;
    let inbox = Arc::<Mutex<Inbox>>::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
    let routes = Router::new().route("/hook", post(take)).with_state(inbox.clone());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    let (status, hook) = town.post("/webhooks", &json!({ "url": url })).await;
    assert_eq!(status, 201, "{hook}");

    let asked = EARLY_MS.map(Moment::Asked);
    let answered = [0, 1, 2, 3, 5, 8].map(Moment::Answered);
    let moments: Vec<_> = asked.into_iter().chain([Moment::Unanswered; 3]).chain(answered).collect();
    for (n, moment) in moments.iter().enumerate() {
        order_killed(&mut town, &inbox, &format!("order-{n}"), *moment).await;
    }
    let id = hook["webhook-id"].as_str().expect("an id");
    let log = loop {
        let (_, log) = town.get(&format!("/webhooks/{id}/deliveries")).await;
        let log = log.as_array().expect("a log").clone();
        if log.iter().all(|delivery| delivery["state"] == "done") {
            break log;
        }
        sleep(Duration::from_millis(20)).await;
    };
    // One order, one event, one delivery for each; the shop knows what comes twice by its name.
    let events = told(&town, "order.created").await;
    assert_eq!((events.len(), log.len()), (moments.len(), moments.len()));
    let received = &inbox.lock().expect("an inbox").received;
    let names: Vec<_> = events.iter().map(|event| format!("evt_{}", event["id"])).collect();
    assert!(received.len() == names.len() && names.iter().all(|name| received.contains_key(name)), "{received:?}");
    for (name, bodies) in received {
        // Twice where the till died before it had written down that the shop has it; never after that.
        assert!(bodies.len() <= 2 && bodies.iter().all(|body| *body == bodies[0]), "{name}: {bodies:?}");
    }
}
