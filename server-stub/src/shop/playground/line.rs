//! The line between till and server, on which things go wrong as an order rehearses it.

use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, OriginalUri, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use protocol::envelope::MAX_MESSAGE_BYTES;
use reqwest::Client;

use super::{Playground, Scenario};

/// How long a slow server takes: people wonder, nobody gives up.
const SLOW: Duration = Duration::from_secs(6);
/// How often a server that is down is not reached; with the till's pauses about a second and a half.
const DOWN_TRIES: u32 = 3;

#[derive(Clone)]
struct Line {
    playground: Playground,
    client: Client,
}

/// The line; the till takes it for the server.
pub fn router(playground: Playground) -> Router {
    let client =
        Client::builder().no_proxy().build().expect("invariant: a client without files or proxies can be built");
    let line = Line { playground, client };
    Router::new().fallback(pass).layer(DefaultBodyLimit::max(MAX_MESSAGE_BYTES)).with_state(line)
}

/// Passes a request on, and its answer back, as far as the rehearsal lets them.
async fn pass(
    State(line): State<Line>,
    method: Method,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let message = String::from_utf8_lossy(&body).into_owned();
    let tape = &line.playground.tape;
    let plan = tape.ca2(&message);
    match plan {
        Some((Scenario::Slow, 1)) => tokio::time::sleep(SLOW).await,
        Some((Scenario::Down, tries)) if tries <= DOWN_TRIES => return StatusCode::BAD_GATEWAY.into_response(),
        _ => {}
    }
    let mut request = line.client.request(method, format!("{}{uri}", line.playground.server_url)).body(body);
    if let Some(media_type) = headers.get(header::CONTENT_TYPE) {
        request = request.header(header::CONTENT_TYPE, media_type);
    }
    let Ok(reply) = request.send().await else { return StatusCode::BAD_GATEWAY.into_response() };
    let (status, media_type) = (reply.status(), reply.headers().get(header::CONTENT_TYPE).cloned());
    let Ok(answer) = reply.bytes().await else { return StatusCode::BAD_GATEWAY.into_response() };
    tape.ca3(&message, &String::from_utf8_lossy(&answer));
    if matches!(plan, Some((Scenario::Lost, 1))) {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    let mut response = (status, answer).into_response();
    if let Some(media_type) = media_type {
        response.headers_mut().insert(header::CONTENT_TYPE, media_type);
    }
    response
}
