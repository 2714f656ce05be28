//! Answers to what is no message: problem details (RFC 9457).

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

#[derive(Serialize)]
struct Details<'a> {
    title: &'a str,
    status: u16,
    detail: &'a str,
}

fn problem(status: StatusCode, title: &str, detail: &str) -> Response {
    let details = Details { title, status: status.as_u16(), detail };
    let media_type = HeaderValue::from_static("application/problem+json");
    (status, [(header::CONTENT_TYPE, media_type)], Json(details)).into_response()
}

/// 400: not a message, or damaged on its way. Nothing was stored.
pub fn malformed(detail: &str) -> Response {
    problem(StatusCode::BAD_REQUEST, "This is not a message of this protocol", detail)
}

/// 413.
pub fn too_large() -> Response {
    problem(StatusCode::PAYLOAD_TOO_LARGE, "The message is too large", "A message is at most 1 MiB long.")
}

/// 503.
pub fn not_now(detail: &str) -> Response {
    problem(StatusCode::SERVICE_UNAVAILABLE, "The server cannot answer now", detail)
}
