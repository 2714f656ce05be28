//! Closing a session: one question, so that nothing is closed by a slip.

use leptos::prelude::*;
use wallet_messages::{CloseSession, SessionView};
use web_sys::SubmitEvent;

use super::sessions;
use crate::{
    format,
    part::{FaultNote, Notice, Screen, Submit},
    route::Route,
    task::Task,
    text::{t, t_with},
    watched::Wallet,
};

/// The screen that closes the session with this id.
pub fn close(id: &str) -> impl IntoView + use<> {
    // Read once: the question stays as it was asked while the answer is on its way.
    let found = Wallet::here().value.with_untracked(|state| {
        let home = state.as_ref()?.home.as_ref()?;
        home.sessions.iter().find(|session| session.id == id).cloned()
    });
    view! {
        <Screen title=t("session_close") testid="close-session" back=Route::Overview.link()>
            {match found {
                Some(session) => question(&session).into_any(),
                None => view! { <p class="empty">{t("session_gone")}</p> }.into_any(),
            }}
        </Screen>
    }
}

fn question(session: &SessionView) -> impl IntoView + use<> {
    let wallet = Wallet::here();
    let notice = Notice::here();
    let task = Task::new();
    let id = session.id.clone();
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        task.run(CloseSession { session: id.clone() }, move |moved| {
            notice.say(t_with("session_closed", &[&format::money(&moved.amount), &format::money(&moved.balance)]));
            wallet.refresh();
            Route::Overview.go();
        });
    };
    view! {
        <p data-testid="close-question">
            {t_with("session_close_question", &[&sessions::named(session), &format::money(&session.left)])}
        </p>
        <form on:submit=submit>
            <Submit task label=t("session_close") waiting=t("session_close_waiting") testid="close-submit" />
        </form>
        <FaultNote fault=task.fault />
    }
}
