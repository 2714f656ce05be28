//! Orders: the list, one order, its receipt.

use std::sync::Arc;

use axum::extract::{Path, Query as QueryOf, State};
use axum::response::{IntoResponse as _, Response};
use maud::{Markup, html};
use merchant_widget::till::record::{CollectionLog, Flag, LogStatus, Order, Reference, Status};
use merchant_widget::till::refund::{RefundLog, left};
use protocol::money::Money;
use protocol::offer::Offer;
use protocol::outcome::Problem as Code;

use super::super::api::orders::find;
use super::super::problem::Problem;
use super::super::{Till, api_key};
use super::frame::{only_table, page, table, time, token};
use super::login::Merchant;
use super::query::{Query, ROWS};
use crate::texts::Texts;

/// `GET /dashboard`.
pub async fn list(
    State(till): State<Arc<Till>>,
    merchant: Merchant,
    QueryOf(query): QueryOf<Query>,
) -> Result<Response, Problem> {
    let (texts, now) = (merchant.texts, till.desk.clock.now());
    let mut orders = till.desk.store.orders(&query.filter(), query.window(), now).await?;
    let more = orders.len() > ROWS as usize;
    orders.truncate(ROWS as usize);
    let row = |order: &Order| {
        html! {
            th scope="row" { a href={ "/dashboard/orders/" (order.id) } { (order.id) } }
            td { (order.reference.as_ref().map(Reference::as_str).unwrap_or_default()) }
            td.money { (texts.money(order.amount)) }
            td { (status_name(texts, order.status(now))) }
            td { (time(order.placed)) }
        }
    };
    let rows: Vec<_> = orders.iter().map(row).collect();
    let heads = ["till-order", "till-reference", "till-amount", "till-status", "till-placed"];
    let title = texts.get("till-orders");
    let body = html! {
        (query.done(texts))
        (query.form(texts, "/dashboard", true))
        (only_table(texts, title, &heads, &rows))
        (query.pager(texts, "/dashboard", more))
        (exports(texts, &query))
    };
    Ok(page(&merchant, "/dashboard", title, &body).into_response())
}

fn exports(texts: Texts, query: &Query) -> Markup {
    html! {
        section {
            h2 { (texts.get("till-export")) }
            p { (texts.get("till-export-text")) }
            form.filter method="get" action="/dashboard/export.csv" {
                input type="hidden" name="from" value=(query.from);
                input type="hidden" name="to" value=(query.to);
                button { "CSV" }
                " "
                button formaction="/dashboard/export.json" { "JSON" }
            }
        }
    }
}

/// A status in words.
pub fn status_name(texts: Texts, status: Status) -> &'static str {
    texts.get(match status {
        Status::Open => "till-is-open",
        Status::Paid => "till-is-paid",
        Status::Failed => "till-is-failed",
        Status::Cancelled => "till-is-cancelled",
        Status::Expired => "till-is-expired",
    })
}

/// How a payment, refund or settlement stands, in words.
pub fn log_name(texts: Texts, status: LogStatus) -> &'static str {
    texts.get(match status {
        LogStatus::Attempt | LogStatus::Retry => "till-log-attempt",
        LogStatus::Success => "till-log-success",
        LogStatus::Failure => "till-log-failure",
    })
}

/// `GET /dashboard/orders/{id}`.
pub async fn show(
    State(till): State<Arc<Till>>,
    merchant: Merchant,
    Path(id): Path<String>,
    QueryOf(query): QueryOf<Query>,
) -> Result<Response, Problem> {
    let texts = merchant.texts;
    let order = find(&till, &id).await?;
    let payments = till.desk.store.payments_of(&order.id).await?;
    let refunds = till.desk.store.refunds_of(&order.id).await?;
    let status = order.status(till.desk.clock.now());
    let title = texts.with("till-order-title", &[("order", order.id.as_str())]);
    let body = html! {
        (query.done(texts))
        (facts(texts, &order, status, left(&order, &refunds)))
        (table(texts, texts.get("till-payments"), &PAYMENT_HEADS, &payment_rows(texts, &payments)))
        (table(texts, texts.get("till-refunds"), &REFUND_HEADS, &refund_rows(texts, &refunds)))
        @if status == Status::Paid && left(&order, &refunds).minor > 0 { (refund_form(&merchant, &order, left(&order, &refunds))) }
        @if matches!(status, Status::Open | Status::Failed) && !order.collecting {
            form method="post" action={ "/dashboard/orders/" (order.id) "/cancel" } {
                (token(&merchant))
                button.quiet { (texts.get("till-cancel-order")) }
            }
        }
        @if status == Status::Paid { p { a href={ "/dashboard/orders/" (order.id) "/receipt" } { (texts.get("till-receipt")) } } }
    };
    Ok(page(&merchant, "", &title, &body).into_response())
}

