//! One entry of the activity list.

use leptos::prelude::*;
use wallet_messages::{ActivityKind, ActivityState, ActivityView};

use crate::{
    format,
    text::{self, t},
};

/// What happened, when, for how much; a payment leads to its receipt.
pub fn row(entry: &ActivityView) -> impl IntoView + use<> {
    let what = view! {
        <span>{kind(entry.kind)}</span>
        {entry.with.as_ref().map(|with| view! { " "<bdi class="with">{with.clone()}</bdi> })}
    };
    let what = if entry.kind == ActivityKind::Pay {
        let receipt = format::receipt_link(&entry.id);
        view! { <a href=receipt target="_blank" data-testid="receipt-link">{what}</a> }.into_any()
    } else {
        what.into_any()
    };
    view! {
        <li class="row" data-testid="activity" data-kind=word(&entry.kind) data-state=word(&entry.state)>
            <span class="row-what">{what}</span>
            <span class="row-amount" data-testid="activity-amount">{entry.amount.as_ref().map(format::money_signed)}</span>
            <span class="row-more">
                <time datetime=format::iso(entry.at)>{format::date(entry.at)}</time>
                {entry.origin.as_ref().map(|origin| view! { " · "<bdi class="origin">{origin.clone()}</bdi> })}
                {state(entry)}
            </span>
        </li>
    }
}

/// The word that stands for a kind or state in messages, for tests and styles.
fn word(value: &impl serde::Serialize) -> Option<String> {
    serde_wasm_bindgen::to_value(value).ok()?.as_string()
}

fn state(entry: &ActivityView) -> Option<impl IntoView + use<>> {
    let (class, said) = how_it_ended(entry)?;
    Some(view! { <span class=class data-testid="activity-state">{said}</span> })
}

/// How it ended, where that was not well.
fn how_it_ended(entry: &ActivityView) -> Option<(&'static str, String)> {
    match entry.state {
        ActivityState::Done => None,
        ActivityState::Waiting => Some(("state waiting-state", t("state_waiting"))),
        ActivityState::Refused => Some(("state refused-state", refused(entry.problem.as_deref()))),
    }
}

fn refused(problem: Option<&str>) -> String {
    problem.map_or_else(|| t("state_refused"), |code| format!("{} {}", t("state_refused"), text::problem(code)))
}

/// What was done, in a word or two.
pub fn kind(kind: ActivityKind) -> String {
    match kind {
        ActivityKind::Register => t("activity_register"),
        ActivityKind::Keys => t("activity_keys"),
        ActivityKind::Bind => t("activity_bind"),
        ActivityKind::Load => t("activity_load"),
        ActivityKind::Unload => t("activity_unload"),
        ActivityKind::Open => t("activity_open"),
        ActivityKind::Pay => t("activity_pay"),
        ActivityKind::Close => t("activity_close"),
        ActivityKind::Refund => t("activity_refund"),
    }
}
