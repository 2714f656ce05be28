//! The payment server over HTTP (protocol.md section 7). Nothing in the protocol depends on it.

pub mod caller;
pub mod operator;
mod problem;
pub mod security_txt;
mod trial;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use protocol::date::Date;
use protocol::envelope::{MAX_MESSAGE_BYTES, MEDIA_TYPE};
use rand::SeedableRng as _;
use rand::rngs::{StdRng, SysRng};
use tower_http::cors::{Any, CorsLayer};
use tower_http::timeout::TimeoutLayer;

use self::caller::Caller;
use self::problem::{malformed, not_now, too_large};
use crate::server::{Answer, Server};

/// Longest time for one request, the slow sending of its body included.
const REQUEST_TIME: Duration = Duration::from_secs(30);
/// How long browsers may remember what CORS allows.
const CORS_MAX_AGE: Duration = Duration::from_hours(1);

/// The routes of a server.
pub fn router(server: Arc<Server>) -> Router {
    Router::new()
        .route("/cybercash", post(message))
        .route("/cybercash/keys", get(keys))
        .route("/healthz", get(operator::healthz))
        .layer(DefaultBodyLimit::max(MAX_MESSAGE_BYTES))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, REQUEST_TIME))
        .layer(cors())
        .with_state(server)
}

/// Anyone may call: messages are sealed and signed, and no cookie means anything here.
fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([header::CONTENT_TYPE])
        .allow_private_network(true)
        .max_age(CORS_MAX_AGE)
}

/// `POST /cybercash`: one message in, one out.
async fn message(State(server): State<Arc<Server>>, caller: Caller, body: Result<Bytes, BytesRejection>) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => return too_large(),
        Err(rejection) => return malformed(&rejection.body_text()),
    };
    let Ok(mut rng) = StdRng::try_from_rng(&mut SysRng) else {
        return not_now("The system gives no random numbers.");
    };
    let address = caller.address(server.door().is_behind_proxy());
    match server.handle_from(&body, address, now(), &mut rng).await {
        Answer::Reply(text) => ([(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE))], text).into_response(),
        Answer::NoContent => StatusCode::NO_CONTENT.into_response(),
        Answer::Malformed(fault) => malformed(&fault.to_string()),
    }
}

/// `GET /cybercash/keys`.
async fn keys(State(server): State<Arc<Server>>) -> Response {
    axum::Json(server.published()).into_response()
}

/// The system's clock.
pub fn now() -> Date {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Date::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
