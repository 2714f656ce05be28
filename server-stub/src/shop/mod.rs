//! Acme's demo shop (seed, section V): a product page and a checkout with the one script tag.
//!
//! The shop lives on an origin of its own and mounts the till's public order routes under it, as a merchant's reverse proxy
//! would: a wallet accepts an offer only if all of its addresses have the page's origin.
//!
//! Invariant: the till's API key stays here; the page sees the order id and the signed offer, nothing else.

mod page;
pub mod playground;
mod rehearse;
mod till;

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use tower_http::services::ServeDir;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::texts::Texts;
use page::{Ending, Page, Script};
use playground::Playground;
use till::{NewOrder, Till, TillFault};

/// Nothing but what the shop serves itself; wasm is what the widget checks offers with.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// What goes to the till is one message of the protocol.
const MAX_BODY_BYTES: usize = 1024 * 1024;
/// The demo keeps its orders in memory; the oldest are forgotten.
const MAX_ORDERS: usize = 10_000;

/// Where the shop's parts are.
#[derive(Clone)]
pub struct Config {
    /// The shop's own origin, `http://127.0.0.1:8403`.
    pub origin: String,
    /// Base URL of the till.
    pub till: String,
    /// The till's API key.
    pub api_key: String,
    /// Folder of `shop.css`, the picture, `pay-cash.js` and the widget's wasm.
    pub assets: PathBuf,
    /// The playground, where the server is a sandbox of our own.
    pub playground: Option<Playground>,
}

#[derive(Clone)]
struct Shop {
    origin: Arc<str>,
    till: Till,
    orders: Arc<Mutex<Orders>>,
    script: Option<Arc<Script>>,
    playground: Option<Playground>,
}

/// Which order belongs to which visit: the pages after a payment are addressed by the shop's own reference, since the
/// order id is not known when their addresses are signed.
#[derive(Default)]
struct Orders {
    by_reference: HashMap<String, String>,
    age: VecDeque<String>,
}

impl Orders {
    fn remember(&mut self, reference: String, order: String) {
        if self.age.len() >= MAX_ORDERS
            && let Some(oldest) = self.age.pop_front()
        {
            self.by_reference.remove(&oldest);
        }
        self.age.push_back(reference.clone());
        self.by_reference.insert(reference, order);
    }
}

/// The shop's routes.
pub fn router(config: Config) -> Router {
    let Config { origin, till, api_key, assets, playground } = config;
    let script = Script::of(&assets).map(Arc::new);
    let shop =
        Shop { origin: origin.into(), till: Till::new(&till, &api_key), orders: Arc::default(), script, playground };
    let rehearsals = if shop.playground.is_some() { rehearse::router() } else { Router::new() };
    Router::new()
        .merge(rehearsals)
        .route("/", get(product))
        .route("/checkout", post(order))
        .route("/checkout/{reference}", get(checkout))
        .route("/thanks/{reference}", get(|shop, path, headers| ended(shop, path, headers, Ending::Success)))
        .route("/failed/{reference}", get(|shop, path, headers| ended(shop, path, headers, Ending::Failure)))
        .route("/cancelled/{reference}", get(|shop, path, headers| ended(shop, path, headers, Ending::Cancel)))
        .route("/orders/{id}/payment-request", get(offer))
        .route("/orders/{id}/status", get(status))
        .route("/orders/{id}/events", get(events))
        .route("/orders/{id}/pay", post(pay).get(pay_page))
        .fallback_service(ServeDir::new(assets).not_found_service(get(missing).with_state(shop.clone())))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(set("content-security-policy", POLICY))
        .layer(set("x-content-type-options", "nosniff"))
        .layer(set("referrer-policy", "same-origin"))
        .with_state(shop)
}

fn set(name: &'static str, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::overriding(HeaderName::from_static(name), HeaderValue::from_static(value))
}

async fn product(State(shop): State<Shop>, headers: HeaderMap) -> Response {
    shop.page(&headers).product()
}

