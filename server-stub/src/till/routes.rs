//! The till over HTTP (protocol.md section 7).
//!
//! | who | route | |
//! | --- | --- | --- |
//! | shop | `POST /orders`, `GET /orders/{id}`, `POST /orders/{id}/cancel` | with the API key; never from a browser |
//! | page | `GET /orders/{id}/payment-request`, `GET /orders/{id}/status` | any origin; an order's id is not guessable |
//! | browser | `GET /orders/{id}/pay` | the hosted payment page |
//! | wallet | `POST /orders/{id}/pay` | any origin; CA1 -> CA4 or `error` |
//! | operator | `GET /healthz` | |

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, JsonRejection};
use axum::extract::{DefaultBodyLimit, FromRequestParts, Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use merchant_widget::till::order::{Links, cancel, place};
use merchant_widget::till::payment::{MAX_CA1_BYTES, not_of_its_form};
use merchant_widget::till::record::{Flag, Order, Reference};
use protocol::collect::ReceivedPayment;
use protocol::date::Date;
use protocol::envelope::{Envelope, MAX_MESSAGE_BYTES, MEDIA_TYPE};
use protocol::value::{OrderId, Value as _};
use serde_json::{Value as Json_, json};
use tower_http::cors::{Any, CorsLayer};
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::TimeoutLayer;

use super::Till;
use super::api_key;
use super::collector::Incoming;
use super::order_form::OrderForm;
use super::problem::{Kind, Problem};
use crate::hosted;

/// An order as a shop writes it: a note of 2,000 characters and three addresses fit several times.
const MAX_ORDER_BYTES: usize = 64 * 1024;
/// How long browsers may remember that the public routes are open to any origin.
const PREFLIGHT: Duration = Duration::from_hours(1);
/// Longest time for a request, the collector's patience included.
const REQUEST: Duration = Duration::from_secs(40);

/// All routes of a till.
pub fn all(till: Arc<Till>) -> Router {
    let shop = Router::new()
        .route("/orders", post(place_order))
        .route("/orders/{id}", get(show_order))
        .route("/orders/{id}/cancel", post(cancel_order))
        .layer(DefaultBodyLimit::max(MAX_ORDER_BYTES));
    let shop = finished(shop.route("/healthz", get(health)).with_state(till.clone()));
    shop.merge(public(till))
}

/// The routes that pages and wallets use. A shop makes them reachable under its own origin.
pub fn public(till: Arc<Till>) -> Router {
    let cors = CorsLayer::new().allow_origin(Any).allow_methods([Method::GET, Method::POST]);
    let cors = cors.allow_headers([header::CONTENT_TYPE]).max_age(PREFLIGHT);
    let routes = Router::new()
        .route("/orders/{id}/payment-request", get(payment_request))
        .route("/orders/{id}/status", get(status))
        .route("/orders/{id}/pay", post(pay).get(pay_page))
        .layer(DefaultBodyLimit::max(MAX_MESSAGE_BYTES))
        .layer(cors);
    finished(routes.with_state(till))
}

/// Headers of every answer, and a limit to the time it takes.
fn finished(routes: Router) -> Router {
    let header = |name, value| SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value));
    routes
        .layer(header(header::CACHE_CONTROL, "no-store"))
        .layer(header(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(header(header::REFERRER_POLICY, "no-referrer"))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, REQUEST))
}

/// Lets in who shows the API key.
struct Shop;

impl FromRequestParts<Arc<Till>> for Shop {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, till: &Arc<Till>) -> Result<Self, Response> {
        let value = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let key =
            value.and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        if key.is_some_and(|(_, key)| api_key::fits(key.trim(), &till.api_key_hash)) {
            return Ok(Self);
        }
        let problem = Problem::new(Kind::Unauthorized, "Authorization: Bearer <api key>");
        Err(([(header::WWW_AUTHENTICATE, "Bearer")], problem).into_response())
    }
}

/// A body that could not be read.
fn unread(status: StatusCode, detail: String) -> Problem {
    let kind = if status == StatusCode::PAYLOAD_TOO_LARGE { Kind::TooLarge } else { Kind::BadRequest };
    Problem::new(kind, detail)
}

/// Reads an order's id and finds the order.
async fn find(till: &Till, id: &str) -> Result<Order, Problem> {
    let unknown = || Problem::new(Kind::UnknownOrder, id);
    let id = OrderId::of(id).ok_or_else(unknown)?;
    till.desk.store.order(&id).await?.ok_or_else(unknown)
}

