//! What waits: for the shopper, and for an answer.

use leptos::prelude::*;
use wallet_messages::{ActivityState, Resend};

use crate::{
    part::{FaultNote, Notice, Submit},
    task::Task,
    text::t,
    watched::Wallet,
};

/// Requests of shops that wait for the shopper.
#[component]
pub fn Approvals() -> impl IntoView {
    let wallet = Wallet::here();
    let waiting = Memo::new(move |_| {
        wallet.value.with(|state| state.as_ref().map(|state| state.approvals.clone()).unwrap_or_default())
    });
    view! {
        <Show when=move || waiting.with(|waiting| !waiting.is_empty())>
            <section class="panel asking" data-testid="approvals">
                <h2>{t("approvals_title")}</h2>
                <p>{t("approvals_why")}</p>
                <For each=move || waiting.get() key=String::clone let:request>
                    <a class="button primary" target="_blank" data-testid="approval-link"
                        href=format!("approval.html?request={request}")>{t("approvals_look")}</a>
                </For>
            </section>
        </Show>
    }
}

/// Messages that were sent and not answered.
#[component]
pub fn Unanswered() -> impl IntoView {
    let wallet = Wallet::here();
    let notice = Notice::here();
    let task = Task::new();
    let count =
        wallet.part(|home| home.activity.iter().filter(|activity| activity.state == ActivityState::Waiting).count());
    let resend = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        task.run(Resend {}, move |_| {
            notice.say(t("resend_done"));
            wallet.refresh();
        });
    };
    view! {
        <Show when=move || count.get() != 0>
            <section class="panel unanswered" data-testid="unanswered">
                <h2>{t("unanswered_title")}</h2>
                <p>{t("unanswered_why")}</p>
                <form on:submit=resend>
                    <Submit task label=t("resend") waiting=t("resend_waiting") testid="resend" />
                </form>
                <FaultNote fault=task.fault />
            </section>
        </Show>
    }
}
