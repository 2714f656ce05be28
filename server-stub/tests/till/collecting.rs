//! How payments share CA2s and sessions: nobody waits for others, and no session's end is noticed by a shopper.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use protocol::Protocol;
use protocol::envelope::Envelope;
use protocol::message::payment::Payment;
use protocol::offer::Offer;
use protocol::outcome::ResponseCode;
use tokio::time::{Instant, sleep};

use super::shopper::{Shopper, usd};
use super::town::{Place, Town, http};

/// A promise to pay an order of this price.
async fn promised(town: &Town, shopper: &mut Shopper, price: &str) -> (Offer, Payment, String) {
    let offer = town.order(&format!("usd {price}")).await;
    let (payment, ca1) = shopper.promise(&offer, usd(price));
    (offer, payment, ca1)
}

/// Pays all at once; each has to be taken when it is first asked for.
async fn all_are_taken(town: &Town, shopper: &Shopper, promises: &[(Offer, Payment, String)]) {
    let answers = join_all(promises.iter().map(|(offer, _, ca1)| town.pay(offer, ca1))).await;
    for ((offer, payment, _), answer) in promises.iter().zip(answers) {
        let receipt = shopper.read(payment, &answer).expect("a CA4, for this payment");
        assert_eq!(receipt.response_code, ResponseCode::Success, "{:?}", receipt.problem);
        assert_eq!(town.status(offer).await, "paid");
    }
}

/// The sales sessions of the CA2s that passed.
fn sessions(town: &Town) -> BTreeSet<String> {
    let session = |ca2: &String| {
        let envelope = Envelope::parse(ca2.as_bytes()).expect("a CA2");
        envelope.pairs.get("session-id").expect("a session").to_owned()
    };
    town.line().collections.iter().map(session).collect()
}

/// Payments that come together share CA2s, and each gets its own answer.
#[tokio::test(flavor = "multi_thread")]
async fn payments_that_come_together_are_collected_together() {
    const PAYMENTS: usize = 40;
    let town = Town::new(Protocol::V2, &[]).await;
    let mut shopper = Shopper::with(&town, "brianb", "70.00").await;
    let mut promises = Vec::new();
    for _ in 0..PAYMENTS {
        promises.push(promised(&town, &mut shopper, "1.00").await);
    }
    all_are_taken(&town, &shopper, &promises).await;
    let collections = town.line().collections.len();
    assert!(collections < PAYMENTS, "{collections} CA2s for {PAYMENTS} payments");
}

/// One CA2 hangs on its way; the next CA1 goes out without it.
#[tokio::test(flavor = "multi_thread")]
async fn a_lonely_payment_is_not_held_back_by_another_one() {
    let town = Town::new(Protocol::V2, &[]).await;
    let mut shopper = Shopper::with(&town, "brianb", "70.00").await;
    let (hanging, _, ca1) = promised(&town, &mut shopper, "1.00").await;
    let lonely = promised(&town, &mut shopper, "1.00").await;
    let hangs = town.line().set_trap(0, Place::Going);
    let url = format!("{}/orders/{}/pay", town.till, hanging.request.order_id);
    let waiting = tokio::spawn(http().post(url).body(ca1).send());
    hangs.await.expect("a CA2 on its way");
    all_are_taken(&town, &shopper, &[lonely]).await;
    assert!(!waiting.is_finished() && town.status(&hanging).await == "open");
}

/// The till has no session in one currency, and gets none; what is paid in another does not wait for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_currency_without_a_session_holds_nobody_else_back() {
    let mut town = Town::new(Protocol::V2, &["--currency", "usd", "--currency", "eur"]).await;
    let mut shopper = Shopper::with(&town, "brianb", "70.00").await;
    let euros = town.order("eur 1.00").await;
    let (_, ca1) = shopper.promise(&euros, usd("1.20"));
    let dollars = promised(&town, &mut shopper, "1.00").await;
    town.stop_till();
    let books = rusqlite::Connection::open(town.till_folder().join("till.sqlite")).expect("books");
    books.execute("UPDATE sales_session_360 SET closed = opened WHERE currency = 'eur'", []).expect("a change");
    drop(books);
    let opening = town.line().set_trap(0, Place::Going);
    town.start_till();
    opening.await.expect("an OS1 on its way");
    let url = format!("{}/orders/{}/pay", town.till, euros.request.order_id);
    let waiting = tokio::spawn(http().post(url).body(ca1).send());
    // The euros are first in the queue.
    sleep(Duration::from_millis(100)).await;
    all_are_taken(&town, &shopper, &[dollars]).await;
    assert!(!waiting.is_finished() && town.status(&euros).await == "open");
}

/// The session's uses run out under payments that come four at a time: each is taken, in one session or the next.
#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_are_used_up_roll_over_without_a_gap() {
    let town = Town::new(Protocol::V2, &["--session-uses", "3"]).await;
    let mut shopper = Shopper::with(&town, "brianb", "70.00").await;
    for _ in 0..10 {
        let mut promises = Vec::new();
        for _ in 0..4 {
            promises.push(promised(&town, &mut shopper, "0.10").await);
        }
        all_are_taken(&town, &shopper, &promises).await;
    }
    let sessions = sessions(&town);
    assert!(sessions.len() >= 3, "{sessions:?}");
}

/// How long the payments go on: longer than a session lives.
const LONGER_THAN_A_MINUTE: Duration = Duration::from_secs(66);
const PAUSE: Duration = Duration::from_millis(200);

async fn paid_while_sessions_expire(town: &Town) {
    let end = Instant::now() + LONGER_THAN_A_MINUTE;
    let mut shopper = Shopper::with(town, "brianb", "70.00").await;
    let mut payments = 0;
    while Instant::now() < end {
        let promise = promised(town, &mut shopper, "0.01").await;
        all_are_taken(town, &shopper, &[promise]).await;
        payments += 1;
        sleep(PAUSE).await;
    }
    let sessions = sessions(town);
    assert!(sessions.len() >= 2, "{payments} payments, but no session expired");
}

/// Sessions of one minute expire under payments: those that the till sees coming, and one that it takes for a long one.
#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_expire_roll_over_without_a_gap() {
    let foreseen = Town::new(Protocol::V2, &["--session-minutes", "1"]).await;
    let mut sudden = Town::new(Protocol::V2, &["--session-minutes", "1"]).await;
    sudden.stop_till();
    let books = rusqlite::Connection::open(sudden.till_folder().join("till.sqlite")).expect("books");
    books.execute("UPDATE sales_session_360 SET lifetime_minutes = 960", []).expect("a change");
    drop(books);
    sudden.start_till();
    tokio::join!(paid_while_sessions_expire(&foreseen), paid_while_sessions_expire(&sudden));
}
