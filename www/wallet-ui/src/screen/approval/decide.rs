//! What the shopper can do about a request: pay, cancel, open a session first, or unlock first.

use leptos::prelude::*;
use wallet_messages::{ApprovalView, MoneyView, OpeningRule, Paid, PaysFrom, ReadApproval, Refuse, SessionOffer};

use super::{
    View,
    armed::armed,
    pay::{Pay, PayStatus},
};
use crate::{
    browser, format,
    part::{FaultNote, SessionForm, Suggested, Unlock},
    task::Task,
    text::{t, t_with},
    watched::Watched,
};

/// The lower half of the window.
pub fn decide(watched: Watched<ReadApproval>, view: View, pay: Task, paid: RwSignal<Option<Paid>>) -> impl IntoView {
    let way = Memo::new(move |_| view.get().map(Way::of));
    // A form that is done goes away with the focus in it.
    Effect::new(move || {
        way.track();
        browser::focus_if_lost("h1");
    });
    view! {
        <section class="decide" data-testid="decide">
            {move || match way.get() {
                Some(Way::Unlock) => unlock(watched).into_any(),
                Some(Way::Pay(from)) => afterwards(&from).into_any(),
                Some(Way::PayFromNew(rule, like)) => opens(&rule, &like).into_any(),
                Some(Way::Open(offer)) => open(watched, offer).into_any(),
                Some(Way::Short(offer)) => short(offer.as_ref()).into_any(),
                None => ().into_any(),
            }}
            {buttons(pay, view, way, paid)}
        </section>
    }
}

/// What has to happen before the payment.
#[derive(Clone, PartialEq)]
enum Way {
    /// The vault is locked.
    Unlock,
    /// Nothing: this session pays.
    Pay(PaysFrom),
    /// No session fits, and Pay opens one first, by the shopper's rule.
    PayFromNew(OpeningRule, MoneyView),
    /// No session fits; this one can be opened.
    Open(SessionOffer),
    /// No session fits, and the container does not hold enough for one.
    Short(Option<SessionOffer>),
}

impl Way {
    fn of(view: ApprovalView) -> Self {
        let ApprovalView { locked, from, opens, offer, price, charge, .. } = view;
        match (locked, from, opens, offer) {
            (true, ..) => Self::Unlock,
            (false, Some(from), ..) => Self::Pay(from),
            (false, None, Some(rule), _) => Self::PayFromNew(rule, charge.unwrap_or(price)),
            (false, None, None, Some(offer)) if !offer.amount.is_empty() => Self::Open(offer),
            (false, None, None, offer) => Self::Short(offer),
        }
    }
}

fn unlock(watched: Watched<ReadApproval>) -> impl IntoView {
    view! {
        <h2>{t("unlock_title")}</h2>
        <p>{t("approval_locked")}</p>
        <Unlock opened=move || watched.refresh() />
    }
}

/// What the session holds now and will hold then.
fn afterwards(from: &PaysFrom) -> impl IntoView + use<> {
    view! {
        <h2>{t("approval_from")}</h2>
        <dl class="facts ledger">
            <div><dt>{t("approval_holds")}</dt><dd data-testid="approval-holds">{format::money(&from.holds)}</dd></div>
            <div class="after">
                <dt>{t("approval_after")}</dt>
                <dd data-testid="approval-after">{format::money(&from.holds_after)}</dd>
            </div>
            <div><dt>{t("approval_uses")}</dt><dd data-testid="approval-uses">{from.uses_after.to_string()}</dd></div>
            <div><dt>{t("approval_ends")}</dt><dd><time datetime=format::iso(from.ends_at)>{format::date(from.ends_at)}</time></dd></div>
        </dl>
    }
}

/// Which session Pay opens first.
fn opens(rule: &OpeningRule, like: &MoneyView) -> impl IntoView + use<> {
    view! {
        <h2>{t("approval_from")}</h2>
        <p data-testid="approval-opens">{t_with("approval_opens", &[&format::decimal(&rule.amount, like), &rule.uses.to_string()])}</p>
    }
}

fn open(watched: Watched<ReadApproval>, offer: SessionOffer) -> impl IntoView {
    let SessionOffer { balance, amount, minutes, uses } = offer;
    let suggested = Suggested { amount, minutes, uses };
    let opened = move |_| watched.refresh();
    view! {
        <h2>{t("approval_open_title")}</h2>
        <p>{t("approval_open_why")}</p>
        <SessionForm balance suggested label=t("session_open") opened />
    }
}

fn short(offer: Option<&SessionOffer>) -> impl IntoView + use<> {
    let held = offer.map(|offer| t_with("approval_short_held", &[&format::money(&offer.balance)]));
    view! {
        <h2>{t("approval_short_title")}</h2>
        <p data-testid="approval-short">{held}" "{t("approval_short_why")}</p>
        <a class="button" href="home.html#/load" target="_blank" data-testid="go-load">{t("load")}</a>
    }
}

fn buttons(pay: Task, view: View, way: Memo<Option<Way>>, paid: RwSignal<Option<Paid>>) -> impl IntoView {
    let refuse = Task::new();
    let is_armed = armed(move || (view.get(), way.get()));
    let is_payable = Memo::new(move |_| way.with(|way| matches!(way, Some(Way::Pay(_) | Way::PayFromNew(..)))));
    let cancels = move |_| {
        let request = view.with_untracked(|view| view.as_ref().map(|view| view.request.clone())).unwrap_or_default();
        refuse.run(Refuse { request }, |_| browser::close_window());
    };
    view! {
        <div class="actions decision">
            <button type="button" data-testid="cancel" on:click=cancels>{t("cancel")}</button>
            <Show when=move || is_payable.get()><Pay pay view is_armed paid /></Show>
        </div>
        <Show when=move || is_payable.get()><PayStatus pay /></Show>
        <FaultNote fault=refuse.fault />
    }
}
