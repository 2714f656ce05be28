//! One merchant: with several tills, and with a server that changes its keys.

use protocol::Protocol;
use protocol::collect::ReceivedPayment;
use protocol::offer::Offer;
use protocol::outcome::ResponseCode;
use serde_json::json;

use super::shopper::{Shopper, usd};
use super::town::{Town, answer, http};

#[tokio::test(flavor = "multi_thread")]
async fn two_tills_collect_for_one_merchant() {
    let (data, export) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let file: &'static str = Box::leak(export.path().join("acme.json").display().to_string().into_boxed_str());
    let town = Town::new(Protocol::V2, &["--export-merchant", file]).await;
    let (_second, address, key) = town.another_till(&data, &["--adopt-merchant", file]);
    let mut shopper = Shopper::with(&town, "brianb", "70.00").await;
    let mut merchants = std::collections::BTreeSet::new();
    for _ in 0..3 {
        let first = town.order("usd 1.00").await;
        let (payment, ca1) = shopper.promise(&first, usd("1.00"));
        let receipt = shopper.read(&payment, &town.pay(&first, &ca1).await).expect("a CA4");
        assert_eq!(receipt.response_code, ResponseCode::Success);

        let order = json!({ "amount": "usd 1.00", "note": "Laces" }).to_string();
        let request = http().post(format!("{address}/orders")).bearer_auth(&key);
        let (status, placed) = answer(request.header("content-type", "application/json").body(order)).await;
        assert_eq!(status, 201, "{placed}");
        let at = format!("{address}/orders/{}", placed["order-id"].as_str().expect("an id"));
        let offer = http().get(format!("{at}/payment-request")).send().await.expect("an answer").bytes().await;
        let offer = Offer::read(&offer.expect("an offer")).expect("an offer");
        let (payment, ca1) = shopper.promise(&offer, usd("1.00"));
        assert!(ReceivedPayment::read(ca1.as_bytes()).is_ok());
        let reply = http().post(format!("{at}/pay")).body(ca1).send().await.expect("an answer").bytes().await;
        let receipt = shopper.read(&payment, &reply.expect("a message")).expect("a CA4");
        assert_eq!(receipt.response_code, ResponseCode::Success);
        merchants.extend([first.request.merchant_id.to_string(), offer.request.merchant_id.to_string()]);
    }
    assert_eq!(merchants.len(), 1, "{merchants:?}");
}

/// The till's books name a key that the server does not have any more: it fetches the new one by itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_key_that_is_gone_is_fetched_again() {
    let mut town = Town::new(Protocol::V2, &[]).await;
    let mut shopper = Shopper::with(&town, "brianb", "70.00").await;
    town.stop_till();
    let books = rusqlite::Connection::open(town.till_folder().join("till.sqlite")).expect("books");
    books.execute("UPDATE persona_320 SET server_key = 'CC9999'", []).expect("a change");
    books.execute("UPDATE sales_session_360 SET closed = opened", []).expect("a change");
    drop(books);
    town.restart_till();
    let offer = town.order("usd 1.00").await;
    let (payment, ca1) = shopper.promise(&offer, usd("1.00"));
    let receipt = shopper.read(&payment, &town.pay(&offer, &ca1).await).expect("a CA4");
    assert_eq!(receipt.response_code, ResponseCode::Success);
}
