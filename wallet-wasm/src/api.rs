//! The surface that `worker.js` sees: text in, text out.

use wasm_bindgen::prelude::*;

use crate::browser::{Browser, Host};
use crate::store::IndexedDb;
use crate::store::migration::migrate;
use crate::wallet::{Wallet as Inner, dispatch};

/// The name of the database.
const DATABASE: &str = "pay-cash";

/// The wallet of this browser profile.
#[wasm_bindgen]
pub struct Wallet {
    inner: Inner<IndexedDb, Browser>,
}

#[wasm_bindgen]
impl Wallet {
    /// Opens the wallet. `run` names this run of the browser; `key` is what `host.keepKey` was given last in it.
    ///
    /// # Errors
    /// The database cannot be opened.
    pub async fn open(host: Host, run: String, key: Option<String>) -> Result<Wallet, JsError> {
        let store = IndexedDb::open(DATABASE).await?;
        migrate(&store).await?;
        Ok(Self { inner: Inner::new(store, Browser::new(host), &run, key.as_deref()) })
    }

    /// Answers a page of the extension (crate `wallet-messages`, as JSON).
    #[wasm_bindgen(js_name = handleUi)]
    pub async fn handle_ui(&self, message: String) -> String {
        dispatch::ui(&self.inner, &message).await
    }

    /// Takes in a web page's request: `{"origin", "tab", "document", "id", "request"}`. Answers `{"accepted": REQUEST}` or
    /// `{"outcome": {...}}`.
    #[wasm_bindgen(js_name = handlePage)]
    pub async fn handle_page(&self, message: String) -> String {
        dispatch::page(&self.inner, &message).await
    }

    /// Refuses what a page asked for, since it took it back or is gone. Yields the requests, to close their window.
    ///
    /// # Errors
    /// The store failed.
    pub async fn abort(&self, tab: f64, document: Option<String>, id: Option<String>) -> Result<Vec<String>, JsError> {
        #[allow(clippy::cast_possible_truncation, reason = "browsers number their tabs by small integers")]
        let tab = tab as i64;
        Ok(self.inner.abort(tab, document.as_deref(), id.as_deref()).await?)
    }

    /// The requests of web pages that wait for the shopper, oldest first.
    ///
    /// # Errors
    /// The store failed.
    pub async fn waiting(&self) -> Result<Vec<String>, JsError> {
        Ok(self.inner.waiting().await?)
    }

    /// How many notices the shopper has not seen.
    ///
    /// # Errors
    /// The store failed.
    pub async fn news(&self) -> Result<usize, JsError> {
        Ok(self.inner.news().await?)
    }

    /// Sends again what still waits for an answer.
    ///
    /// # Errors
    /// The vault is locked, or the store failed.
    pub async fn resume(&self) -> Result<(), JsError> {
        self.inner.resume().await?;
        Ok(())
    }

    /// In how many minutes [`Wallet::resume`] has something to do; nothing if it has not.
    ///
    /// # Errors
    /// The store failed.
    #[wasm_bindgen(js_name = wakeInMinutes)]
    pub async fn wake_in_minutes(&self) -> Result<Option<f64>, JsError> {
        Ok(self.inner.wake_in_minutes().await?.map(f64::from))
    }
}
