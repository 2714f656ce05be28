//! The world of the extension's worker: its clock, its randomness, its network. What only `chrome.*` can do is asked of the
//! JavaScript that started us.

use async_trait::async_trait;
use js_sys::{Date as JsDate, Reflect, Uint8Array};
use protocol::date::Date;
use rand_core::{CryptoRng, UnwrapErr};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AbortSignal, ReadableStreamDefaultReader, Request, RequestCache, RequestCredentials, RequestInit, RequestRedirect,
    Response,
};

use crate::record::Page;
use crate::world::{PageOutcome, World};

/// What a message may be at most (protocol.md section 1); more is not read.
const MAX_REPLY_BYTES: usize = 1024 * 1024;
/// A server that takes longer is not waited for: the message is pending, and sent again later.
const TIMEOUT_MS: u32 = 20_000;
/// The media type of messages.
const MEDIA_TYPE: &str = "application/cybercash";

#[wasm_bindgen]
extern "C" {
    /// What `worker.js` does for us.
    pub type Host;

    #[wasm_bindgen(method, catch, js_name = keepKey)]
    async fn keep_key(this: &Host, key: Option<String>) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn changed(this: &Host) -> Result<(), JsValue>;

    #[wasm_bindgen(method, catch)]
    fn outcome(this: &Host, page: &str, outcome: &str) -> Result<(), JsValue>;
}

#[wasm_bindgen]
extern "C" {
    /// A service worker's in Chromium, an event page's in Firefox: whatever scope this is.
    #[wasm_bindgen(catch, js_name = fetch)]
    fn fetch_request(request: &Request) -> Result<js_sys::Promise, JsValue>;
}

/// The browser.
pub struct Browser {
    host: Host,
}

impl Browser {
    /// The browser with the help of `host`.
    pub fn new(host: Host) -> Self {
        Self { host }
    }
}

#[async_trait(?Send)]
impl World for Browser {
    fn now(&self) -> Date {
        #[allow(clippy::cast_possible_truncation, reason = "milliseconds since 1970, whole and far below 2^53")]
        Date::from_millis(JsDate::now() as i64)
    }

    fn stopwatch_ms(&self) -> i64 {
        self.now().millis()
    }

    fn rng(&self) -> Box<dyn CryptoRng> {
        Box::new(UnwrapErr(getrandom::SysRng))
    }

    async fn post(&self, url: &str, message: &str) -> Option<Vec<u8>> {
        let init = init("POST");
        init.set_body(&JsValue::from_str(message));
        let response = fetch(url, &init).await.ok()?;
        // What is no message is no answer: a proxy's error page says nothing about the money.
        let kind = response.headers().get("content-type").ok().flatten()?;
        let is_message = kind.split(';').next()?.trim().eq_ignore_ascii_case(MEDIA_TYPE);
        if is_message { body(&response).await } else { None }
    }

    async fn get(&self, url: &str) -> Option<Vec<u8>> {
        let response = fetch(url, &init("GET")).await.ok()?;
        if response.ok() { body(&response).await } else { None }
    }

    async fn keep_key(&self, key: Option<&str>) {
        // Where the browser cannot keep it, a restarted worker asks for the passphrase: no harm to the money.
        let _ = self.host.keep_key(key.map(str::to_owned)).await;
    }

    fn changed(&self) {
        // Nobody may be listening.
        let _ = self.host.changed();
    }

    fn outcome(&self, page: &Page, outcome: &PageOutcome) {
        let (Ok(page), Ok(outcome)) = (serde_json::to_string(page), serde_json::to_string(outcome)) else { return };
        // The page may be gone.
        let _ = self.host.outcome(&page, &outcome);
    }
}

/// Without cookies, caches and redirects: a message goes where its URL says, and nowhere else.
fn init(method: &str) -> RequestInit {
    let init = RequestInit::new();
    init.set_method(method);
    init.set_credentials(RequestCredentials::Omit);
    init.set_cache(RequestCache::NoStore);
    init.set_redirect(RequestRedirect::Error);
    init.set_referrer("");
    init.set_signal(Some(&AbortSignal::timeout_with_u32(TIMEOUT_MS)));
    init
}

async fn fetch(url: &str, init: &RequestInit) -> Result<Response, JsValue> {
    let request = Request::new_with_str_and_init(url, init)?;
    if init.get_method().as_deref() == Some("POST") {
        request.headers().set("content-type", MEDIA_TYPE)?;
    }
    JsFuture::from(fetch_request(&request)?).await?.dyn_into()
}

/// The body, or nothing if it is longer than a message may be.
async fn body(response: &Response) -> Option<Vec<u8>> {
    let reader: ReadableStreamDefaultReader = response.body()?.get_reader().dyn_into().ok()?;
    let mut bytes = Vec::new();
    loop {
        let chunk = JsFuture::from(reader.read()).await.ok()?;
        if Reflect::get(&chunk, &"done".into()).ok()?.is_truthy() {
            return Some(bytes);
        }
        let chunk: Uint8Array = Reflect::get(&chunk, &"value".into()).ok()?.dyn_into().ok()?;
        bytes.extend(chunk.to_vec());
        if bytes.len() > MAX_REPLY_BYTES {
            // What is left is not read; that cancelling it may fail changes nothing.
            let _ = JsFuture::from(reader.cancel()).await;
            return None;
        }
    }
}
