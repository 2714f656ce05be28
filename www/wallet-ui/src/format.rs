//! Money, dates and spans of time as the shopper's language writes them (`Intl`).

use js_sys::{Array, Object, Reflect};
use wallet_messages::MoneyView;
use wasm_bindgen::{JsCast, JsValue};

use crate::{amount, browser, text};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
/// All that `Intl` has ever shown.
const MOST_DIGITS: u32 = 20;

/// `$42.50`.
pub fn money(money: &MoneyView) -> String {
    written(money, "auto")
}

/// The same of a decimal that the wallet wrote with all of its digits, `42.50`, in the currency of `like`.
pub fn decimal(written: &str, like: &MoneyView) -> String {
    let digits: String = written.chars().filter(char::is_ascii_digit).collect();
    money(&MoneyView { minor: digits.parse().unwrap_or_default(), ..like.clone() })
}

/// A decimal that has to be read before it is agreed to, as people here write it: `1.0628`, in German `1,0628`.
pub fn number(decimal: &str) -> String {
    let options = options(&[("maximumFractionDigits", MOST_DIGITS.into())]);
    call("NumberFormat", &options, &[decimal.into()]).unwrap_or_else(|| decimal.to_owned())
}

/// A decimal that stands in a field, to be changed: without separators of thousands, which fields refuse.
pub fn typed(decimal: &str) -> String {
    let half = number("0.5");
    let separator = half.trim_matches(|c: char| c.is_ascii_digit());
    // Fields read both separators that our languages have.
    if separator == "," { decimal.replace('.', ",") } else { decimal.to_owned() }
}

/// `+$42.50`: for lists in which money comes and goes.
pub fn money_signed(money: &MoneyView) -> String {
    written(money, "exceptZero")
}

/// `Nov 21, 2026, 8:30 AM`.
pub fn date(at_ms: i64) -> String {
    let options = options(&[("dateStyle", "medium".into()), ("timeStyle", "short".into())]);
    call("DateTimeFormat", &options, &[JsValue::from(js_sys::Date::new(&float(at_ms).into()))])
        .unwrap_or_else(|| iso(at_ms))
}

/// `November 2026`; `month` counts from 1.
pub fn month(year: i32, month: u8) -> String {
    let options = options(&[("year", "numeric".into()), ("month", "long".into())]);
    let first = js_sys::Date::new_with_year_month_day(year.unsigned_abs(), i32::from(month) - 1, 1);
    call("DateTimeFormat", &options, &[first.into()]).unwrap_or_else(|| format!("{year}-{month:02}"))
}

/// The same moment for machines: `2026-11-21T08:30:00.000Z`.
pub fn iso(at_ms: i64) -> String {
    js_sys::Date::new(&float(at_ms).into()).to_iso_string().into()
}

/// `in 23 hours`.
pub fn from_now(at_ms: i64, now_ms: i64) -> String {
    let span = at_ms.saturating_sub(now_ms);
    let (count, unit) = match span.abs() {
        s if s < HOUR_MS => (span / MINUTE_MS, "minute"),
        s if s < DAY_MS => (span / HOUR_MS, "hour"),
        _ => (span / DAY_MS, "day"),
    };
    let options = options(&[("numeric", "auto".into())]);
    call("RelativeTimeFormat", &options, &[float(count).into(), unit.into()]).unwrap_or_else(|| iso(at_ms))
}

/// The link to a payment's receipt.
pub fn receipt_link(payment: &str) -> String {
    format!("receipt.html?payment={}", js_sys::encode_uri_component(payment))
}

/// What a currency (`USD`), a country (`DE`) or a language (`de`) is called; its code if it has no name here.
pub fn name(kind: &str, code: &str) -> String {
    let options = options(&[("type", kind.into())]);
    let names = intl("DisplayNames", &options);
    let name = names.and_then(|names| browser::function(&names, "of")?.call1(&names, &code.into()).ok()?.as_string());
    name.unwrap_or_else(|| code.to_owned())
}

/// Sorts names as the shopper's language does.
pub fn sort_by_name(entries: &mut [(String, String)]) {
    let Some(compare) = intl("Collator", &Object::new()).and_then(|collator| browser::function(&collator, "compare"))
    else {
        return;
    };
    entries.sort_by(|(_, a), (_, b)| {
        let order = compare.call2(&JsValue::NULL, &a.into(), &b.into()).ok().and_then(|order| order.as_f64());
        order.unwrap_or_default().total_cmp(&0.0)
    });
}

/// `Intl` reads the decimal as a string, so no digit passes through a float.
fn written(money: &MoneyView, sign: &str) -> String {
    let currency = money.currency.to_ascii_uppercase();
    let decimal = amount::decimal(money);
    let options = options(&[
        ("style", "currency".into()),
        ("currency", currency.as_str().into()),
        ("minimumFractionDigits", money.digits.into()),
        ("maximumFractionDigits", money.digits.into()),
        ("signDisplay", sign.into()),
    ]);
    call("NumberFormat", &options, &[decimal.as_str().into()]).unwrap_or_else(|| format!("{currency} {decimal}"))
}

/// Times and counts stay far below 2^53, where a double is exact.
#[allow(clippy::cast_precision_loss)]
fn float(whole: i64) -> f64 {
    whole as f64
}

fn options(entries: &[(&str, JsValue)]) -> Object {
    let options = Object::new();
    for (name, value) in entries {
        // A plain object takes any property.
        Reflect::set(&options, &(*name).into(), value).ok();
    }
    options
}

/// `new Intl[class](language, options)`.
fn intl(class: &str, options: &Object) -> Option<Object> {
    let intl = Reflect::get(&js_sys::global(), &"Intl".into()).ok()?.dyn_into().ok()?;
    let class = browser::function(&intl, class)?;
    let arguments = Array::of2(&text::language().into(), options);
    Reflect::construct(&class, &arguments).ok()?.dyn_into().ok()
}

/// `new Intl[class](language, options).format(...arguments)`.
fn call(class: &str, options: &Object, arguments: &[JsValue]) -> Option<String> {
    let formatter = intl(class, options)?;
    let arguments: Array = arguments.iter().collect();
    browser::function(&formatter, "format")?.apply(&formatter, &arguments).ok()?.as_string()
}
