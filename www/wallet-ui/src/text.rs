//! Texts, from `_locales` through `chrome.i18n`.

use js_sys::Array;
use wallet_messages::{Fault, MoneyMoved};
use wasm_bindgen::JsValue;

use crate::browser;

/// The text called `key`; the key itself if there is none, so that the gap is seen.
pub fn t(key: &str) -> String {
    t_with(key, &[])
}

/// The text called `key` with `$1`, `$2` ... replaced.
pub fn t_with(key: &str, values: &[&str]) -> String {
    let values: Array = values.iter().map(|value| JsValue::from_str(value)).collect();
    message(key, &values).filter(|text| !text.is_empty()).unwrap_or_else(|| key.to_owned())
}

/// The text for one of something, or that for several with `$1` replaced by how many.
pub fn counted(one: &str, many: &str, count: usize) -> String {
    if count == 1 { t(one) } else { t_with(many, &[&count.to_string()]) }
}

/// The BCP 47 tag that `Intl` is asked for: the browser's own, where it is the language of the texts.
pub fn language() -> String {
    let texts = t("locale");
    let browser = browser::api("i18n")
        .and_then(|i18n| browser::function(&i18n, "getUILanguage")?.call0(&i18n).ok()?.as_string())
        .unwrap_or_default();
    if browser.split('-').next() == Some(&texts) { browser } else { texts }
}

/// What happened: the text of a problem code.
pub fn problem(code: &str) -> String {
    let key = problem_key(code);
    let text = t(&key);
    if text == key { t_with("problem_unknown", &[code]) } else { text }
}

/// What can be done about it.
pub fn next_step(code: &str) -> String {
    let key = format!("{}_next", problem_key(code));
    let text = t(&key);
    if text == key { t("problem_unknown_next") } else { text }
}

/// Whether money moved.
pub fn money_moved(fault: &Fault) -> String {
    match fault.money {
        MoneyMoved::No => t("money_no"),
        MoneyMoved::Waiting => t("money_waiting"),
        MoneyMoved::Yes => t("money_yes"),
    }
}

fn problem_key(code: &str) -> String {
    format!("problem_{}", code.replace('-', "_"))
}

fn message(key: &str, values: &Array) -> Option<String> {
    let i18n = browser::api("i18n")?;
    browser::function(&i18n, "getMessage")?.call2(&i18n, &key.into(), values).ok()?.as_string()
}