async fn missing(State(shop): State<Shop>, headers: HeaderMap) -> Response {
    (StatusCode::NOT_FOUND, shop.page(&headers).missing()).into_response()
}

/// Makes the order at the till and shows its checkout.
async fn order(State(shop): State<Shop>, headers: HeaderMap) -> Response {
    match shop.place().await {
        Ok((reference, _)) => Redirect::to(&format!("/checkout/{reference}")).into_response(),
        Err(fault) => shop.trouble(&headers, &fault),
    }
}

impl Shop {
    /// Makes an order; yields the shop's reference and the till's id.
    async fn place(&self) -> Result<(String, String), TillFault> {
        let reference = format!("visit-{:032x}", rand::random::<u128>());
        let address = |page: &str| format!("{}/{page}/{reference}", self.origin);
        let new = NewOrder {
            amount: page::TOTAL.to_owned(),
            note: page::NOTE.to_owned(),
            reference: reference.clone(),
            url_success: address("thanks"),
            url_failure: address("failed"),
            url_cancel: address("cancelled"),
        };
        let order = self.till.order(&new).await?;
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        orders.remember(reference.clone(), order.clone());
        Ok((reference, order))
    }

    fn trouble(&self, headers: &HeaderMap, fault: &TillFault) -> Response {
        tracing::warn!(%fault, "the till did not take an order");
        (StatusCode::BAD_GATEWAY, self.page(headers).trouble()).into_response()
    }

    fn page(&self, headers: &HeaderMap) -> Page<'_> {
        Page::of(Texts::for_reader(headers), self.script.as_deref())
    }

    fn order_of(&self, reference: &str) -> Option<String> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner).by_reference.get(reference).cloned()
    }
}

async fn checkout(State(shop): State<Shop>, Path(reference): Path<String>, headers: HeaderMap) -> Response {
    match shop.order_of(&reference) {
        Some(order) => {
            let aside = rehearse::aside(&shop, &headers, &reference, &order);
            shop.page(&headers).checkout(&order, aside.as_ref())
        }
        None => missing(State(shop), headers).await,
    }
}

/// Where the shopper lands afterwards. What the page says comes from the till, not from its address.
async fn ended(
    State(shop): State<Shop>,
    Path(reference): Path<String>,
    headers: HeaderMap,
    ending: Ending,
) -> Response {
    let Some(order) = shop.order_of(&reference) else { return missing(State(shop), headers).await };
    let status = shop.till.status(&order).await.unwrap_or_else(|_| "unknown".to_owned());
    shop.page(&headers).ended(&reference, &order, &status, ending)
}

async fn offer(State(shop): State<Shop>, Path(id): Path<String>) -> Response {
    shop.till.pass_get(&id, "payment-request").await
}

async fn status(State(shop): State<Shop>, Path(id): Path<String>) -> Response {
    shop.till.pass_get(&id, "status").await
}

async fn events(State(shop): State<Shop>, Path(id): Path<String>) -> Response {
    shop.till.pass_stream(&id).await
}

async fn pay_page(State(shop): State<Shop>, Path(id): Path<String>, query: RawQuery, headers: HeaderMap) -> Response {
    shop.till.pass_page(&id, query.0.as_deref(), headers.get(header::ACCEPT_LANGUAGE)).await
}

async fn pay(State(shop): State<Shop>, Path(id): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let heard = rehearse::Heard::of(&shop, &id, &body);
    let answer = shop.till.pass_payment(&id, headers.get(header::CONTENT_TYPE), body).await;
    heard.answer(answer).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_order_is_forgotten() {
        let mut orders = Orders::default();
        for n in 0..=MAX_ORDERS {
            orders.remember(format!("visit-{n}"), format!("order-{n}"));
        }
        assert_eq!(orders.by_reference.len(), MAX_ORDERS);
        assert!(!orders.by_reference.contains_key("visit-0"));
    }
}
