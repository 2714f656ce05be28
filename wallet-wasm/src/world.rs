//! What the wallet needs of the world round it: time, randomness, a network, and somebody to tell.

use async_trait::async_trait;
use protocol::date::Date;
use rand_core::CryptoRng;
use serde::Serialize;

use crate::record::Page;

/// The world as the wallet sees it: the browser's worker, or a simulated one.
#[async_trait(?Send)]
pub trait World {
    /// Our clock.
    fn now(&self) -> Date;

    /// A clock that only goes forward, in milliseconds: for measuring how long something took.
    fn stopwatch_ms(&self) -> i64;

    /// A source of random bytes.
    fn rng(&self) -> Box<dyn CryptoRng>;

    /// Sends a message and waits for what comes back; nothing if it takes too long, or comes from nobody we asked.
    async fn post(&self, url: &str, message: &str) -> Option<Vec<u8>>;

    /// Reads a document; nothing as for [`World::post`].
    async fn get(&self, url: &str) -> Option<Vec<u8>>;

    /// Keeps the key of the open vault where it outlives the worker but not the browser; nothing forgets it.
    async fn keep_key(&self, key: Option<&str>);

    /// Tells the wallet's own pages to look again.
    fn changed(&self);

    /// Tells a web page how its request ended: all that it learns.
    fn outcome(&self, page: &Page, outcome: &PageOutcome);
}

/// What a web page learns of its request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PageOutcome {
    /// `paid`, `failed` or `cancelled`.
    pub outcome: &'static str,
    /// Why it failed: a code of protocol.md section 5, or of the wallet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

impl PageOutcome {
    /// It was paid.
    pub const PAID: Self = Self { outcome: "paid", code: None };
    /// The shopper did not want to.
    pub const CANCELLED: Self = Self { outcome: "cancelled", code: None };

    /// It was not paid.
    pub fn failed(code: &str) -> Self {
        Self { outcome: "failed", code: Some(code.to_owned()) }
    }
}
