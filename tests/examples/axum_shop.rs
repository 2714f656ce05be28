//! A whole shop: a page with the button, pages to come back to, and the till's public routes under its own origin.

use std::env;

use axum::body::{Body, Bytes};
use axum::extract::{OriginalUri, Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::{Router, routing::get};
use futures_util::stream::try_unfold;
use serde_json::{Value, json};

#[derive(Clone)]
struct Till {
    url: String,
    api_key: String,
    http: reqwest::Client,
}

impl Till {
    async fn ask(&self, path: &str, order: Option<Value>) -> Result<Value, StatusCode> {
        let url = format!("{}{path}", self.url);
        let ask = match order {
            Some(order) => self.http.post(url).header(header::CONTENT_TYPE, "application/json").body(order.to_string()),
            None => self.http.get(url),
        };
        let reply = ask.bearer_auth(&self.api_key).send().await.map_err(|_| StatusCode::BAD_GATEWAY)?;
        let body = reply.bytes().await.map_err(|_| StatusCode::BAD_GATEWAY)?;
        serde_json::from_slice(&body).map_err(|_| StatusCode::BAD_GATEWAY)
    }
}

fn page(body: &str) -> Html<String> {
    Html(format!(
        r#"<!doctype html><html lang="en"><meta charset="utf-8"><title>Coffee</title>
        <script async src="/pay-cash.js"></script><main>{body}</main></html>"#
    ))
}

async fn product(State(till): State<Till>) -> Result<Html<String>, StatusCode> {
    let order = till.ask("/orders", Some(json!({ "amount": "usd 4.20", "note": "One coffee" }))).await?;
    let order = order["order-id"].as_str().ok_or(StatusCode::BAD_GATEWAY)?;
    Ok(page(&format!(
        r#"<h1>One coffee</h1><pay-cash-button request-src="/orders/{order}/payment-request">
        <a href="/orders/{order}/pay">Pay cash</a></pay-cash-button>"#
    )))
}

/// Where the browser comes back to; what it shows comes from the till.
async fn ended(State(till): State<Till>, Query(query): Query<Value>) -> Result<Html<String>, StatusCode> {
    let order = query["order"].as_str().filter(|id| id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'));
    let order = till.ask(&format!("/orders/{}", order.ok_or(StatusCode::NOT_FOUND)?), None).await?;
    let thanks = order["status"] == "paid";
    Ok(page(if thanks { "<h1>Thank you, your coffee is coming</h1>" } else { "<h1>Not paid</h1>" }))
}

/// The till's public routes under the shop's origin; what it says is passed on as it comes.
async fn forward(
    State(till): State<Till>,
    Path((_, route)): Path<(String, String)>,
    OriginalUri(uri): OriginalUri,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, StatusCode> {
    if !["payment-request", "status", "events", "pay"].contains(&route.as_str()) {
        return Err(StatusCode::NOT_FOUND);
    }
    let mut ask = till.http.request(method, format!("{}{uri}", till.url)).body(body);
    for name in [header::CONTENT_TYPE, header::ACCEPT_LANGUAGE] {
        if let Some(value) = headers.get(&name) {
            ask = ask.header(name, value);
        }
    }
    let reply = ask.send().await.map_err(|_| StatusCode::BAD_GATEWAY)?;
    let media_type = reply.headers().get(header::CONTENT_TYPE).cloned().ok_or(StatusCode::BAD_GATEWAY)?;
    let headers = [(header::CONTENT_TYPE, media_type), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    let next = |mut reply: reqwest::Response| async move {
        Ok::<_, reqwest::Error>(reply.chunk().await?.map(|bytes| (bytes, reply)))
    };
    Ok((reply.status(), headers, Body::from_stream(try_unfold(reply, next))).into_response())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let of = |name: &str, or: &str| env::var(name).unwrap_or_else(|_| or.to_owned());
    let http = reqwest::Client::builder().no_proxy().build()?;
    let till = Till { url: of("TILL", "http://127.0.0.1:8402"), api_key: env::var("API_KEY")?, http };
    let app = Router::new()
        .route("/", get(product))
        .route("/success", get(ended))
        .route("/failure", get(ended))
        .route("/cancel", get(ended))
        .route("/orders/{id}/{route}", get(forward).post(forward))
        .fallback_service(tower_http::services::ServeDir::new(of("WIDGET", "target/widget")))
        .with_state(till);
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{}", of("PORT", "3000"))).await?;
    println!("listening on http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}
