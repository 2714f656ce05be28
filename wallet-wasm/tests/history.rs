//! What happened is found, added up and taken along.

#![cfg(not(target_arch = "wasm32"))]

mod support;

use protocol::Protocol;
use protocol::store::MemoryStore;
use support::{Sim, SimWallet, ask, usd, with_session};
use wallet_messages::{ActivityKind, ActivityState, Export, ExportFormat, HistoryFilter, ReadMessages, ReadTotals};
use wallet_wasm::fault::WalletFault;

async fn busy(sim: &Sim) -> SimWallet {
    let (wallet, _) = with_session(sim, &MemoryStore::new()).await;
    for (order, price) in [("order-1", "usd 10.00"), ("order-2", "usd 5.50"), ("order-3", "usd 1.25")] {
        let request = ask(&wallet, sim, order, price).await.expect("an approval");
        wallet.approve(&request).await.expect("a payment");
    }
    wallet
}

fn text(text: &str) -> HistoryFilter {
    HistoryFilter { text: text.to_owned(), ..HistoryFilter::default() }
}

#[tokio::test]
async fn it_is_searched_by_words_kinds_times_and_sites() {
    let sim = Sim::new(Protocol::V2);
    let wallet = busy(&sim).await;
    let count = async |filter| wallet.history(filter).await.expect("a history").found;
    assert_eq!(count(HistoryFilter::default()).await, 7);
    for (words, found) in
        [("ROCKET shoes", 3), ("order-2", 1), ("5.50", 1), ("acme", 3), ("rocket nothing", 0), (" ", 7)]
    {
        assert_eq!(count(text(words)).await, found, "{words}");
    }
    let pays = HistoryFilter { kinds: vec![ActivityKind::Pay], ..HistoryFilter::default() };
    assert_eq!(count(pays.clone()).await, 3);
    assert_eq!(count(HistoryFilter { states: vec![ActivityState::Refused], ..HistoryFilter::default() }).await, 0);
    let site = HistoryFilter { origin: Some(support::till::ORIGIN.to_owned()), ..HistoryFilter::default() };
    assert_eq!(count(site).await, 3);
    let all = wallet.history(HistoryFilter::default()).await.expect("a history").entries;
    let from = HistoryFilter { from: Some(all[1].at), ..HistoryFilter::default() };
    assert_eq!(count(from).await, 2);
    assert_eq!(count(HistoryFilter { until: Some(all[1].at), ..HistoryFilter::default() }).await, 5);
    let page = wallet.history(HistoryFilter { skip: 1, most: 1, ..pays }).await.expect("a history");
    assert_eq!((page.found, page.entries.len(), page.entries[0].amount.clone()), (3, 1, Some(usd(-550))));
    wallet.lock().await.expect("a lock");
    assert_eq!(wallet.history(HistoryFilter::default()).await, Err(WalletFault::Locked));
}

#[tokio::test]
async fn it_is_added_up_by_shop_and_by_the_shoppers_own_months() {
    let sim = Sim::new(Protocol::V2);
    let wallet = busy(&sim).await;
    let totals = async |utc_offset_minutes| {
        wallet.totals(ReadTotals { from: None, until: None, utc_offset_minutes }).await.expect("totals")
    };
    let here = totals(0).await;
    assert_eq!((here.shops.len(), here.shops[0].payments, here.shops[0].total.clone()), (1, 3, usd(1675)));
    assert_eq!((here.months[0].year, here.months[0].month, here.months[0].total.clone()), (2026, 11, usd(1675)));
    // Ten days ahead it is December.
    assert_eq!(totals(10 * 24 * 60).await.months[0].month, 12);
    let never = ReadTotals { from: Some(i64::MAX), until: None, utc_offset_minutes: i32::MIN };
    assert!(wallet.totals(never).await.expect("totals").shops.is_empty());
}

#[tokio::test]
async fn it_is_taken_along_as_csv_and_json() {
    let sim = Sim::new(Protocol::V2);
    sim.earth.borrow_mut().till.note = "=HYPERLINK(\"https://evil.example\"), \"free\"".to_owned();
    let wallet = busy(&sim).await;
    let export = async |format, filter| wallet.export(Export { format, filter }).await.expect("a file");
    let csv = export(ExportFormat::Csv, HistoryFilter::default()).await;
    assert_eq!((csv.name.as_str(), csv.mime.as_str(), csv.text.lines().count()), ("pay-cash.csv", "text/csv", 8));
    let line = csv.text.lines().find(|line| line.contains("order-2")).expect("the payment");
    assert!(line.contains(",pay,done,-5.50,USD,acme-82,http://127.0.0.1:8402,order-2,"), "{line}");
    assert!(line.contains("2026-11-21T10:0"), "{line}");
    assert!(csv.text.lines().all(|line| !line.starts_with('=') && !line.contains(",=")), "no formula runs");
    let json = export(ExportFormat::Json, text("order-2")).await;
    let entries: serde_json::Value = serde_json::from_str(&json.text).expect("JSON");
    assert_eq!((entries.as_array().map(Vec::len), &entries[0]["amount"]["minor"]), (Some(1), &(-550).into()));
}

#[tokio::test]
async fn the_messages_of_a_payment_are_there_for_a_dispute() {
    let sim = Sim::new(Protocol::V2);
    let wallet = busy(&sim).await;
    let entry = wallet.history(text("order-1")).await.expect("a history").entries.remove(0);
    let messages = wallet.messages(ReadMessages { payment: entry.id }).await.expect("messages");
    let travelled = sim.earth.borrow().sent.iter().any(|(_, sent)| *sent == messages.payment);
    assert!(travelled, "CA1, byte for byte");
    assert!(messages.offer.contains("order-1") && messages.receipt.is_some());
    assert_eq!(messages.file.name, "payment-acme-82-order-1.txt");
    for unknown in ["", "pay:", "pay:acme-82|order-9", "17"] {
        let asked = ReadMessages { payment: unknown.to_owned() };
        assert_eq!(wallet.messages(asked).await, Err(WalletFault::ReceiptUnknown), "{unknown}");
    }
}
