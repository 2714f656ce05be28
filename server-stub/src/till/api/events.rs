//! The feed of events: everything that happened, in order. Webhooks say it sooner; this says it surely.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout_at};
use utoipa::{IntoParams, ToSchema};

use super::super::problem::{Problem, ProblemBody};
use super::super::store::events::Event;
use super::super::{Till, iso};
use super::access::{Caller, Scope};
use super::no_query;

/// The most events in one answer.
const MAX_EVENTS: u32 = 500;
/// The longest wait for the next event.
const MAX_WAIT_SECS: u64 = 30;
/// How often events are looked for that come without an order.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Which events.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct EventsQuery {
    /// `next` of the last answer; 0 or nothing: from the first on.
    #[serde(default)]
    after: i64,
    /// At most this many, up to 500.
    #[serde(default = "most")]
    limit: u32,
    /// Where there are none: how many seconds to wait for one, up to 30.
    #[serde(default)]
    wait: u64,
}

fn most() -> u32 {
    MAX_EVENTS
}

/// An event, as webhooks carry it too.
#[derive(Debug, Serialize, ToSchema)]
pub struct ShownEvent {
    /// Its place in the order of all events.
    id: i64,
    /// `order.created`, `order.paid`, `order.failed`, `order.cancelled`, `order.expired`, `refund.succeeded`,
    /// `refund.failed`, `settlement.succeeded` or `settlement.failed`.
    #[serde(rename = "type")]
    #[schema(example = "order.paid")]
    kind: String,
    date: String,
    /// What it is about.
    #[schema(value_type = Object)]
    data: serde_json::Value,
}

/// Events, and where to go on.
#[derive(Debug, Serialize, ToSchema)]
pub struct Events {
    events: Vec<ShownEvent>,
    /// `after` of the next request.
    next: i64,
}

impl Events {
    fn of(events: Vec<Event>, after: i64) -> Self {
        let next = events.last().map_or(after, |event| event.id);
        let shown = |Event { id, date, kind, data }| ShownEvent { id, kind, date: iso(date), data };
        Self { events: events.into_iter().map(shown).collect(), next }
    }
}

/// Events in order. A shop that keeps `next` misses nothing, whatever becomes of its webhooks.
#[utoipa::path(get, path = "/events", tag = "events", security(("api-key" = ["read"])), params(EventsQuery),
    responses((status = 200, body = Events), (status = 400, body = ProblemBody), (status = 401, body = ProblemBody),
              (status = 403, body = ProblemBody)))]
pub async fn list_events(
    State(till): State<Arc<Till>>,
    caller: Caller,
    query: Result<Query<EventsQuery>, QueryRejection>,
) -> Result<Json<Events>, Problem> {
    caller.may(Scope::Read)?;
    let Query(EventsQuery { after, limit, wait }) = query.map_err(|fault| no_query(&fault))?;
    let limit = limit.clamp(1, MAX_EVENTS);
    let give_up = Instant::now() + Duration::from_secs(wait.min(MAX_WAIT_SECS));
    loop {
        let mut written = till.desk.store.watch();
        let events = till.desk.store.events(after, limit).await?;
        if !events.is_empty() || Instant::now() >= give_up {
            return Ok(Json(Events::of(events, after)));
        }
        // Most events come with an order; the others are found a moment later.
        let look = (Instant::now() + LOOK_EVERY).min(give_up);
        let _ = timeout_at(look, written.recv()).await;
    }
}