async fn place_order(
    State(till): State<Arc<Till>>,
    _: Shop,
    form: Result<Json<OrderForm>, JsonRejection>,
) -> Result<Response, Problem> {
    let Json(form) = form.map_err(|fault| unread(fault.status(), fault.body_text()))?;
    let new = form.read(&till.terms, till.desk.clock.now())?;
    let (changes, order) = till.desk.step(|moment| place(&till.persona, &new, &till.links, moment))?;
    till.desk.store.commit(changes).await?;
    let request = till.links.payment_request(&order.id);
    let location = format!("/orders/{}", order.id);
    let body = json!({ "order-id": order.id.as_str(), "payment-request": request });
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(body)).into_response())
}

async fn show_order(State(till): State<Arc<Till>>, _: Shop, Path(id): Path<String>) -> Result<Json<Json_>, Problem> {
    let order = find(&till, &id).await?;
    Ok(Json(shown(&order, &till.links, till.desk.clock.now())))
}

async fn cancel_order(State(till): State<Arc<Till>>, _: Shop, Path(id): Path<String>) -> Result<Json<Json_>, Problem> {
    let order = find(&till, &id).await?;
    let in_the_way = |status: merchant_widget::till::record::Status| {
        let why = if order.collecting { "a payment is on its way" } else { status.as_str() };
        Problem::new(Kind::NotCancellable, why)
    };
    let changes = cancel(&order, till.desk.clock.now()).map_err(in_the_way)?;
    till.desk.store.commit(changes).await?;
    let order = find(&till, &id).await?;
    Ok(Json(shown(&order, &till.links, till.desk.clock.now())))
}

/// An order for its shop.
fn shown(order: &Order, links: &Links, now: Date) -> Json_ {
    let problem = if let Flag::NotPaid(problem) = &order.flag { Some(problem.code()) } else { None };
    json!({
        "order-id": order.id.as_str(),
        "amount": order.amount.to_string(),
        "status": order.status(now).as_str(),
        "problem": problem,
        "reference": order.reference.as_ref().map(Reference::as_str),
        "placed": iso(order.placed),
        "expires": iso(order.expires),
        "paid": order.paid.map(iso),
        "payment-request": links.payment_request(&order.id),
    })
}

/// `2026-11-21T05:18:01.867Z`.
fn iso(date: Date) -> String {
    let digits = date.text();
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    let (day, time) = ((part(0, 4), part(4, 6), part(6, 8)), (part(8, 10), part(10, 12), part(12, 14), part(14, 17)));
    format!("{}-{}-{}T{}:{}:{}.{}Z", day.0, day.1, day.2, time.0, time.1, time.2, time.3)
}

async fn payment_request(State(till): State<Arc<Till>>, Path(id): Path<String>) -> Result<Response, Problem> {
    Ok(message(find(&till, &id).await?.payment_request))
}

async fn status(State(till): State<Arc<Till>>, Path(id): Path<String>) -> Result<Json<Json_>, Problem> {
    let order = find(&till, &id).await?;
    let status = order.status(till.desk.clock.now());
    Ok(Json(json!({ "order-id": order.id.as_str(), "status": status.as_str() })))
}

/// The hosted payment page; what is not there is said to a person.
async fn pay_page(
    State(till): State<Arc<Till>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let order = match OrderId::of(&id) {
        Some(id) => till.desk.store.order(&id).await?,
        None => None,
    };
    Ok(hosted::answer(order.as_ref(), till.desk.clock.now(), query.as_deref(), &headers))
}

/// CA1 -> CA4 or `error` (steps 1709 to 1726).
async fn pay(
    State(till): State<Arc<Till>>,
    Path(id): Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Response> {
    let body = body.map_err(|fault| unread(fault.status(), fault.body_text()).into_response())?;
    let malformed = |detail: String| Problem::new(Kind::Malformed, detail).into_response();
    let envelope = Envelope::parse(&body).map_err(|fault| malformed(fault.to_string()))?;
    let read = (ReceivedPayment::read(&body), OrderId::of(&id), body.len() <= MAX_CA1_BYTES);
    let (Ok(received), Some(addressed), true) = read else {
        return Ok(message(not_of_its_form(envelope.protocol)));
    };
    let text = String::from_utf8_lossy(&body).into_owned();
    let answer = till.collector.pay(Incoming { received, text, addressed }).await;
    answer.map(message).map_err(|fault| Problem::from(fault).into_response())
}

fn message(text: String) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE))], text).into_response()
}

/// Whether payments can be collected right now.
async fn health(State(till): State<Arc<Till>>) -> Result<Json<Json_>, Problem> {
    let mut sessions = serde_json::Map::new();
    for currency in &till.terms.currencies {
        let usable = till.sessions.usable_now(*currency).await;
        sessions.insert(currency.code().to_owned(), usable.is_ok_and(|session| session.is_some()).into());
    }
    Ok(Json(json!({ "status": "ok", "merchant-id": till.persona.id.as_str(), "sessions": sessions })))
}
