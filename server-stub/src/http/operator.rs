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

use super::trial::Trials;
use crate::metrics::Metrics;
use crate::server::Server;
use crate::store::CommitError;

/// Longest wait for the database before the server counts as not ready.
const PATIENCE: Duration = Duration::from_secs(2);
/// The media type of what Prometheus reads.
const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Whether a server can take requests.
#[derive(Clone)]
pub struct Readiness {
    server: Arc<Server>,
    trials: Arc<Trials>,
    ending: Arc<AtomicBool>,
}

impl Readiness {
    /// Of a server that was just started.
    pub fn new(server: Arc<Server>) -> Self {
        let trials = Arc::new(Trials::of(server.store().clone()));
        Self { server, trials, ending: Arc::default() }
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

/// The database answers, something can be stored in it, and nobody has asked the process to end.
async fn readyz(State(ready): State<Readiness>) -> Response {
    if ready.ending.load(Ordering::Relaxed) {
        return not_ready("ending\n");
    }
    if let Err(error) = ready.server.store().due(super::now(), 1).await {
        tracing::error!(%error, "not ready");
        return not_ready("the database does not answer\n");
    }
    match ready.trials.outcome().await {
        // Whoever has too much to do can do it: another server would not do it sooner.
        Ok(()) | Err(CommitError::Busy) => "ready\n".into_response(),
        Err(error @ (CommitError::Store(_) | CommitError::Conflict(_))) => {
            tracing::error!(%error, "not ready: nothing can be stored");
            not_ready("nothing can be stored\n")
        }
    }
}

fn not_ready(why: &'static str) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, why).into_response()
}
