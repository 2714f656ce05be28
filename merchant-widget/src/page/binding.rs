//! What the first script calls.

use serde_json::json;
use wasm_bindgen::prelude::wasm_bindgen;

/// Checks an offer: JSON `{"ok": OfferView}` or `{"error": {"code", "detail"}}`.
#[wasm_bindgen(js_name = checkOffer)]
pub fn check_offer(text: &str, page_origin: &str) -> String {
    match super::check_offer(text.as_bytes(), page_origin) {
        Ok(view) => json!({ "ok": view }).to_string(),
        Err(fault) => json!({ "error": { "code": fault.code(), "detail": fault.to_string() } }).to_string(),
    }
}