fn facts(texts: Texts, order: &Order, status: Status, left: Money) -> Markup {
    let refunded = Money::new(left.currency, order.amount.minor - left.minor);
    let note = Offer::read(order.payment_request.as_bytes()).map(|offer| offer.request.note.to_string());
    html! {
        dl {
            dt { (texts.get("till-amount")) } dd { (texts.money(order.amount)) }
            dt { (texts.get("till-status")) } dd {
                (status_name(texts, status))
                @if let Flag::NotPaid(problem) = &order.flag { " (" code { (problem.code()) } ")" }
            }
            @if let Some(reference) = &order.reference { dt { (texts.get("till-reference")) } dd { (reference.as_str()) } }
            dt { (texts.get("till-placed")) } dd { (time(order.placed)) }
            dt { (texts.get("till-expires")) } dd { (time(order.expires)) }
            @if let Some(paid) = order.paid { dt { (texts.get("till-paid")) } dd { (time(paid)) } }
            @if refunded.minor > 0 { dt { (texts.get("till-refunded")) } dd { (texts.money(refunded)) } }
            @if let Ok(note) = note { dt { (texts.get("till-note")) } dd.note { (note) } }
        }
        @if !order.items.is_empty() { (items(texts, order)) }
    }
}

fn items(texts: Texts, order: &Order) -> Markup {
    let row = |item: &merchant_widget::till::record::Item| {
        html! { th scope="row" { (item.name.as_str()) } td.money { (item.quantity) } td.money { (texts.money(item.unit)) } }
    };
    let rows: Vec<_> = order.items.iter().map(row).collect();
    table(texts, texts.get("till-items"), &["till-item", "till-quantity", "till-unit"], &rows)
}

/// The heads of a table of payments.
pub const PAYMENT_HEADS: [&str; 5] = ["till-order", "till-received", "till-amount", "till-log", "till-problem"];

/// Payments as rows.
pub fn payment_rows(texts: Texts, payments: &[CollectionLog]) -> Vec<Markup> {
    let row = |log: &CollectionLog| {
        html! {
            th scope="row" { a href={ "/dashboard/orders/" (log.order_id) } { (log.order_id) } }
            td { (time(log.received)) }
            td.money { (texts.money(log.credited.unwrap_or(log.requested))) }
            td { (log_name(texts, log.status)) }
            td { (log.result.as_ref().map(Code::code).unwrap_or_default()) }
        }
    };
    payments.iter().map(row).collect()
}

/// The heads of a table of refunds.
pub const REFUND_HEADS: [&str; 6] =
    ["till-order", "till-asked", "till-amount", "till-log", "till-problem", "till-reason"];

/// Refunds as rows.
pub fn refund_rows(texts: Texts, refunds: &[RefundLog]) -> Vec<Markup> {
    let row = |log: &RefundLog| {
        html! {
            th scope="row" { a href={ "/dashboard/orders/" (log.order_id) } { (log.order_id) } }
            td { (time(log.asked)) }
            td.money { (texts.money(log.amount)) }
            td { (log_name(texts, log.status)) }
            td { (log.result.as_ref().map(Code::code).unwrap_or_default()) }
            td { (log.note.as_ref().map(ToString::to_string).unwrap_or_default()) }
        }
    };
    refunds.iter().map(row).collect()
}

/// Gives all that is left back, or a part. `once` keeps a form that is sent twice from refunding twice.
fn refund_form(merchant: &Merchant, order: &Order, left: Money) -> Markup {
    let texts = merchant.texts;
    html! {
        section {
            h2 { (texts.get("till-give-back")) }
            form method="post" action={ "/dashboard/orders/" (order.id) "/refund" } {
                (token(merchant))
                input type="hidden" name="once" value=(api_key::short_id());
                p {
                    label for="amount" { (texts.get("till-amount")) " (" (left.currency.code().to_ascii_uppercase()) ")" }
                    input #amount name="amount" inputmode="decimal" value=(left.decimal()) required;
                }
                p { label for="note" { (texts.get("till-reason")) } input #note name="note" maxlength="60"; }
                p { button { (texts.get("till-give-back")) } }
            }
        }
    }
}

/// `GET /dashboard/orders/{id}/receipt`: for printing.
pub async fn receipt(
    State(till): State<Arc<Till>>,
    merchant: Merchant,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let texts = merchant.texts;
    let order = find(&till, &id).await?;
    let refunds = till.desk.store.refunds_of(&order.id).await?;
    let status = order.status(till.desk.clock.now());
    let title = texts.get("till-receipt");
    let body = html! {
        p { (texts.get("till-merchant")) ": " (till.persona.id) }
        p { (texts.get("till-order")) ": " (order.id) }
        (facts(texts, &order, status, left(&order, &refunds)))
    };
    Ok(page(&merchant, "", title, &body).into_response())
}
