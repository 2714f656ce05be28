//! The till over HTTP (protocol.md section 7; `GET /openapi.json` describes all of it but the dashboard).
//!
//! | who | route | |
//! | --- | --- | --- |
//! | shop | `/orders`, `/orders/{id}`, `.../cancel`, `.../refunds`, `/events`, `/webhooks`, `/keys` | with an API key; never from a browser |
//! | page | `GET /orders/{id}/payment-request`, `/status`, `/events` | any origin; an order's id is not guessable |
//! | browser | `GET /orders/{id}/pay` | the hosted payment page |
//! | wallet | `POST /orders/{id}/pay` | any origin; CA1 -> CA4 or `error` |
//! | merchant | `/dashboard` | with a password |
//! | operator | `GET /healthz` | |

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::map_response;
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use protocol::envelope::MAX_MESSAGE_BYTES;
use serde_json::{Value as Json_, json};
use tower_http::cors::{Any, CorsLayer};
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::TimeoutLayer;

use super::Till;
use super::api::{events, keys, openapi, orders, public, refunds, webhooks};
use super::dashboard;
use super::problem::{Problem, in_form};

/// An order as a shop writes it: a note of 2,000 characters, items and three addresses fit several times.
const MAX_ORDER_BYTES: usize = 128 * 1024;
/// How long browsers may remember that the public routes are open to any origin.
const PREFLIGHT: Duration = Duration::from_hours(1);
/// Longest time for a request, the collector's patience included.
const REQUEST: Duration = Duration::from_secs(40);

/// All routes of a till, and others that are not its own. What none of them knows is answered as a problem too.
pub fn all(till: Arc<Till>, others: Router) -> Router {
    let shop = Router::new()
        .route("/orders", post(orders::place_order))
        .route("/orders/{id}", get(orders::show_order))
        .route("/orders/{id}/cancel", post(orders::cancel_order))
        .route("/orders/{id}/refunds", post(refunds::refund).get(refunds::list_refunds))
        .route("/events", get(events::list_events))
        .route("/webhooks", post(webhooks::make_webhook).get(webhooks::list_webhooks))
        .route("/webhooks/{id}", delete(webhooks::remove_webhook))
        .route("/webhooks/{id}/deliveries", get(webhooks::list_deliveries))
        .route("/deliveries/{id}/replay", post(webhooks::replay))
        .route("/keys", post(keys::make_key).get(keys::list_keys))
        .route("/keys/{id}", delete(keys::end_key))
        .route("/keys/{id}/rotate", post(keys::rotate_key))
        .layer(DefaultBodyLimit::max(MAX_ORDER_BYTES))
        .route("/openapi.json", get(openapi::show))
        .route("/healthz", get(health));
    finished(shop.with_state(till.clone()))
        .merge(dashboard::routes(till.clone()))
        .merge(public_routes(till))
        .merge(others)
        .layer(map_response(in_form))
}

/// The routes that pages and wallets use. A shop makes them reachable under its own origin.
pub fn public_routes(till: Arc<Till>) -> Router {
    let cors = CorsLayer::new().allow_origin(Any).allow_methods([Method::GET, Method::POST]);
    let cors = cors.allow_headers([header::CONTENT_TYPE]).max_age(PREFLIGHT);
    let routes = Router::new()
        .route("/orders/{id}/payment-request", get(public::payment_request))
        .route("/orders/{id}/status", get(public::status))
        .route("/orders/{id}/events", get(public::events))
        .route("/orders/{id}/pay", post(public::pay).get(public::pay_page))
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

/// Whether payments can be collected right now.
async fn health(State(till): State<Arc<Till>>) -> Result<Json<Json_>, Problem> {
    let mut sessions = serde_json::Map::new();
    for currency in &till.terms.currencies {
        let usable = till.sessions.usable_now(*currency).await;
        sessions.insert(currency.code().to_owned(), usable.is_ok_and(|session| session.is_some()).into());
    }
    Ok(Json(json!({ "status": "ok", "merchant-id": till.persona.id.as_str(), "sessions": sessions })))
}
