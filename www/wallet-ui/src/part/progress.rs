//! Buttons that start something, and a sign that it goes on. The style sheet shows the sign after 300 ms, so that what
//! is quick does not flicker.

use leptos::prelude::*;

use super::Screen;
use crate::{task::Task, text::t};

/// The button that sends a form, what it waits for, and nothing that could be sent twice.
///
/// While the worker is asked the button keeps its focus; [`Task`] ignores a second click.
#[component]
pub fn Submit(
    task: Task,
    #[prop(into)] label: String,
    #[prop(into)] waiting: String,
    testid: &'static str,
) -> impl IntoView {
    let busy = move || task.busy.get().then_some("true");
    view! {
        <button type="submit" class="primary" data-testid=testid aria-disabled=busy aria-busy=busy>{label}</button>
        <Waiting on=task.busy label=waiting />
    }
}

/// Says what is waited for, while it is.
#[component]
pub fn Waiting(#[prop(into)] on: Signal<bool>, label: String) -> impl IntoView {
    let said = move || {
        on.get().then(|| {
            view! {
                <span class="waiting" data-testid="waiting">
                    <progress aria-label=label.clone()></progress>
                    <span>{label.clone()}</span>
                </span>
            }
        })
    };
    view! { <div class="waitings" role="status">{said}</div> }
}

/// The worker has not answered yet.
#[component]
pub fn Loading() -> impl IntoView {
    view! {
        <h1 class="unseen">{t("brand")}</h1>
        <Waiting on=true label=t("loading") />
    }
}

/// The worker has answered that it cannot: what went wrong stands above.
#[component]
pub fn Unreadable(again: impl Fn() + Send + 'static) -> impl IntoView {
    view! {
        <Screen title=t("unreadable_title") testid="unreadable">
            <div class="actions">
                <button type="button" class="primary" data-testid="read-again" on:click=move |_| again()>
                    {t("read_again")}
                </button>
            </div>
        </Screen>
    }
}
