//! What waits: for the shopper, and for an answer.

use leptos::prelude::*;
use wallet_messages::{DismissNotice, Notice as What, NoticeView, Retry, WaitingView};
use web_sys::SubmitEvent;

use super::activity::kind_name;
use crate::{
    format,
    part::{FaultNote, Submit},
    task::Task,
    text::{t, t_with},
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

/// Messages that were sent and not answered: none of them has failed.
#[component]
pub fn Unanswered() -> impl IntoView {
    let waiting = Wallet::here().part(|home| home.waiting.clone());
    view! {
        <Show when=move || waiting.with(|waiting| !waiting.is_empty())>
            <section class="panel unanswered" data-testid="unanswered">
                <h2>{t("unanswered_title")}</h2>
                <p>{t("unanswered_why")}</p>
                <ul class="rows">
                    <For each=move || waiting.get() key=|one| format!("{one:?}") let:one>{unanswered(one)}</For>
                </ul>
            </section>
        </Show>
    }
}

fn unanswered(one: WaitingView) -> impl IntoView {
    let (wallet, task) = (Wallet::here(), Task::new());
    let WaitingView { id, kind, since, amount, with, .. } = one;
    let retry = move |event: SubmitEvent| {
        event.prevent_default();
        task.run(Retry { operation: id.clone() }, move |_| wallet.refresh());
    };
    view! {
        <li class="row" data-testid="waiting-operation">
            <span class="row-what">{kind_name(kind)}" "<bdi class="with">{with}</bdi></span>
            <span class="row-amount">{amount.as_ref().map(format::money_signed)}</span>
            <span class="row-more">{t_with("unanswered_since", &[&format::date(since)])}</span>
            <form class="row-more" on:submit=retry>
                <Submit task label=t("resend") waiting=t("resend_waiting") testid="resend" />
                <FaultNote fault=task.fault />
            </form>
        </li>
    }
}

/// What a shop, a rule or the server did meanwhile; each is said until the shopper has seen it.
#[component]
pub fn News() -> impl IntoView {
    let wallet = Wallet::here();
    let notices = Memo::new(move |_| {
        wallet.value.with(|state| state.as_ref().map(|state| state.notices.clone()).unwrap_or_default())
    });
    view! {
        <div role="status">
            <ul class="news">
                <For each=move || notices.get() key=|notice| notice.id.clone() let:notice>{news(notice)}</For>
            </ul>
        </div>
    }
}

fn news(notice: NoticeView) -> impl IntoView {
    let (wallet, task) = (Wallet::here(), Task::new());
    let NoticeView { id, at, what } = notice;
    let (said, receipt) = match what {
        What::PaidSilently { payment, origin, amount } => {
            (t_with("news_paid", &[&format::money(&amount), &origin]), Some(format::receipt_link(&payment)))
        }
        What::Opened { amount } => (t_with("news_opened", &[&format::money(&amount)]), None),
        What::Refunded { merchant, order, amount } => {
            (t_with("news_refunded", &[&merchant, &format::money(&amount), &order]), None)
        }
    };
    let seen = move |_| task.run(DismissNotice { notice: id.clone() }, move |_| wallet.refresh());
    view! {
        <li class="notice" data-testid="news">
            <p><bdi>{said}</bdi>" "<span class="hint">{format::date(at)}</span></p>
            <p class="actions">
                {receipt.map(|link| view! { <a href=link target="_blank">{t("receipt_show")}</a> })}
                <button type="button" class="link" data-testid="news-seen" on:click=seen>{t("news_seen")}</button>
            </p>
        </li>
    }
}
