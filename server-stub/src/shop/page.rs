//! The shop's pages.

use std::path::Path;

use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};
use protocol::money::Money;
use protocol::value::{Reading, Value as _};
use serde::Deserialize;

use crate::texts::Texts;

/// What is asked at the till: the price of the shoes and their shipping.
pub const TOTAL: &str = "usd 42.50";
const SHOES: &str = "usd 37.50";
const SHIPPING: &str = "usd 5.00";

/// The merchant's words in the offer, as in the seed's sample transaction.
pub const NOTE: &str = "ACME Products\n\nPurchase of 1 pair \"Rocket Shoes\" at $37.50 ea.\nShipping and handling $5.00\n\n\
                        Total Price: $42.50\n\nShip to:\n Brian Brian\n 100 Elm Street\n Nice Place, VA 00000 USA";

/// How the browser came back from paying; the till knows how it really ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// By `url-success`.
    Success,
    /// By `url-failure`.
    Failure,
    /// By `url-cancel`.
    Cancel,
}

/// The widget's script as the build names it, with its hash.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Script {
    file: String,
    integrity: String,
}

impl Script {
    /// Reads the build's card in the folder of assets; nothing where the widget was laid there by hand.
    pub fn of(assets: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(assets.join("pay-cash.json")).ok()?).ok()
    }
}

/// Pages in one language.
pub struct Page<'a> {
    texts: Texts,
    script: Option<&'a Script>,
}

impl<'a> Page<'a> {
    /// Pages in the language of `texts`, with `script` where they have the button.
    pub fn of(texts: Texts, script: Option<&'a Script>) -> Self {
        Self { texts, script }
    }

    fn text(&self, key: &str) -> &'static str {
        self.texts.get(key)
    }

    fn money(&self, text: &str) -> String {
        Money::parse(text, Reading::STRICT).map_or_else(String::new, |money| self.texts.money(money))
    }

    /// The one script tag.
    fn widget(&self) -> Markup {
        html! {
            @match self.script {
                Some(Script { file, integrity }) => {
                    script async src={ "/" (file) } integrity=(integrity) crossorigin="anonymous" {}
                }
                None => script async src="/pay-cash.js" {},
            }
        }
    }

    fn frame(&self, title: &str, script: bool, body: &Markup) -> Response {
        html! {
            (DOCTYPE)
            html lang=(self.texts.language) {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { (title) " · " (self.text("shop")) }
                    link rel="stylesheet" href="/shop.css";
                    link rel="icon" href="/rocket-shoes.svg" type="image/svg+xml";
                    @if script { (self.widget()) }
                }
                body {
                    a class="skip" href="#main" { (self.text("skip")) }
                    header { a href="/" { (self.text("shop")) } span class="soft" { (self.text("sandbox")) } }
                    main id="main" { (body) }
                }
            }
        }
        .into_response()
    }

    /// The product.
    pub fn product(&self) -> Response {
        let body = html! {
            div class="product" {
                img src="/rocket-shoes.svg" alt=(self.text("picture")) width="480" height="320";
                div {
                    h1 { (self.text("title")) }
                    p class="tagline" { (self.text("tagline")) }
                    p { (self.text("description")) }
                    p class="price" { (self.money(SHOES)) " " small { (self.text("each")) } }
                    form method="post" action="/checkout" {
                        button class="button" data-testid="buy" { (self.text("buy")) }
                    }
                }
            }
        };
        self.frame(self.text("title"), false, &body)
    }

    /// The checkout of an order.
    pub fn checkout(&self, order: &str, aside: Option<&Markup>) -> Response {
        let body = html! {
            h1 { (self.text("checkout")) }
            div class="checkout" {
                section class="card" aria-labelledby="summary" {
                    h2 id="summary" { (self.text("summary")) }
                    dl {
                        dt { (self.text("item")) } dd { (self.money(SHOES)) }
                        dt { (self.text("shipping")) } dd { (self.money(SHIPPING)) }
                        dt class="total" { (self.text("total")) }
                        dd class="total" data-testid="total" { (self.money(TOTAL)) }
                    }
                }
                section class="card" aria-labelledby="pay" {
                    h2 id="pay" { (self.text("pay")) }
                    p class="soft" { (self.text("pay-text")) }
                    pay-cash-button data-testid="pay-cash" request-src={ "/orders/" (order) "/payment-request" }
                        amount="42.50" currency="USD" size-mode="fill" fallback="qr" {
                        p { (self.text("fallback")) }
                        p { a href={ "/orders/" (order) "/pay" } { (self.text("fallback-link")) } }
                    }
                    p class="soft" { (self.text("order")) ": " code data-testid="order-id" { (order) } }
                }
            }
        };
        let body = html! { (body) @if let Some(aside) = aside { (aside) } };
        self.frame(self.text("checkout"), true, &body)
    }

    /// After paying: what the till says, whatever way the browser came.
    pub fn ended(&self, reference: &str, order: &str, status: &str, ending: Ending) -> Response {
        let key = match (status, ending) {
            ("paid", _) => "thanks",
            (_, Ending::Success) => "pending",
            (_, Ending::Failure) => "failed",
            (_, Ending::Cancel) => "cancelled",
        };
        let known = match status {
            "open" | "paid" | "failed" | "cancelled" | "expired" => status,
            _ => "unknown",
        };
        // Who may have paid is not asked to pay again.
        let offered = key != "pending" && (known == "open" || known == "failed");
        let body = html! {
            h1 { (self.text(key)) }
            p { (self.text(&format!("{key}-text"))) }
            dl class="card ended" {
                dt { (self.text("order")) } dd { code { (order) } }
                dt { (self.text("status")) }
                dd data-testid="status" data-status=(known) class=[(known == "paid").then_some("paid")] {
                    (self.text(&format!("status-{known}")))
                }
                dt class="total" { (self.text("total")) } dd class="total" { (self.money(TOTAL)) }
            }
            p {
                @if offered { a href={ "/checkout/" (reference) } { (self.text("again")) } " · " }
                a href="/" { (self.text("home")) }
            }
        };
        self.frame(self.text(key), false, &body)
    }

    /// A page of the playground.
    pub fn play(&self, body: &Markup) -> Response {
        self.frame(self.text("play"), false, body)
    }

    /// No such page.
    pub fn missing(&self) -> Response {
        self.plain("missing")
    }

    /// The till does not answer.
    pub fn trouble(&self) -> Response {
        self.plain("trouble")
    }

    fn plain(&self, key: &str) -> Response {
        let body = html! {
            h1 { (self.text(key)) }
            p { (self.text(&format!("{key}-text"))) }
            p { a href="/" { (self.text("home")) } }
        };
        self.frame(self.text(key), false, &body)
    }
}
