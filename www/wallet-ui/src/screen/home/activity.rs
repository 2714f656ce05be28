//! Activity: what happened, newest first.

use leptos::prelude::*;
use wallet_messages::{ActivityKind, ActivityState, ActivityView};

use crate::{
    format,
    text::{self, t},
    watched::Wallet,
};

/// How many entries are shown before all are asked for.
const FIRST: usize = 10;

/// The list of what happened.
#[component]
pub fn Activity() -> impl IntoView {
    let activity = Wallet::here().part(|home| home.activity.clone());
    let all = RwSignal::new(false);
    let shown = move || {
        let most = if all.get() { usize::MAX } else { FIRST };
        activity.with(|activity| activity.iter().take(most).cloned().collect::<Vec<_>>())
    };
    view! {
        <section aria-labelledby="activity-title">
            <h2 id="activity-title">{t("activity_title")}</h2>
            <Show when=move || activity.with(Vec::is_empty)>
                <p class="empty" data-testid="activity-empty">{t("activity_empty")}</p>
            </Show>
            <ul class="rows">
                <For each=shown key=|entry| format!("{entry:?}") let:entry>{row(&entry)}</For>
            </ul>
            <Show when=move || !all.get() && activity.with(|activity| activity.len() > FIRST)>
                <button type="button" class="quiet" data-testid="activity-all" on:click=move |_| all.set(true)>
                    {t("activity_all")}
                </button>
            </Show>
        </section>
    }
}

fn row(entry: &ActivityView) -> impl IntoView + use<> {
    let what = view! {
        <span>{kind(entry.kind)}</span>
        {entry.with.as_ref().map(|with| view! { " "<bdi class="with">{with.clone()}</bdi> })}
    };
    let what = if entry.kind == ActivityKind::Pay {
        let receipt = format!("receipt.html?payment={}", js_sys::encode_uri_component(&entry.id));
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

/// Says how it ended, where that was not well.
fn state(entry: &ActivityView) -> Option<impl IntoView + use<>> {
    let (class, said) = match entry.state {
        ActivityState::Done => return None,
        ActivityState::Waiting => ("state waiting-state", t("state_waiting")),
        ActivityState::Refused => ("state refused-state", refused(entry.problem.as_deref())),
    };
    Some(view! { <span class=class data-testid="activity-state">{said}</span> })
}

fn refused(problem: Option<&str>) -> String {
    problem.map_or_else(|| t("state_refused"), |code| format!("{} {}", t("state_refused"), text::problem(code)))
}

fn kind(kind: ActivityKind) -> String {
    match kind {
        ActivityKind::Register => t("activity_register"),
        ActivityKind::Bind => t("activity_bind"),
        ActivityKind::Load => t("activity_load"),
        ActivityKind::Unload => t("activity_unload"),
        ActivityKind::Open => t("activity_open"),
        ActivityKind::Pay => t("activity_pay"),
        ActivityKind::Close => t("activity_close"),
    }
}
