//! API keys: made with scopes, shown once, kept as hashes, rotated without a gap.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::problem::{Kind, Problem, ProblemBody};
use super::super::store::access::AccessKey;
use super::super::{Till, api_key, iso};
use super::access::{Caller, Scope};
use super::form_of;

/// The most keys of a till that are let in.
const MAX_KEYS: usize = 256;
/// The longest name of a key.
const MAX_LABEL_CHARS: usize = 64;
/// The longest time that an old key lives on beside a new one.
const MAX_GRACE_MINUTES: u32 = 30 * 24 * 60;

/// What a key is for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct KeyForm {
    /// The merchant's name for it.
    label: String,
    /// `read`, `orders`, `refunds`, `webhooks`, `keys`; none that the caller's own key lacks.
    scopes: Vec<String>,
}

/// How an old key goes.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RotationForm {
    /// How long the old key is let in beside the new one.
    #[serde(default)]
    grace_minutes: u32,
}

/// A key.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ShownKey {
    key_id: String,
    label: String,
    scopes: Vec<String>,
    created: String,
    expires: Option<String>,
    /// The key itself; shown once, when it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

impl ShownKey {
    fn of(kept: AccessKey, key: Option<String>) -> Self {
        let AccessKey { id, hash: _, label, scopes, created, expires } = kept;
        Self { key_id: id, label, scopes, created: iso(created), expires: expires.map(iso), key }
    }
}

/// Makes a key.
#[utoipa::path(post, path = "/keys", tag = "keys", security(("api-key" = ["keys"])), request_body = KeyForm,
    responses((status = 201, body = ShownKey), (status = 400, body = ProblemBody), (status = 401, body = ProblemBody),
              (status = 403, body = ProblemBody), (status = 422, body = ProblemBody)))]
pub async fn make_key(
    State(till): State<Arc<Till>>,
    caller: Caller,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<ShownKey>), Problem> {
    caller.may(Scope::Keys)?;
    let KeyForm { label, scopes } = form_of(body)?;
    let plain = (1..=MAX_LABEL_CHARS).contains(&label.chars().count()) && !label.contains(char::is_control);
    if !plain {
        let detail = format!("A label is one line of 1 to {MAX_LABEL_CHARS} characters.");
        return Err(Problem::new(Kind::BadRequest, detail));
    }
    check_scopes(&caller, &scopes)?;
    make(&till, label, scopes).await
}

/// Nobody makes a key that may do more than their own.
fn check_scopes(caller: &Caller, scopes: &[String]) -> Result<(), Problem> {
    if scopes.is_empty() || scopes.iter().any(|scope| !caller.scopes().contains(scope)) {
        return Err(Problem::new(Kind::Scope, "A key has scopes of the key that makes it, at least one."));
    }
    Ok(())
}

async fn make(till: &Till, label: String, scopes: Vec<String>) -> Result<(StatusCode, Json<ShownKey>), Problem> {
    let (keys, created) = (till.desk.store.keys().await?, crate::http::now());
    if keys.iter().filter(|key| key.is_alive(created)).count() >= MAX_KEYS {
        return Err(Problem::new(Kind::TooMany, format!("A till has at most {MAX_KEYS} keys.")));
    }
    let key = api_key::generate();
    let hash = api_key::hash(&key);
    let kept = AccessKey { id: api_key::short_id(), hash, label, scopes, created, expires: None };
    till.desk.store.put_key(kept.clone()).await?;
    Ok((StatusCode::CREATED, Json(ShownKey::of(kept, Some(key)))))
}

/// All keys; of each what is known of it, not the key.
#[utoipa::path(get, path = "/keys", tag = "keys", security(("api-key" = ["keys"])),
    responses((status = 200, body = Vec<ShownKey>), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody)))]
pub async fn list_keys(State(till): State<Arc<Till>>, caller: Caller) -> Result<Json<Vec<ShownKey>>, Problem> {
    caller.may(Scope::Keys)?;
    let keys = till.desk.store.keys().await?;
    Ok(Json(keys.into_iter().map(|key| ShownKey::of(key, None)).collect()))
}

/// Ends a key at once.
#[utoipa::path(delete, path = "/keys/{id}", tag = "keys", security(("api-key" = ["keys"])),
    params(("id" = String, Path, description = "The key.")),
    responses((status = 204), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
              (status = 404, body = ProblemBody)))]
pub async fn end_key(
    State(till): State<Arc<Till>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    caller.may(Scope::Keys)?;
    if till.desk.store.expire_key(&id, crate::http::now()).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Problem::new(Kind::Unknown, "There is no such key."))
}

/// Makes a key with the same label and scopes; the old one ends, at once or after a grace.
#[utoipa::path(post, path = "/keys/{id}/rotate", tag = "keys", security(("api-key" = ["keys"])),
    params(("id" = String, Path, description = "The old key.")), request_body = RotationForm,
    responses((status = 201, body = ShownKey), (status = 400, body = ProblemBody), (status = 401, body = ProblemBody),
              (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 422, body = ProblemBody)))]
pub async fn rotate_key(
    State(till): State<Arc<Till>>,
    caller: Caller,
    Path(id): Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<ShownKey>), Problem> {
    caller.may(Scope::Keys)?;
    let RotationForm { grace_minutes } = form_of(body)?;
    if grace_minutes > MAX_GRACE_MINUTES {
        return Err(Problem::new(Kind::BadRequest, format!("The grace is at most {MAX_GRACE_MINUTES} minutes.")));
    }
    let (now, keys) = (crate::http::now(), till.desk.store.keys().await?);
    let alive = |key: &&AccessKey| key.id == id && key.is_alive(now);
    let unknown = || Problem::new(Kind::Unknown, "There is no such key.");
    let AccessKey { label, scopes, .. } = keys.iter().find(alive).ok_or_else(unknown)?.clone();
    check_scopes(&caller, &scopes)?;
    let made = make(&till, label, scopes).await?;
    till.desk.store.expire_key(&id, now.plus_secs(60 * i64::from(grace_minutes))).await?;
    Ok(made)
}
