//! Payments, refunds, sessions, webhooks and settlements.

use std::sync::Arc;

use axum::extract::{Query as QueryOf, State};
use axum::response::{IntoResponse as _, Response};
use maud::{Markup, html};
use merchant_widget::till::record::SalesSession;
use merchant_widget::till::settlement::Settlement;
use protocol::outcome::Problem as Code;

use super::super::Till;
use super::super::problem::Problem;
use super::super::store::hooks::{Delivery, Webhook};
use super::frame::{only_table, page, table, time, token};
use super::login::Merchant;
use super::orders::{PAYMENT_HEADS, REFUND_HEADS, log_name, payment_rows, refund_rows};
use super::query::{Query, ROWS};
use crate::texts::Texts;

/// `GET /dashboard/payments`.
pub async fn payments(
    State(till): State<Arc<Till>>,
    merchant: Merchant,
    QueryOf(query): QueryOf<Query>,
) -> Result<Response, Problem> {
    let payments = till.desk.store.payments(&query.filter(), query.window()).await?;
    let rows = payment_rows(merchant.texts, &payments);
    Ok(searched(&merchant, &query, "/dashboard/payments", "till-payments", &PAYMENT_HEADS, rows))
}

/// `GET /dashboard/refunds`.
pub async fn refunds(
    State(till): State<Arc<Till>>,
    merchant: Merchant,
    QueryOf(query): QueryOf<Query>,
) -> Result<Response, Problem> {
    let refunds = till.desk.store.refunds(&query.filter(), query.window()).await?;
    let rows = refund_rows(merchant.texts, &refunds);
    Ok(searched(&merchant, &query, "/dashboard/refunds", "till-refunds", &REFUND_HEADS, rows))
}

fn searched(
    merchant: &Merchant,
    query: &Query,
    path: &str,
    title: &str,
    heads: &[&str],
    mut rows: Vec<Markup>,
) -> Response {
    let (texts, more) = (merchant.texts, rows.len() > ROWS as usize);
    rows.truncate(ROWS as usize);
    let title = texts.get(title);
    let body = html! {
        (query.form(texts, path, false))
        (only_table(texts, title, heads, &rows))
        (query.pager(texts, path, more))
    };
    page(merchant, path, title, &body).into_response()
}

/// `GET /dashboard/sessions`.
pub async fn sessions(
    State(till): State<Arc<Till>>,
    merchant: Merchant,
    QueryOf(query): QueryOf<Query>,
) -> Result<Response, Problem> {
    let (texts, path) = (merchant.texts, "/dashboard/sessions");
    let mut sessions = till.desk.store.all_sessions(query.window()).await?;
    let more = sessions.len() > ROWS as usize;
    sessions.truncate(ROWS as usize);
    let row = |session: &SalesSession| {
        let (used, limit) = (session.used, session.use_limit.get());
        html! {
            th scope="row" { (session.id.number()) }
            td { (time(session.opened)) }
            td { @match session.closed { Some(closed) => (time(closed)), None => (texts.get("till-is-open")) } }
            td.money { (used) " / " (limit) }
            td.money { (texts.money(session.current)) }
        }
    };
    let rows: Vec<_> = sessions.iter().map(row).collect();
    let heads = ["till-session", "till-opened", "till-closed", "till-uses", "till-collected"];
    let title = texts.get("till-sessions");
    let body = html! { (only_table(texts, title, &heads, &rows)) (query.pager(texts, path, more)) };
    Ok(page(&merchant, path, title, &body).into_response())
}

/// `GET /dashboard/webhooks`.
pub async fn webhooks(
    State(till): State<Arc<Till>>,
    merchant: Merchant,
    QueryOf(query): QueryOf<Query>,
) -> Result<Response, Problem> {
    let texts = merchant.texts;
    let hooks = till.desk.store.webhooks().await?;
    let deliveries = till.desk.store.deliveries(None, i64::MAX, ROWS).await?;
    let hook_row = |hook: &Webhook| {
        html! { th scope="row" { (hook.url) } td { (hook.kinds.join(", ")) } td { (time(hook.created)) } }
    };
    let rows: Vec<_> = hooks.iter().map(hook_row).collect();
    let heads = ["till-address", "till-events", "till-placed"];
    let tried: Vec<_> = deliveries.iter().map(|delivery| delivery_row(&merchant, &hooks, delivery)).collect();
    let log = ["till-event", "till-address", "till-log", "till-attempts", "till-answer", "till-again"];
    let title = texts.get("till-webhooks");
    let body = html! {
        (query.done(texts))
        p { (texts.get("till-webhooks-text")) }
        (only_table(texts, title, &heads, &rows))
        @if !tried.is_empty() { (table(texts, texts.get("till-deliveries"), &log, &tried)) }
    };
    Ok(page(&merchant, "/dashboard/webhooks", title, &body).into_response())
}

fn delivery_row(merchant: &Merchant, hooks: &[Webhook], delivery: &Delivery) -> Markup {
    let texts = merchant.texts;
    // One that was removed is known by its name alone.
    let address = hooks.iter().find(|hook| hook.id == delivery.webhook).map_or(&delivery.webhook, |hook| &hook.url);
    html! {
        th scope="row" { (delivery.event) }
        td { (address) }
        td { (texts.get(&format!("till-delivery-{}", delivery.state.as_str()))) }
        td.money { (delivery.attempts) }
        td {
            @match (&delivery.fault, delivery.status) {
                (Some(fault), _) => (fault),
                (None, Some(status)) => { "HTTP " (status) },
                (None, None) => {},
            }
        }
        td {
            form method="post" action={ "/dashboard/deliveries/" (delivery.id) "/replay" } {
                (token(merchant))
                button.quiet aria-label=(texts.with("till-replay-event", &[("event", &delivery.event.to_string())])) {
                    (texts.get("till-replay"))
                }
            }
        }
    }
}

/// `GET /dashboard/settlements`.
pub async fn settlements(
    State(till): State<Arc<Till>>,
    merchant: Merchant,
    QueryOf(query): QueryOf<Query>,
) -> Result<Response, Problem> {
    let (texts, path) = (merchant.texts, "/dashboard/settlements");
    let mut settlements = till.desk.store.settlements(query.window()).await?;
    let more = settlements.len() > ROWS as usize;
    settlements.truncate(ROWS as usize);
    let rows: Vec<_> = settlements.iter().map(|settlement| settlement_row(texts, settlement)).collect();
    let heads = ["till-asked", "till-amount", "till-log", "till-problem", "till-balance"];
    let title = texts.get("till-settlements");
    let body = html! {
        (query.done(texts))
        p { (texts.get("till-settle-text")) }
        form method="post" action=(path) { (token(&merchant)) button { (texts.get("till-settle")) } }
        (only_table(texts, title, &heads, &rows))
        (query.pager(texts, path, more))
    };
    Ok(page(&merchant, path, title, &body).into_response())
}

fn settlement_row(texts: Texts, settlement: &Settlement) -> Markup {
    html! {
        th scope="row" { (time(settlement.asked)) }
        td.money { (texts.money(settlement.amount)) }
        td { (log_name(texts, settlement.status)) }
        td { (settlement.result.as_ref().map(Code::code).unwrap_or_default()) }
        td.money { (settlement.balance.map(|balance| texts.money(balance)).unwrap_or_default()) }
    }
}
