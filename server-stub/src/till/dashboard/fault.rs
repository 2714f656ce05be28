//! What a person is told where there is no page to show: programs get problems as JSON, browsers a page that says what to do.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use maud::html;

use super::frame;
use crate::texts::Texts;

/// Gives an error the form of a page, where whoever asks reads pages.
pub async fn as_page(request: Request, next: Next) -> Response {
    let (reads_pages, texts) =
        (says(request.headers(), header::ACCEPT, "text/html"), Texts::for_reader(request.headers()));
    let response = next.run(request).await;
    let status = response.status();
    let is_fault = status.is_client_error() || status.is_server_error();
    if !reads_pages || !is_fault || says(response.headers(), header::CONTENT_TYPE, "text/html") {
        return response;
    }
    let title = texts.get("till-fault");
    let body = html! {
        h1 { (title) }
        p.fault role="alert" { (texts.get(words(status))) }
        p { a href="/dashboard" { (texts.get("till-orders")) } }
    };
    (status, frame::bare(texts, title, &body)).into_response()
}

fn says(headers: &HeaderMap, name: HeaderName, what: &str) -> bool {
    headers.get(name).and_then(|value| value.to_str().ok()).is_some_and(|value| value.contains(what))
}

fn words(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "till-fault-unknown",
        StatusCode::FORBIDDEN => "till-fault-forbidden",
        StatusCode::CONFLICT => "till-fault-overtaken",
        status if status.is_client_error() => "till-fault-form",
        _ => "till-fault-internal",
    }
}
