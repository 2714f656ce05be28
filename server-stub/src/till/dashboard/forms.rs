//! What the dashboard's forms do: refund, cancel, send again, settle. Each ends on a page that says what was done.

use std::sync::Arc;

use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use merchant_widget::till::order;
use merchant_widget::till::record::LogStatus;
use merchant_widget::till::refund::{NewRefund, RefundLog};
use protocol::message::session::RecordNote;
use protocol::money::Money;
use serde::Deserialize;

use super::super::Till;
use super::super::api::orders::find;
use super::super::problem::Problem;
use super::super::store::access::Answered;
use super::login::{Merchant, Token};

/// Under whose name the dashboard's refunds are remembered.
const OWNER: &str = "dashboard";

/// What the refund form says.
#[derive(Deserialize)]
pub struct RefundForm {
    token: String,
    once: String,
    amount: String,
    #[serde(default)]
    note: String,
}

fn back(path: &str, done: &str) -> Response {
    Redirect::to(&format!("{path}?done={done}")).into_response()
}

/// `POST /dashboard/orders/{id}/refund`.
pub async fn refund(
    State(till): State<Arc<Till>>,
    merchant: Merchant,
    Path(id): Path<String>,
    Form(form): Form<RefundForm>,
) -> Result<Response, Problem> {
    if !merchant.knows(&form.token) {
        return Ok(StatusCode::FORBIDDEN.into_response());
    }
    let order = find(&till, &id).await?;
    let path = format!("/dashboard/orders/{}", order.id);
    let amount = form.amount.trim().replace(',', ".");
    let Some(amount) = Money::of_decimal(order.amount.currency, &amount, true) else {
        return Ok(back(&path, "till-failed"));
    };
    if till.desk.store.answered(OWNER, &form.once).await?.is_some() {
        // The form was sent twice: it was done the first time.
        return Ok(back(&path, "till-done-refund"));
    }
    let new = NewRefund { amount: Some(amount), note: RecordNote::of(form.note.trim()) };
    let answered = |log: &RefundLog| {
        let (owner, name, subject) = (OWNER.to_owned(), form.once.clone(), log.id.to_string());
        Some(Answered { owner, name, request: Vec::new(), subject, date: crate::http::now() })
    };
    let done = match till.refunder.refund(&order, &new, answered).await {
        Ok(refund) if refund.status == LogStatus::Success => "till-done-refund",
        Ok(refund) if refund.status == LogStatus::Failure => "till-failed",
        Ok(_) => "till-done-refund-pending",
        Err(trouble) => {
            tracing::warn!("a refund of {}: {trouble}", order.id);
            "till-failed"
        }
    };
    Ok(back(&path, done))
}

/// `POST /dashboard/orders/{id}/cancel`.
pub async fn cancel(
    State(till): State<Arc<Till>>,
    merchant: Merchant,
    Path(id): Path<String>,
    Form(form): Form<Token>,
) -> Result<Response, Problem> {
    if !merchant.knows(&form.token) {
        return Ok(StatusCode::FORBIDDEN.into_response());
    }
    let order = find(&till, &id).await?;
    let path = format!("/dashboard/orders/{}", order.id);
    let Ok(changes) = order::cancel(&order, till.desk.clock.now()) else { return Ok(back(&path, "till-failed")) };
    till.desk.store.commit(changes).await?;
    Ok(back(&path, "till-done-cancel"))
}

/// `POST /dashboard/deliveries/{id}/replay`.
pub async fn replay(
    State(till): State<Arc<Till>>,
    merchant: Merchant,
    Path(id): Path<i64>,
    Form(form): Form<Token>,
) -> Result<Response, Problem> {
    if !merchant.knows(&form.token) {
        return Ok(StatusCode::FORBIDDEN.into_response());
    }
    let made = till.desk.store.replay(id).await?;
    Ok(back("/dashboard/webhooks", if made.is_some() { "till-done-replay" } else { "till-failed" }))
}

/// `POST /dashboard/settlements`.
pub async fn settle(
    State(till): State<Arc<Till>>,
    merchant: Merchant,
    Form(form): Form<Token>,
) -> Result<Response, Problem> {
    if !merchant.knows(&form.token) {
        return Ok(StatusCode::FORBIDDEN.into_response());
    }
    let done = match till.settler.settle().await {
        Ok(made) if made.iter().all(|settlement| settlement.status == LogStatus::Success) => "till-done-settle",
        Ok(_) => "till-failed",
        Err(fault) => {
            tracing::error!("settling: {fault}");
            "till-failed"
        }
    };
    Ok(back("/dashboard/settlements", done))
}
