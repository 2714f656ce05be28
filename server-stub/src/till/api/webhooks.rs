//! Webhooks for the shop's server: where events are sent, what was sent, and sending it again.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::problem::{Kind, Problem, ProblemBody};
use super::super::store::events::KINDS;
use super::super::store::hooks::{Delivery, Webhook};
use super::super::webhooks::{new_secret, secret_text};
use super::super::{Till, api_key, iso};
use super::access::{Caller, Scope};
use super::{form_of, no_query};

/// The most webhooks of a till: each of them gets every event.
const MAX_WEBHOOKS: usize = 16;
/// The most deliveries in one answer.
const MAX_DELIVERIES: u32 = 100;

/// Where to send events.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct WebhookForm {
    /// A public `https` address.
    #[schema(example = "https://shop.example/webhooks/pay-cash")]
    url: String,
    /// Which events; absent or empty: all.
    #[serde(default)]
    events: Vec<String>,
}

/// A webhook.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ShownWebhook {
    webhook_id: String,
    url: String,
    /// Which events; empty: all.
    events: Vec<String>,
    created: String,
    /// What deliveries are signed with (Standard Webhooks); shown once, when the webhook is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

impl ShownWebhook {
    fn of(hook: &Webhook, secret: Option<String>) -> Self {
        let Webhook { id, url, kinds, created, secret: _ } = hook.clone();
        Self { webhook_id: id, url, events: kinds, created: iso(created), secret }
    }
}

/// A delivery.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ShownDelivery {
    delivery_id: i64,
    webhook_id: String,
    /// The event's id.
    event: i64,
    /// `due`, `done` or `failed`.
    state: &'static str,
    attempts: u32,
    first: Option<String>,
    /// When it is tried again.
    next: Option<String>,
    /// HTTP status of the last answer.
    status: Option<u16>,
    /// Why the last try failed.
    fault: Option<String>,
}

impl From<Delivery> for ShownDelivery {
    fn from(delivery: Delivery) -> Self {
        let Delivery { id, webhook, event, state, attempts, first, next, status, fault } = delivery;
        Self {
            delivery_id: id,
            webhook_id: webhook,
            event,
            state: state.as_str(),
            attempts,
            first: first.map(iso),
            next: (state.as_str() == "due" && attempts > 0).then(|| iso(next)),
            status,
            fault,
        }
    }
}

/// Sends events to an address from now on.
#[utoipa::path(post, path = "/webhooks", tag = "webhooks", security(("api-key" = ["webhooks"])), request_body = WebhookForm,
    responses((status = 201, body = ShownWebhook), (status = 400, body = ProblemBody), (status = 401, body = ProblemBody),
              (status = 403, body = ProblemBody), (status = 422, body = ProblemBody)))]
pub async fn make_webhook(
    State(till): State<Arc<Till>>,
    caller: Caller,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<ShownWebhook>), Problem> {
    caller.may(Scope::Webhooks)?;
    let WebhookForm { url, events } = form_of(body)?;
    let url = till.guard.check(&url).map_err(|fault| Problem::new(Kind::BadUrl, fault))?;
    if let Some(unknown) = events.iter().find(|kind| !KINDS.contains(&kind.as_str())) {
        return Err(Problem::new(Kind::BadRequest, format!("There is no event {unknown:?}.")));
    }
    if till.desk.store.webhooks().await?.len() >= MAX_WEBHOOKS {
        return Err(Problem::new(Kind::TooMany, format!("A till has at most {MAX_WEBHOOKS} webhooks.")));
    }
    let (secret, created) = (new_secret(), crate::http::now());
    let hook = Webhook { id: api_key::short_id(), url: url.into(), secret, kinds: events, created };
    till.desk.store.put_webhook(hook.clone()).await?;
    let shown = ShownWebhook::of(&hook, Some(secret_text(&hook.secret)));
    Ok((StatusCode::CREATED, Json(shown)))
}

/// All webhooks, without their secrets.
#[utoipa::path(get, path = "/webhooks", tag = "webhooks", security(("api-key" = ["webhooks"])),
    responses((status = 200, body = Vec<ShownWebhook>), (status = 401, body = ProblemBody),
              (status = 403, body = ProblemBody)))]
pub async fn list_webhooks(State(till): State<Arc<Till>>, caller: Caller) -> Result<Json<Vec<ShownWebhook>>, Problem> {
    caller.may(Scope::Webhooks)?;
    let hooks = till.desk.store.webhooks().await?;
    Ok(Json(hooks.iter().map(|hook| ShownWebhook::of(hook, None)).collect()))
}

/// Sends nothing more to a webhook.
#[utoipa::path(delete, path = "/webhooks/{id}", tag = "webhooks", security(("api-key" = ["webhooks"])),
    params(("id" = String, Path, description = "The webhook.")),
    responses((status = 204), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
              (status = 404, body = ProblemBody)))]
pub async fn remove_webhook(
    State(till): State<Arc<Till>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    caller.may(Scope::Webhooks)?;
    if till.desk.store.remove_webhook(&id, crate::http::now()).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Problem::new(Kind::Unknown, "There is no such webhook."))
}

/// Which deliveries.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct DeliveriesQuery {
    /// Those before this delivery; absent: the newest.
    #[serde(default = "newest")]
    before: i64,
}

fn newest() -> i64 {
    i64::MAX
}

/// What was sent to a webhook, the newest first, at most 100.
#[utoipa::path(get, path = "/webhooks/{id}/deliveries", tag = "webhooks", security(("api-key" = ["webhooks"])),
    params(("id" = String, Path, description = "The webhook."), DeliveriesQuery),
    responses((status = 200, body = Vec<ShownDelivery>), (status = 400, body = ProblemBody),
              (status = 401, body = ProblemBody), (status = 403, body = ProblemBody)))]
pub async fn list_deliveries(
    State(till): State<Arc<Till>>,
    caller: Caller,
    Path(id): Path<String>,
    query: Result<Query<DeliveriesQuery>, QueryRejection>,
) -> Result<Json<Vec<ShownDelivery>>, Problem> {
    caller.may(Scope::Webhooks)?;
    let Query(DeliveriesQuery { before }) = query.map_err(|fault| no_query(&fault))?;
    let deliveries = till.desk.store.deliveries(Some(id), before, MAX_DELIVERIES).await?;
    Ok(Json(deliveries.into_iter().map(ShownDelivery::from).collect()))
}

/// Sends an event once more, as a delivery of its own.
#[utoipa::path(post, path = "/deliveries/{id}/replay", tag = "webhooks", security(("api-key" = ["webhooks"])),
    params(("id" = i64, Path, description = "The delivery.")),
    responses((status = 202), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
              (status = 404, body = ProblemBody)))]
pub async fn replay(
    State(till): State<Arc<Till>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    caller.may(Scope::Webhooks)?;
    let unknown = || Problem::new(Kind::Unknown, "There is no such delivery, or its webhook is gone.");
    let id: i64 = id.parse().map_err(|_| unknown())?;
    till.desk.store.replay(id).await?.map(|_| StatusCode::ACCEPTED).ok_or_else(unknown)
}
