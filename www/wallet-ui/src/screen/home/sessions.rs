//! Sessions: the coupons that pay in shops, with what is left of their three limits.

use leptos::prelude::*;
use wallet_messages::{SessionState, SessionView};

use crate::{format, part::SessionGauges, route::Route, text::t, watched::Wallet};

/// All sessions: open ones as coupons, ended ones folded away.
#[component]
pub fn Sessions() -> impl IntoView {
    let wallet = Wallet::here();
    let open = of_state(wallet, true);
    let ended = of_state(wallet, false);
    let can_open = wallet.part(|home| home.balance.minor > 0);
    view! {
        <section class="sessions" aria-labelledby="sessions-title">
            <div class="section-head">
                <h2 id="sessions-title">{t("sessions_title")}</h2>
                <Show when=move || can_open.get()>
                    <a class="button" href=Route::Open.link() data-testid="go-open">{t("session_open")}</a>
                </Show>
            </div>
            <Show when=move || open.with(Vec::is_empty)>
                <p class="empty" data-testid="sessions-empty">
                    {move || if can_open.get() { t("sessions_empty") } else { t("sessions_empty_poor") }}
                </p>
            </Show>
            <ul class="coupons">
                // The whole value is the key: what has changed is drawn anew, the rest keeps its focus.
                <For each=move || open.get() key=|session| format!("{session:?}") let:session>{coupon(session)}</For>
            </ul>
            <Show when=move || ended.with(|ended| !ended.is_empty())>
                <details class="ended" data-testid="sessions-ended">
                    <summary>{t("sessions_ended")}</summary>
                    <ul class="rows">
                        <For each=move || ended.get() key=|session| format!("{session:?}") let:session>{stub(&session)}</For>
                    </ul>
                </details>
            </Show>
        </section>
    }
}

fn of_state(wallet: Wallet, open: bool) -> Memo<Vec<SessionView>> {
    wallet.part(move |home| {
        home.sessions.iter().filter(|session| (session.state == SessionState::Open) == open).cloned().collect()
    })
}

/// What the shopper called the session.
pub fn named(session: &SessionView) -> String {
    if session.note.is_empty() { t("session_unnamed") } else { session.note.clone() }
}

fn coupon(session: SessionView) -> impl IntoView {
    let id = session.id.clone();
    let close = Route::Close(id.clone()).link();
    let name = named(&session);
    let close_label = format!("{}: {name}", t("session_close"));
    let left = format::money(&session.left);
    view! {
        <li class="coupon" data-testid="session" data-session=id>
            <div class="coupon-head">
                <h3 data-testid="session-name">{name}</h3>
                <p class="coupon-left" data-testid="session-left">{left}</p>
            </div>
            <SessionGauges session />
            <a class="button quiet" href=close aria-label=close_label data-testid="go-close">{t("session_close")}</a>
        </li>
    }
}

fn stub(session: &SessionView) -> impl IntoView + use<> {
    let why = match session.state {
        SessionState::Open => t("session_state_open"),
        SessionState::Closed => t("session_state_closed"),
        SessionState::Expired => t("session_state_expired"),
        SessionState::UsedUp => t("session_state_used_up"),
    };
    view! {
        <li class="row">
            <span class="row-what">{named(session)}</span>
            <span class="row-amount">{format::money(&session.opened)}</span>
            <span class="row-more">{why}" · "{format::date(session.opened_at)}</span>
        </li>
    }
}
