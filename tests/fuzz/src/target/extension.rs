//! Messages to the worker: from the extension's pages, from web pages, and what a server publishes of itself.

use protocol::keys::Published;
use protocol::value::from_base64;
use serde_json::Value;
use wallet_wasm::record::Application;
use wallet_wasm::wallet::dispatch;

use super::choice;
use crate::wallet::{PASSPHRASE, finished, wallet};

pub fn run(data: &[u8]) {
    let Some((byte, text)) = choice(data) else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    match byte % 4 {
        0 => ui(text, true),
        1 => ui(text, false),
        2 => page(text),
        _ => published(text),
    }
}

/// Every message gets an answer; one that needs the passphrase is left out, since a key takes a tenth of a second to make.
fn ui(text: &str, open: bool) {
    const DEAR: [&str; 6] = ["unlock", "register", "restore", "change-passphrase", "back-up", "autoclose"];
    let ask: Option<Value> = serde_json::from_str(text).ok();
    let dear = |ask: &Value| DEAR.iter().any(|name| ask["action"] == *name);
    if ask.as_ref().is_some_and(dear) {
        return;
    }
    let wallet = wallet(open);
    let answer: Value = serde_json::from_str(&finished(dispatch::ui(&wallet, text))).expect("an answer is JSON");
    let answer = answer.as_object().filter(|answer| answer.len() == 1).expect("an answer or a fault");
    assert!(answer.contains_key("ok") || answer["error"]["code"].is_string());
    assert!(ask.is_some() || answer.contains_key("error"));
    let said = serde_json::to_string(answer).expect("JSON");
    assert!(!said.contains(PASSPHRASE), "a passphrase is never told");
}

fn page(text: &str) {
    let answer: Value =
        serde_json::from_str(&finished(dispatch::page(&wallet(true), text))).expect("an answer is JSON");
    let failed = answer["outcome"]["outcome"] == "failed" && answer["outcome"]["code"].is_string();
    assert!(answer["accepted"].is_string() || failed, "{answer}");
}

/// A key that is taken is one that was published, under a protocol that both speak.
fn published(text: &str) {
    let Ok(published) = serde_json::from_str::<Published>(text) else { return };
    let again: Published = serde_json::from_value(serde_json::to_value(&published).expect("JSON")).expect("our own");
    assert_eq!(again, published);
    let Some(best) = published.best_key() else { return };
    let taken = |key: &&protocol::keys::PublishedKey| {
        key.protocol == best.protocol.number() && from_base64(&key.spki).as_deref() == Some(best.public.spki())
    };
    assert!(published.keys.iter().any(|key| taken(&key)));
    let application = Application::of("https://pay.example", &published).expect("there is a key");
    assert_eq!(application.server_key(), Some(best));
}
