//! PR1 as a wallet takes it from a page: any text, and any body under a checksum that fits.

use protocol::offer::Offer;
use serde_json::{Value, json};
use wallet_wasm::wallet::dispatch;

use super::{choice, envelope, protocol_of};
use crate::wallet::{ORIGIN, finished, wallet};

pub fn run(data: &[u8]) {
    let Some((byte, text)) = choice(data) else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let offer = if byte & 2 == 0 { envelope::message(protocol_of(byte), text) } else { text.to_owned() };
    let wallet = wallet(byte & 4 == 0);
    let ask = json!({"origin": ORIGIN, "tab": 1, "document": "d", "id": "1", "request": offer}).to_string();
    let answer: Value = serde_json::from_str(&finished(dispatch::page(&wallet, &ask))).expect("JSON");
    let read = Offer::read(offer.as_bytes());
    let Some(id) = answer.get("accepted").and_then(Value::as_str) else {
        assert_eq!(answer["outcome"]["outcome"], "failed", "{answer}");
        return;
    };
    let request = read.expect("only an offer of its form is taken").request;
    for url in [&request.url_pay_to, &request.url_cancel, &request.url_success, &request.url_failure] {
        assert_eq!(url.origin(), ORIGIN, "nobody sells in another's name");
    }
    assert!(request.amount.minor >= 0);
    let ask = json!({"action": "approval", "input": {"request": id}}).to_string();
    let shown: Value = serde_json::from_str(&finished(dispatch::ui(&wallet, &ask))).expect("JSON");
    let shown = &shown["ok"];
    assert_eq!(shown["price"]["minor"], request.amount.minor, "{shown}");
    assert_eq!(shown["price"]["currency"], request.amount.currency.code());
    assert_eq!(shown["merchant"], request.merchant_id.as_str());
    assert_eq!(shown["origin"], ORIGIN);
    // A tab is a blank like others; people type them into notes.
    let unseen = |c: char| (c.is_control() && !matches!(c, '\n' | '\t')) || ('\u{2028}'..='\u{202E}').contains(&c);
    assert!(!shown["note"].as_str().expect("a note").contains(unseen), "{shown}");
}
