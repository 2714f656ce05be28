//! Refunds for the shop's server.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use merchant_widget::till::record::LogStatus;
use merchant_widget::till::refund::{NewRefund, RefundFault, RefundLog};
use protocol::message::session::RecordNote;
use protocol::money::Money;
use protocol::outcome::Problem as Code;
use protocol::value::{Reading, Value as _};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::problem::{Kind, Problem, ProblemBody};
use super::super::refunds::Trouble;
use super::super::store::StoreFault;
use super::super::{Till, iso};
use super::access::{Caller, Named, Scope};
use super::orders::find;
use super::{json_of, read};

/// What to give back.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RefundForm {
    /// In the order's currency; absent: all that is left.
    #[schema(example = "usd 2.50")]
    amount: Option<String>,
    /// The reason, at most 60 characters, for both sides to read.
    note: Option<String>,
}

impl RefundForm {
    /// The refund, if all of it is of its form.
    ///
    /// # Errors
    /// The first field that is not.
    pub fn read(&self) -> Result<NewRefund, Problem> {
        let amount = |text: &str| {
            let form = "an amount is a currency and a decimal with exactly its digits: usd 42.50";
            Money::parse(text, Reading::STRICT).ok_or_else(|| Problem::new(Kind::BadAmount, form))
        };
        let note = |text: &str| {
            let form = "a reason is one line of 1 to 60 characters";
            RecordNote::of(text.trim()).ok_or_else(|| Problem::new(Kind::BadNote, form))
        };
        Ok(NewRefund {
            amount: self.amount.as_deref().map(amount).transpose()?,
            note: self.note.as_deref().map(note).transpose()?,
        })
    }
}

/// A refund as the shop sees it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ShownRefund {
    refund_id: String,
    order_id: String,
    /// What goes back, in the order's currency.
    amount: String,
    /// `pending`, `succeeded` or `failed`.
    status: &'static str,
    /// What the payer got, in the payer's currency.
    returned: Option<String>,
    /// Why it failed.
    problem: Option<String>,
    /// The reason.
    note: Option<String>,
    asked: String,
    done: Option<String>,
}

impl From<&RefundLog> for ShownRefund {
    fn from(log: &RefundLog) -> Self {
        Self {
            refund_id: log.id.to_string(),
            order_id: log.order_id.to_string(),
            amount: log.amount.to_string(),
            status: status(log.status),
            returned: log.returned.map(|amount| amount.to_string()),
            problem: log.result.as_ref().map(Code::code).map(str::to_owned),
            note: log.note.as_ref().map(ToString::to_string),
            asked: iso(log.asked),
            done: log.done.map(iso),
        }
    }
}

fn status(status: LogStatus) -> &'static str {
    match status {
        LogStatus::Attempt | LogStatus::Retry => "pending",
        LogStatus::Success => "succeeded",
        LogStatus::Failure => "failed",
    }
}

/// Gives all or part of a paid order back. The money goes to the payer's container, whatever became of the session that
/// paid. `pending` goes on by itself; the event `refund.succeeded` or `refund.failed` says how it ended.
#[utoipa::path(post, path = "/orders/{id}/refunds", tag = "refunds", security(("api-key" = ["refunds"])),
    params(("id" = String, Path, description = "The order."),
           ("Idempotency-Key" = Option<String>, Header, description = "Names the request; kept for seven days.")),
    request_body = RefundForm,
    responses((status = 201, body = ShownRefund), (status = 400, body = ProblemBody), (status = 401, body = ProblemBody),
              (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody),
              (status = 422, body = ProblemBody)))]
pub async fn refund(
    State(till): State<Arc<Till>>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    caller.may(Scope::Refunds)?;
    let body = read(body)?;
    let order = find(&till, &id).await?;
    let named = Named::of(&headers, &caller, &format!("POST /orders/{}/refunds", order.id), &body)?;
    if let Some(refund) = made_before(&till, named.as_ref()).await? {
        return Ok(made(&refund));
    }
    let form: RefundForm = if body.is_empty() { RefundForm::default() } else { json_of(&body)? };
    let (new, now) = (form.read()?, till.desk.clock.now());
    let answered = |log: &RefundLog| named.as_ref().map(|named| named.answered(log.id.as_str(), now));
    match till.refunder.refund(&order, &new, answered).await {
        Ok(refund) => Ok(made(&refund)),
        Err(Trouble::Store(StoreFault::Conflict)) => match made_before(&till, named.as_ref()).await? {
            Some(refund) => Ok(made(&refund)),
            None => Err(StoreFault::Conflict.into()),
        },
        Err(trouble) => Err(trouble.into()),
    }
}

async fn made_before(till: &Till, named: Option<&Named>) -> Result<Option<RefundLog>, Problem> {
    let Some(named) = named else { return Ok(None) };
    match named.made_before(till).await? {
        Some(id) => Ok(till.desk.store.refund(&id).await?),
        None => Ok(None),
    }
}

fn made(refund: &RefundLog) -> Response {
    (StatusCode::CREATED, Json(ShownRefund::from(refund))).into_response()
}

/// The refunds of an order, the oldest first.
#[utoipa::path(get, path = "/orders/{id}/refunds", tag = "refunds", security(("api-key" = ["read"])),
    params(("id" = String, Path, description = "The order.")),
    responses((status = 200, body = Vec<ShownRefund>), (status = 401, body = ProblemBody),
              (status = 403, body = ProblemBody), (status = 404, body = ProblemBody)))]
pub async fn list_refunds(
    State(till): State<Arc<Till>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Vec<ShownRefund>>, Problem> {
    caller.may(Scope::Read)?;
    let order = find(&till, &id).await?;
    let refunds = till.desk.store.refunds_of(&order.id).await?;
    Ok(Json(refunds.iter().map(ShownRefund::from).collect()))
}

impl From<Trouble> for Problem {
    fn from(trouble: Trouble) -> Self {
        let kind = match &trouble {
            Trouble::Store(_) => Kind::Internal,
            Trouble::Fault(fault) => match fault {
                RefundFault::NotPaid | RefundFault::TooMuch(_) | RefundFault::OldProtocol => Kind::NotRefundable,
                RefundFault::Amount => Kind::BadAmount,
                RefundFault::Crypto(_) => Kind::Internal,
            },
        };
        match trouble {
            Trouble::Store(fault) => fault.into(),
            Trouble::Fault(fault) => Self::new(kind, fault),
        }
    }
}
