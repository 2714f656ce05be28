//! Backup files: their text, and what may have been sealed in one.

use protocol::store::{MemoryStore, Store as _};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde_json::Value;
use wallet_wasm::wallet::backup::{BackupFile, Contents};
use wallet_wasm::wallet::step::Env;
use wallet_wasm::wallet::{Wallet, dispatch};

use super::choice;
use crate::wallet::{HOME, NOW, Nowhere, finished};

pub fn run(data: &[u8]) {
    let Some((byte, rest)) = choice(data) else { return };
    if byte % 2 == 1 {
        contents(rest);
    } else if let Ok(text) = std::str::from_utf8(rest) {
        file(text);
    }
}

/// White space that mail programs change does not matter.
fn file(text: &str) {
    let Ok(file) = BackupFile::read(text) else { return };
    let words: Vec<&str> = text.split_whitespace().collect();
    let folded = format!(
        " PAY CASH WALLET BACKUP\r\n{}\r\n",
        words.join("\r\n").replacen("PAY\r\nCASH\r\nWALLET\r\nBACKUP", "", 1)
    );
    assert_eq!(BackupFile::read(&folded).as_ref(), Ok(&file), "{folded:?}");
}

/// Whatever was sealed becomes records that the wallet can read, or none.
fn contents(json: &[u8]) {
    let Ok(contents) = Contents::of_json(json) else { return };
    let (vault, _) = &*HOME;
    let Ok(changes) = contents.records(vault, &mut Env { now: *NOW, rng: &mut StdRng::seed_from_u64(9) }) else {
        return;
    };
    let store = MemoryStore::new();
    finished(store.commit(changes)).expect("a store in memory");
    let key = format!("{}:{}", i64::MAX, *vault.to_text());
    let wallet = Wallet::new(store, Nowhere, "run", Some(&key));
    for action in ["state", "settings", "resend"] {
        let ask = format!("{{\"action\":\"{action}\",\"input\":{{}}}}");
        let answer: Value = serde_json::from_str(&finished(dispatch::ui(&wallet, &ask))).expect("JSON");
        assert!(answer["ok"].is_object() || answer["error"]["code"].is_string(), "{answer}");
    }
}
