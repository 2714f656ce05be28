//! The merchant's dashboard: pages made on the server, without scripts. It is there once a password is set.
//!
//! | page | |
//! | --- | --- |
//! | `/dashboard` | orders: search, dates, status |
//! | `/dashboard/orders/{id}`, `.../receipt` | an order with its payments and refunds; a receipt to print |
//! | `/dashboard/payments`, `refunds`, `sessions`, `webhooks`, `settlements` | what the books hold of them |
//! | `/dashboard/export.csv`, `export.json` | everything that came and went in a time, as the server's statement tells it |
//!
//! Invariant: whatever changes something is a POST of a page of ours (`Sec-Fetch-Site`, `Origin`), with a cookie that no
//! other site can send along (`SameSite=Strict`) and a word that only our pages know.

mod export;
mod fault;
mod forms;
mod frame;
mod lists;
mod login;
mod orders;
mod query;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::from_fn;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use tower_http::set_header::SetResponseHeaderLayer;

use super::Till;

pub use login::{Door, PasswordFault, set_password};

/// Nothing but our own style sheet, and forms to ourselves.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
const STYLE: &str = include_str!("style.css");
/// A form of ours has a few hundred bytes.
const MAX_FORM_BYTES: usize = 8 * 1024;

/// The dashboard's routes.
pub fn routes(till: Arc<Till>) -> Router {
    let header = |name, value| SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value));
    Router::new()
        .route("/dashboard", get(orders::list))
        .route("/dashboard/login", get(login::page).post(login::log_in))
        .route("/dashboard/logout", post(login::log_out))
        .route("/dashboard/style.css", get(style))
        .route("/dashboard/orders/{id}", get(orders::show))
        .route("/dashboard/orders/{id}/receipt", get(orders::receipt))
        .route("/dashboard/orders/{id}/refund", post(forms::refund))
        .route("/dashboard/orders/{id}/cancel", post(forms::cancel))
        .route("/dashboard/payments", get(lists::payments))
        .route("/dashboard/refunds", get(lists::refunds))
        .route("/dashboard/sessions", get(lists::sessions))
        .route("/dashboard/webhooks", get(lists::webhooks))
        .route("/dashboard/deliveries/{id}/replay", post(forms::replay))
        .route("/dashboard/settlements", get(lists::settlements).post(forms::settle))
        .route("/dashboard/export.csv", get(export::csv))
        .route("/dashboard/export.json", get(export::json))
        .layer(DefaultBodyLimit::max(MAX_FORM_BYTES))
        .layer(from_fn(fault::as_page))
        .layer(header(HeaderName::from_static("content-security-policy"), POLICY))
        .layer(header(header::CACHE_CONTROL, "no-store"))
        .layer(header(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(header(header::REFERRER_POLICY, "same-origin"))
        .layer(header(header::X_FRAME_OPTIONS, "DENY"))
        .with_state(till)
}

async fn style() -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8"))], STYLE).into_response()
}
