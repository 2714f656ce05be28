//! The playground's routes in the shop, and what the shop tells it of payments.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Form, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use maud::Markup;
use protocol::envelope::MAX_MESSAGE_BYTES;
use protocol::value::OrderId;
use serde::Deserialize;

use super::playground::{Playground, Scenario, decode, page};
use super::{Shop, missing};
use crate::texts::Texts;

/// The routes; they are there only where there is a playground.
pub fn router() -> Router<Shop> {
    Router::new()
        .route("/playground", get(index))
        .route("/playground/orders", post(rehearse))
        .route("/playground/pay/{reference}", post(pay))
        .route("/playground/messages", get(last))
        .route("/playground/messages/{reference}", get(messages))
}

async fn index(State(shop): State<Shop>, headers: HeaderMap) -> Response {
    shop.page(&headers).play(&page::index(Texts::for_reader(&headers)))
}

#[derive(Deserialize)]
struct Wish {
    scenario: String,
    #[serde(default)]
    code: String,
}

/// Makes an order with a plan.
async fn rehearse(State(shop): State<Shop>, headers: HeaderMap, Form(wish): Form<Wish>) -> Response {
    let Some(scenario) = Scenario::of(&wish.scenario, &wish.code) else {
        return StatusCode::UNPROCESSABLE_ENTITY.into_response();
    };
    match shop.place().await {
        Ok((reference, order)) => {
            if let (Some(playground), Some(order)) = (&shop.playground, OrderId::of(&order)) {
                playground.rehearse(&order, scenario);
            }
            Redirect::to(&format!("/checkout/{reference}")).into_response()
        }
        Err(fault) => shop.trouble(&headers, &fault),
    }
}

/// Lets the test shopper pay; what became of it is seen in the messages.
async fn pay(State(shop): State<Shop>, Path(reference): Path<String>, headers: HeaderMap) -> Response {
    let known = shop.order_of(&reference).and_then(|order| OrderId::of(&order));
    let (Some(order), Some(playground)) = (known, &shop.playground) else { return missing(State(shop), headers).await };
    match playground.pay(&shop.origin, &order).await {
        Ok(_) => Redirect::to(&format!("/playground/messages/{reference}")).into_response(),
        Err(fault) => {
            tracing::warn!(%fault, "the test shopper could not pay");
            let said = Texts::for_reader(&headers).get("play-trouble");
            (StatusCode::BAD_GATEWAY, shop.page(&headers).play(&maud::html! { h1 { (said) } p { (fault) } }))
                .into_response()
        }
    }
}

async fn last(State(shop): State<Shop>, headers: HeaderMap) -> Response {
    shown(&shop, &headers, None).await
}

async fn messages(State(shop): State<Shop>, Path(reference): Path<String>, headers: HeaderMap) -> Response {
    match shop.order_of(&reference).and_then(|order| OrderId::of(&order)) {
        Some(order) => shown(&shop, &headers, Some(&order)).await,
        None => missing(State(shop), headers).await,
    }
}

async fn shown(shop: &Shop, headers: &HeaderMap, order: Option<&OrderId>) -> Response {
    let texts = Texts::for_reader(headers);
    let payment = shop.playground.as_ref().and_then(|playground| Some((playground, playground.tape.latest(order)?)));
    let Some((playground, payment)) = payment else { return shop.page(headers).play(&page::nothing(texts)) };
    let offer = read(shop.till.pass_get(payment.order.as_str(), "payment-request").await).await.1;
    let messages = decode::messages(&playground.server, &offer, &payment).await;
    shop.page(headers).play(&page::messages(texts, payment.order.as_str(), payment.tries, &messages))
}

/// What the checkout of a rehearsed order says to developers.
pub fn aside(shop: &Shop, headers: &HeaderMap, reference: &str, order: &str) -> Option<Markup> {
    let scenario = shop.playground.as_ref()?.tape.scenario(&OrderId::of(order)?)?;
    Some(page::aside(Texts::for_reader(headers), reference, &scenario))
}

/// A payment that the playground listens to, if there is one.
pub struct Heard(Option<(Playground, String)>);

impl Heard {
    /// Writes CA1 down.
    pub fn of(shop: &Shop, order: &str, body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body).into_owned();
        let order = OrderId::of(order);
        Self(shop.playground.clone().zip(order).map(|(playground, order)| {
            playground.tape.ca1(&order, &text);
            (playground, text)
        }))
    }

    /// Writes CA4 down, and hands it on.
    pub async fn answer(self, answer: Response) -> Response {
        let Some((playground, ca1)) = self.0 else { return answer };
        let (answer, text) = read(answer).await;
        playground.tape.ca4(&ca1, &text);
        answer
    }
}

/// The same response, and its body as text.
async fn read(response: Response) -> (Response, String) {
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, MAX_MESSAGE_BYTES).await.unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    (Response::from_parts(parts, Body::from(bytes)), text)
}
