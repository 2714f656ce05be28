//! What the operator's own machines ask: whether the process lives, whether it can take requests, and what it counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tower_http::timeout::TimeoutLayer;

use crate::metrics::Metrics;
use crate::server::Server;

/// Longest wait for the database before the server counts as not ready.
const PATIENCE: Duration = Duration::from_secs(2);
/// The media type of what Prometheus reads.
const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Whether a server can take requests.
#[derive(Clone)]
pub struct Readiness {
    server: Arc<Server>,
    ending: Arc<AtomicBool>,
}

impl Readiness {
    /// Of a server that was just started.
    pub fn new(server: Arc<Server>) -> Self {
        Self { server, ending: Arc::default() }
    }

    /// From now on the answer is no.
    pub fn end(&self) {
        self.ending.store(true, Ordering::Relaxed);
    }
}

/// `/readyz`, for whoever spreads requests over servers.
pub fn readiness(readiness: Readiness) -> Router {
    let patience = TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, PATIENCE);
    Router::new().route("/readyz", get(readyz)).layer(patience).with_state(readiness)
}

/// `/metrics`, `/healthz` and `/readyz`, on a port that only the operator can reach.
pub fn router(ready: Readiness, metrics: Metrics) -> Router {
    Router::new()
        .route("/metrics", get(async move || ([(header::CONTENT_TYPE, EXPOSITION)], metrics.text())))
        .route("/healthz", get(healthz))
        .merge(readiness(ready))
}

/// The process lives; a supervisor that hears nothing here starts it anew.
pub async fn healthz() -> &'static str {
    "ok\n"
}

/// The database answers, and nobody has asked the process to end.
async fn readyz(State(Readiness { server, ending }): State<Readiness>) -> Response {
    if ending.load(Ordering::Relaxed) {
        return (StatusCode::SERVICE_UNAVAILABLE, "ending\n").into_response();
    }
    match server.store().due(super::now(), 1).await {
        Ok(_) => "ready\n".into_response(),
        Err(error) => {
            tracing::error!(%error, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n").into_response()
        }
    }
}
