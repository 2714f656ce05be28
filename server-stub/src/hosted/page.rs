//! The page itself.

use maud::{DOCTYPE, Markup, html};
use merchant_widget::till::record::Status;
use protocol::date::Date;
use protocol::message::offer::PaymentRequest;
use protocol::value::Value as _;

use crate::texts::Texts;

/// The page of an order that is there.
pub fn page(texts: Texts, offer: &PaymentRequest, status: Status, expires: Date) -> Markup {
    let amount = texts.money(offer.amount);
    match status {
        Status::Open | Status::Failed => frame(
            texts,
            &texts.with("pay-page-title", &[("amount", &amount)]),
            &html! {
                (price(texts, offer, &amount))
                (button(texts, offer))
                (elsewhere(texts, &offer.url_pay_to.to_string()))
                (details(texts, offer, expires))
            },
        ),
        Status::Paid => over(texts, "paid", Some(offer)),
        Status::Cancelled => over(texts, "cancelled", Some(offer)),
        Status::Expired => over(texts, "expired", Some(offer)),
    }
}

/// There is no such order.
pub fn missing(texts: Texts) -> Markup {
    over(texts, "missing", None)
}

fn price(texts: Texts, offer: &PaymentRequest, amount: &str) -> Markup {
    html! {
        h1 {
            span class="soft" { (texts.with("pay-page-asks", &[("merchant", offer.merchant_id.as_str())])) }
            " "
            strong data-testid="amount" { (amount) }
        }
        h2 class="soft" { (texts.get("pay-page-for")) }
        p class="note" { (offer.note.as_str()) }
    }
}

fn button(texts: Texts, offer: &PaymentRequest) -> Markup {
    html! {
        pay-cash-button data-testid="pay-cash" request-src="./payment-request" size-mode="fill" fallback="link"
            amount=(offer.amount.decimal()) currency=(offer.amount.currency.code().to_ascii_uppercase()) {
            p class="soft" { (texts.get("pay-page-fallback")) }
        }
        noscript { p class="soft" { (texts.get("pay-page-noscript")) } }
    }
}

fn elsewhere(texts: Texts, address: &str) -> Markup {
    html! {
        section class="elsewhere" aria-labelledby="elsewhere" {
            img src="pay?qr" alt=(texts.get("pay-page-code")) width="160" height="160";
            div {
                h2 id="elsewhere" { (texts.get("pay-page-elsewhere")) }
                p class="soft" { (texts.get("pay-page-scan")) }
                p { a href=(address) data-testid="address" { (address) } }
            }
        }
    }
}

fn details(texts: Texts, offer: &PaymentRequest, expires: Date) -> Markup {
    let (day, time) = minute(expires);
    html! {
        dl class="soft" {
            dt { (texts.get("pay-page-order")) }
            dd { code data-testid="order-id" { (offer.order_id) } }
            dt { (texts.get("pay-page-until")) }
            dd { time datetime={ (day) "T" (time) "Z" } { (day) " " (time) " UTC" } }
        }
    }
}

/// Nothing to pay any more, or nothing at all.
fn over(texts: Texts, key: &str, offer: Option<&PaymentRequest>) -> Markup {
    let title = texts.get(&format!("pay-page-{key}"));
    let amount = offer.map(|offer| texts.money(offer.amount)).unwrap_or_default();
    frame(
        texts,
        title,
        &html! {
            h1 class=(key) data-testid="over" data-status=(key) { (title) }
            p { (texts.with(&format!("pay-page-{key}-text"), &[("amount", &amount)])) }
            @if let Some(offer) = offer {
                dl class="soft" { dt { (texts.get("pay-page-order")) } dd { code { (offer.order_id) } } }
                p { a href=(back(key, offer)) { (texts.get("pay-page-back")) } }
            }
        },
    )
}

/// Where the shop wants its shoppers afterwards; the addresses are signed and of its own origin.
fn back(key: &str, offer: &PaymentRequest) -> String {
    if key == "paid" { offer.url_success.to_string() } else { offer.url_cancel.to_string() }
}

fn frame(texts: Texts, title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang=(texts.language) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                meta name="color-scheme" content="light dark";
                title { (title) " · Pay Cash" }
                link rel="stylesheet" href="pay?style";
                script async src="pay?script" {}
                script defer src="pay?watch" {}
            }
            body { main { (body) } }
        }
    }
}

/// Day and minute: `2026-11-21` and `05:18`. The till does not know where its readers live, so they are those of UTC.
fn minute(date: Date) -> (String, String) {
    let digits = date.text();
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    (format!("{}-{}-{}", part(0, 4), part(4, 6), part(6, 8)), format!("{}:{}", part(8, 10), part(10, 12)))
}
