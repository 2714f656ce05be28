//! A wallet that somebody has moved into, in a world in which nobody answers.

use std::future::Future;
use std::pin::pin;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use protocol::Protocol;
use protocol::date::Date;
use protocol::store::{MemoryStore, Store as _};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand_core::CryptoRng;
use serde_json::json;
use wallet_wasm::record::{Page, RecordChanges as _};
use wallet_wasm::vault::{Cost, Vault, VaultRecord};
use wallet_wasm::wallet::Wallet;
use wallet_wasm::wallet::backup::Contents;
use wallet_wasm::wallet::step::Env;
use wallet_wasm::world::{PageOutcome, World};

use crate::vectors::Vectors;

/// When it is.
pub static NOW: LazyLock<Date> = LazyLock::new(|| Date::from_millis(815_565_900_000));
/// What opens the vault.
pub const PASSPHRASE: &str = "enterprise";
/// The shop that asks.
pub const ORIGIN: &str = "https://shop.example";

/// Nobody answers.
#[derive(Debug)]
pub struct Nowhere;

#[async_trait(?Send)]
impl World for Nowhere {
    fn now(&self) -> Date {
        *NOW
    }

    /// Everything takes no time.
    fn stopwatch_ms(&self) -> i64 {
        0
    }

    fn rng(&self) -> Box<dyn CryptoRng> {
        Box::new(StdRng::seed_from_u64(7))
    }

    async fn post(&self, _: &str, _: &str) -> Option<Vec<u8>> {
        None
    }

    async fn get(&self, _: &str) -> Option<Vec<u8>> {
        None
    }

    async fn keep_key(&self, _: Option<&str>) {}

    fn changed(&self) {}

    fn outcome(&self, _: &Page, _: &PageOutcome) {}
}

/// The vault, and a store in which Brian has moved in.
pub static HOME: LazyLock<(Vault, MemoryStore)> = LazyLock::new(|| {
    let mut rng = StdRng::seed_from_u64(5);
    let (record, vault) = VaultRecord::create(PASSPHRASE, Cost::LEAST, &mut rng).expect("a passphrase");
    let contents = Contents::of_json(contents().to_string().as_bytes()).expect("contents");
    let mut changes = contents.records(&vault, &mut Env { now: *NOW, rng: &mut rng }).expect("records");
    changes.write(&record);
    let store = MemoryStore::new();
    finished(store.commit(changes)).expect("a store in memory");
    (vault, store)
});

/// What a backup file of Brian's holds.
pub fn contents() -> serde_json::Value {
    let vectors = Vectors::of(Protocol::V2);
    json!({
        "application": {
            "server": "https://pay.example", "key_name": "CC2001", "protocol": "2.0",
            "key": vectors.text("/customer_key/pubkey"),
            "agreements": [{"number": 75, "title": "Terms", "url": "https://pay.example/terms"}],
            "clock_ahead_ms": 0
        },
        "id": "brianb-40", "email": "brianb@reality.example", "public_key": vectors.text("/customer_key/pubkey"),
        "language": "en-us", "currency": "usd", "protocol": "2.0", "agreements": [75],
        "private_key": vectors.text("/customer_key/pkcs8"), "autoclose_passphrase": "badnews",
        "instruments": [{
            "id": "dda-4", "kind": "dda", "last_digits": "5654", "number": "059013218175654", "unloads": true,
            "loads": true, "status": "approved", "recurring": {"instrument-number": "059013218175654"}, "autoclose": true
        }]
    })
}

/// Brian's wallet, open if `open`, on a copy of his disk.
pub fn wallet(open: bool) -> Wallet<MemoryStore, Nowhere> {
    let (vault, store) = &*HOME;
    let key = format!("{}:{}", i64::MAX, *vault.to_text());
    Wallet::new(store.copied(), Nowhere, "run", Some(key.as_str()).filter(|_| open))
}

/// The result of something that never has to wait.
pub fn finished<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("there is nothing to wait for"),
    }
}
