//! What a page, a profile's thief or chance may hand to the wallet: it answers, changes nothing, and never panics.

#![cfg(not(target_arch = "wasm32"))]

mod support;

use proptest::prelude::*;
use protocol::Protocol;
use protocol::store::MemoryStore;
use serde_json::{Value, json};
use support::till::ORIGIN;
use support::{Sim, SimWallet, offer, with_session};
use wallet_messages::ACTIONS;
use wallet_wasm::wallet::dispatch;

struct House {
    runtime: tokio::runtime::Runtime,
    sim: Sim,
    store: MemoryStore,
    wallet: SimWallet,
}

fn house() -> House {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let (sim, store) = (Sim::new(Protocol::V2), MemoryStore::new());
    let (wallet, _) = runtime.block_on(with_session(&sim, &store));
    House { runtime, sim, store, wallet }
}

impl House {
    fn ui(&self, text: &str) -> Value {
        serde_json::from_str(&self.runtime.block_on(dispatch::ui(&self.wallet, text))).expect("an answer")
    }

    fn page(&self, text: &str) -> Value {
        serde_json::from_str(&self.runtime.block_on(dispatch::page(&self.wallet, text))).expect("an answer")
    }

    fn hand_over(&self, origin: &str, request: &str) -> Value {
        let ask = json!({ "origin": origin, "tab": 7, "document": "D1", "id": "1", "request": request });
        self.page(&ask.to_string())
    }
}

/// Words, numbers and structures of the form of messages, and none.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,40}".prop_map(Value::from),
        prop_oneof![Just("42.50"), Just("usd"), Just("pay:"), Just("told:"), Just("|"), Just("brianb-40")]
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 4, |inner| {
        let keys = prop_oneof!["[a-z-]{1,12}", Just("amount".to_owned()), Just("filter".to_owned())];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(keys, inner, 0..4).prop_map(|map| json!(map)),
        ]
    })
}

#[test]
fn random_messages_are_answered() {
    let house = house();
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let inputs = (prop::sample::select(ACTIONS), anything());
    let done = runner.run(&inputs, |(action, input)| {
        // What takes the passphrase to be derived, or ends the wallet, is tried with its own tests.
        prop_assume!(!["unlock", "lock", "change-passphrase", "register", "look-up-server"].contains(&action));
        let answer = house.ui(&json!({ "action": action, "input": input }).to_string());
        prop_assert!(answer.get("ok").is_some() || answer["error"]["code"].is_string(), "{answer}");
        Ok(())
    });
    done.expect("an answer to everything");
    let bytes = runner.run(&"\\PC{0,200}", |text| {
        prop_assert!(house.ui(&text)["error"]["code"].is_string());
        prop_assert_eq!(&house.page(&text)["outcome"]["outcome"], "failed");
        Ok(())
    });
    bytes.expect("an answer to everything");
}

#[test]
fn a_message_of_ten_megabytes_is_refused_and_nothing_is_kept_of_it() {
    let house = house();
    let before = house.store.dump();
    let long = "x".repeat(10 * 1024 * 1024);
    assert_eq!(house.hand_over(ORIGIN, &long)["outcome"]["code"], "form");
    let message = json!({ "action": "unlock", "input": { "passphrase": long } }).to_string();
    assert_eq!(house.ui(&message)["error"]["code"], "action-unknown");
    assert_eq!(house.store.dump(), before);
}

#[test]
fn a_page_that_says_it_is_another_is_not_believed() {
    let house = house();
    let offer = offer(&house.sim, "order-1", "usd 42.50");
    for forged in ["https://acme.example", "null", "", "http://127.0.0.1:8402/", "http://127.0.0.1", "file://"] {
        assert_eq!(house.hand_over(forged, &offer)["outcome"]["code"], "form", "{forged}");
    }
    // No action of our own pages is reachable as a page.
    let sneaky = json!({ "action": "back-up", "input": { "passphrase": "12345678" } }).to_string();
    assert_eq!(house.page(&sneaky)["outcome"]["outcome"], "failed");
}

#[test]
fn an_offer_with_any_bit_changed_is_refused() {
    let house = house();
    let offer = offer(&house.sim, "order-1", "usd 42.50");
    for at in (0..offer.len()).step_by(7) {
        let mut bytes = offer.clone().into_bytes();
        bytes[at] ^= 1;
        let Ok(changed) = String::from_utf8(bytes) else { continue };
        let answer = house.hand_over(ORIGIN, &changed);
        let request = answer["accepted"].as_str();
        // Blanks may change: they carry nothing.
        let same = |request: &str| {
            let view = house.runtime.block_on(house.wallet.approval(request)).expect("a view");
            (view.price.minor, view.order.as_str()) == (4250, "order-1")
        };
        assert!(request.is_none_or(same), "byte {at}");
        house.runtime.block_on(house.wallet.abort(7, None, None)).expect("a store");
        house.sim.wait(61);
        house.runtime.block_on(house.wallet.touch()).expect("a store");
    }
}

/// A shop of the other protocol: nothing is promised that nobody could ever collect, and the page hears at once why.
#[test]
fn an_offer_in_a_protocol_of_no_session_is_refused_at_once() {
    let (house, classic) = (house(), Sim::new(Protocol::V1));
    let answer = house.hand_over(ORIGIN, &offer(&classic, "1231-3424-234242", "usd 42.50"));
    assert_eq!(answer["outcome"]["code"], "protocol-unsupported", "{answer}");
    let state = house.ui(r#"{"action":"state"}"#);
    let home = &state["ok"]["home"];
    assert_eq!((&state["ok"]["approvals"], &home["waiting"]), (&json!([]), &json!([])));
    assert_eq!(home["sessions"][0]["left"]["minor"], 7_000);
}
