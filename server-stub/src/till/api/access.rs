//! Who may do what: API keys with scopes, and requests that are done once however often they come.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::{HeaderMap, header, request::Parts};
use axum::response::{IntoResponse as _, Response};
use protocol::Protocol;
use protocol::date::Date;

use super::super::Till;
use super::super::api_key;
use super::super::problem::{Kind, Problem};
use super::super::store::access::{AccessKey, Answered};

/// What an API key may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Look at orders, refunds and events.
    Read,
    /// Place and cancel orders.
    Orders,
    /// Give money back.
    Refunds,
    /// Say where events are sent.
    Webhooks,
    /// Make further keys.
    Keys,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Read, Self::Orders, Self::Refunds, Self::Webhooks, Self::Keys];

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Orders => "orders",
            Self::Refunds => "refunds",
            Self::Webhooks => "webhooks",
            Self::Keys => "keys",
        }
    }

    /// Every scope, as keys keep them.
    pub fn all_names() -> Vec<String> {
        Self::ALL.iter().map(|scope| scope.as_str().to_owned()).collect()
    }
}

/// Whoever has shown an API key.
#[derive(Clone, Debug)]
pub struct Caller {
    key: AccessKey,
}

impl Caller {
    /// Whether the key allows it.
    ///
    /// # Errors
    /// It does not.
    pub fn may(&self, scope: Scope) -> Result<(), Problem> {
        if self.key.scopes.iter().any(|name| name == scope.as_str()) {
            return Ok(());
        }
        Err(Problem::new(Kind::Scope, format!("This key lacks the scope {}.", scope.as_str())))
    }

    /// The key's scopes.
    pub fn scopes(&self) -> &[String] {
        &self.key.scopes
    }
}

impl FromRequestParts<Arc<Till>> for Caller {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, till: &Arc<Till>) -> Result<Self, Response> {
        let value = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let shown = value.and_then(|value| value.split_once(' '));
        let shown = shown.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, key)| key.trim());
        let found = match shown {
            Some(key) => till.desk.store.key_of_hash(api_key::hash(key)).await,
            None => Ok(None),
        };
        let found = found.map_err(|fault| Problem::from(fault).into_response())?;
        if let Some(key) = found.filter(|key| key.is_alive(crate::http::now())) {
            return Ok(Self { key });
        }
        let problem = Problem::new(Kind::Unauthorized, "Authorization: Bearer <api key>");
        Err(([(header::WWW_AUTHENTICATE, "Bearer")], problem).into_response())
    }
}

/// The header that names a request, so that it is done once.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// The longest name of a request.
const MAX_NAME_CHARS: usize = 255;
/// How long names are remembered, in seconds: longer than anybody retries.
pub const REMEMBERED_SECS: i64 = 7 * 24 * 3_600;

/// A request with a name of its own.
#[derive(Clone, Debug)]
pub struct Named {
    owner: String,
    name: String,
    request: Vec<u8>,
}

impl Named {
    /// The name of a request, if it has one; `what` and the body tell requests apart.
    ///
    /// # Errors
    /// The name is not one.
    pub fn of(headers: &HeaderMap, caller: &Caller, what: &str, body: &[u8]) -> Result<Option<Self>, Problem> {
        let Some(name) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
        let plain = |name: &&str| (1..=MAX_NAME_CHARS).contains(&name.len());
        let form = || Problem::new(Kind::BadRequest, "An Idempotency-Key has 1 to 255 printable ASCII characters.");
        let name = name.to_str().ok().filter(plain).ok_or_else(form)?.to_owned();
        let request = Protocol::V2.suite().digest(&[what.as_bytes(), b"\n", body].concat());
        Ok(Some(Self { owner: caller.key.id.clone(), name, request }))
    }

    /// What was made when the same request came before.
    ///
    /// # Errors
    /// Another request came under this name.
    pub async fn made_before(&self, till: &Till) -> Result<Option<String>, Problem> {
        match till.desk.store.answered(&self.owner, &self.name).await? {
            None => Ok(None),
            Some(found) if found.request == self.request => Ok(Some(found.subject)),
            Some(_) => {
                let detail = "This Idempotency-Key was used for another request; nothing was done.";
                Err(Problem::new(Kind::IdempotencyReused, detail))
            }
        }
    }

    /// What is kept once `subject` is made.
    pub fn answered(&self, subject: &str, date: Date) -> Answered {
        let Self { owner, name, request } = self.clone();
        Answered { owner, name, request, subject: subject.to_owned(), date }
    }
}
