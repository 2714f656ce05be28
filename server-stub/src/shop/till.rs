//! The shop's side of its till: orders with the API key, and the public order routes passed through.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream::try_unfold;
use reqwest::{Client, RequestBuilder};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A payment waits for the server behind the till, which may be slow.
const TIMEOUT: Duration = Duration::from_secs(30);
/// A stream of an order's news: longer than the till lets it last.
const STREAM: Duration = Duration::from_mins(11);
/// Longer ids are not ours.
const MAX_ID_CHARS: usize = 64;

/// An order as the till takes it (protocol.md, section 7).
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct NewOrder {
    /// `usd 42.50`.
    pub amount: String,
    /// The merchant's words.
    pub note: String,
    /// The shop's own reference.
    pub reference: String,
    /// Where to go when it is paid.
    pub url_success: String,
    /// Where to go when it failed.
    pub url_failure: String,
    /// Where to go when the shopper said no.
    pub url_cancel: String,
}

/// Why the till did not do it.
#[derive(Debug, Error)]
pub enum TillFault {
    /// It could not be reached, or did not answer in its form.
    #[error(transparent)]
    Http(#[from] reqwest::Error),
    /// It refused.
    #[error("the till answered {0}")]
    Refused(StatusCode),
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Order {
    order_id: String,
    status: Option<String>,
}

/// The till, as the shop reaches it.
#[derive(Clone)]
pub struct Till {
    base: Arc<str>,
    api_key: Arc<str>,
    client: Client,
}

impl Till {
    /// The till at `base`.
    pub fn new(base: &str, api_key: &str) -> Self {
        let builder = Client::builder().no_proxy().timeout(TIMEOUT).redirect(reqwest::redirect::Policy::none());
        let client = builder.build().expect("invariant: a client without files or proxies can be built");
        Self { base: base.trim_end_matches('/').into(), api_key: api_key.into(), client }
    }

    /// Makes an order; yields its id.
    ///
    /// # Errors
    /// The till is away or refuses.
    pub async fn order(&self, new: &NewOrder) -> Result<String, TillFault> {
        let body = serde_json::to_vec(new).unwrap_or_default();
        let request = self.client.post(format!("{}/orders", self.base)).body(body);
        let request = request.header(header::CONTENT_TYPE, "application/json");
        self.send(request).await.map(|order| order.order_id)
    }

    /// The status of an order.
    ///
    /// # Errors
    /// The till is away or refuses.
    pub async fn status(&self, order: &str) -> Result<String, TillFault> {
        let request = self.client.get(format!("{}/orders/{order}", self.base));
        self.send(request).await.map(|order| order.status.unwrap_or_default())
    }

    async fn send(&self, request: RequestBuilder) -> Result<Order, TillFault> {
        let reply = request.bearer_auth(&self.api_key).send().await?;
        if !reply.status().is_success() {
            return Err(TillFault::Refused(reply.status()));
        }
        let bytes = reply.bytes().await?;
        serde_json::from_slice(&bytes).map_err(|_| TillFault::Refused(StatusCode::BAD_GATEWAY))
    }

    /// Passes a public `GET` of an order through.
    pub async fn pass_get(&self, order: &str, route: &str) -> Response {
        match self.address(order, route) {
            Some(url) => pass(self.client.get(url)).await,
            None => StatusCode::NOT_FOUND.into_response(),
        }
    }

    /// Passes the stream of an order's news through, each event as it comes.
    pub async fn pass_stream(&self, order: &str) -> Response {
        let Some(url) = self.address(order, "events") else { return StatusCode::NOT_FOUND.into_response() };
        let Ok(reply) = self.client.get(url).timeout(STREAM).send().await else {
            return StatusCode::BAD_GATEWAY.into_response();
        };
        let (status, headers) = head_of(&reply);
        let next = |mut reply: reqwest::Response| async move {
            Ok::<_, reqwest::Error>(reply.chunk().await?.map(|bytes| (bytes, reply)))
        };
        let body = Body::from_stream(try_unfold(reply, next));
        (status, headers, [("x-accel-buffering", "no")], body).into_response()
    }

    /// Passes the payment page and its parts through, in the reader's language.
    pub async fn pass_page(&self, order: &str, query: Option<&str>, language: Option<&HeaderValue>) -> Response {
        let Some(url) = self.address(order, "pay") else { return StatusCode::NOT_FOUND.into_response() };
        let part = query.filter(|part| ["qr", "style", "script", "watch"].contains(part));
        let request = self.client.get(part.map_or(url.clone(), |part| format!("{url}?{part}")));
        pass(match language {
            Some(language) => request.header(header::ACCEPT_LANGUAGE, language),
            None => request,
        })
        .await
    }

    /// Passes a CA1 through.
    pub async fn pass_payment(&self, order: &str, media_type: Option<&HeaderValue>, body: Bytes) -> Response {
        let Some(url) = self.address(order, "pay") else { return StatusCode::NOT_FOUND.into_response() };
        let mut request = self.client.post(url).body(body);
        if let Some(media_type) = media_type {
            request = request.header(header::CONTENT_TYPE, media_type);
        }
        pass(request).await
    }

    /// The till's address of an order; nothing for what cannot be an order id, so that no other address can be built.
    fn address(&self, order: &str, route: &str) -> Option<String> {
        let plain = order.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        let fits = plain && (1..=MAX_ID_CHARS).contains(&order.len());
        fits.then(|| format!("{}/orders/{order}/{route}", self.base))
    }
}

/// Status, media type and body of the till's answer; nothing else of it concerns the page.
async fn pass(request: RequestBuilder) -> Response {
    let Ok(reply) = request.send().await else { return StatusCode::BAD_GATEWAY.into_response() };
    let (status, headers) = head_of(&reply);
    let Ok(body) = reply.bytes().await else { return StatusCode::BAD_GATEWAY.into_response() };
    (status, headers, Body::from(body)).into_response()
}

/// Status and headers of an answer that is passed through.
fn head_of(reply: &reqwest::Response) -> (StatusCode, [(HeaderName, HeaderValue); 2]) {
    let media_type = reply.headers().get(header::CONTENT_TYPE).cloned();
    let media_type = media_type.unwrap_or(HeaderValue::from_static("application/octet-stream"));
    let headers = [(header::CONTENT_TYPE, media_type), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (reply.status(), headers)
}
