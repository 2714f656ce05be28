//! The hosted payment page: what a browser shows where wallets pay, at an order's `url-pay-to`.
//!
//! A shop links to it where a page has no room for a button, where there is no script, and for wallets on other devices,
//! which find it by its code. It is a page of the till under the shop's own origin, so that it needs no page of the shop;
//! all of it lies under the one address that has to be reachable anyway:
//!
//! | address | |
//! | --- | --- |
//! | `GET .../pay` | the page |
//! | `GET .../pay?qr` | the page's address as a code, SVG |
//! | `GET .../pay?style`, `?script`, `?watch` | what the page loads |
//!
//! Invariant: the page says nothing that the signed offer does not say, but for the order's status.

mod page;

use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use merchant_widget::till::record::Order;
use protocol::date::Date;
use protocol::offer::Offer;
use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};

use crate::texts::Texts;

/// Nothing but the till's own; wasm is what the widget checks offers with.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types 'none'";
const STYLE: &str = include_str!("../../../www/shop/pay-page.css");
const SCRIPT: &str = include_str!("../../../merchant-widget/js/pay-cash.js");
const WATCH: &str = include_str!("../../../www/shop/pay-page.js");
/// Pixels of the code on a screen; the picture itself has no size of its own.
const CODE_PIXELS: u32 = 240;

/// What of the page is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Page,
    Code,
    Style,
    Script,
    Watch,
}

impl Part {
    /// Reads the query; anything else than a part's name, such as a campaign's, asks for the page.
    fn of(query: Option<&str>) -> Self {
        match query {
            Some("qr") => Self::Code,
            Some("style") => Self::Style,
            Some("script") => Self::Script,
            Some("watch") => Self::Watch,
            _ => Self::Page,
        }
    }
}

/// Answers a `GET` at the address of an order; `order` is nothing where there is none.
pub fn answer(order: Option<&Order>, now: Date, query: Option<&str>, headers: &HeaderMap) -> Response {
    let texts = Texts::for_reader(headers);
    let offer = order.and_then(|order| Some((order, Offer::read(order.payment_request.as_bytes()).ok()?)));
    match (Part::of(query), offer) {
        (Part::Style, _) => file("text/css; charset=utf-8", STYLE.to_owned()),
        (Part::Script, _) => file("text/javascript; charset=utf-8", SCRIPT.to_owned()),
        (Part::Watch, _) => file("text/javascript; charset=utf-8", WATCH.to_owned()),
        (_, None) => (StatusCode::NOT_FOUND, secured(page::missing(texts).into_response())).into_response(),
        (Part::Code, Some((_, offer))) => code(&offer.request.url_pay_to.to_string()),
        (Part::Page, Some((order, offer))) => {
            secured(page::page(texts, &offer.request, order.status(now), order.expires).into_response())
        }
    }
}

fn file(media_type: &'static str, text: String) -> Response {
    ([(header::CONTENT_TYPE, media_type)], text).into_response()
}

/// The headers of a page that handles money.
fn secured(page: Response) -> Response {
    let policy = HeaderName::from_static("content-security-policy");
    let language = (header::VARY, "accept-language");
    ([(policy, POLICY), language, (header::REFERRER_POLICY, "same-origin")], page).into_response()
}

/// An address as a code that survives a scratch on the screen.
fn code(address: &str) -> Response {
    let Ok(code) = QrCode::with_error_correction_level(address, EcLevel::M) else {
        // Longer than any code: the page still shows the address itself.
        return StatusCode::NOT_FOUND.into_response();
    };
    let picture = code.render::<svg::Color<'_>>().min_dimensions(CODE_PIXELS, CODE_PIXELS).build();
    file("image/svg+xml", picture)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_of_somebody_else_asks_for_the_page() {
        for query in [None, Some(""), Some("utm_source=mail"), Some("qr=1")] {
            assert_eq!(Part::of(query), Part::Page, "{query:?}");
        }
        assert_eq!(Part::of(Some("qr")), Part::Code);
    }

    #[test]
    fn an_unknown_order_is_no_page_to_pay_at() {
        let answer = answer(None, Date::from_millis(0), None, &HeaderMap::new());
        assert_eq!(answer.status(), StatusCode::NOT_FOUND);
        assert!(answer.headers().contains_key("content-security-policy"));
    }
}
