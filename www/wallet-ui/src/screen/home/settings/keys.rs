//! The server's word on what there is.

use leptos::prelude::*;
use wallet_messages::Refresh;
use web_sys::SubmitEvent;

use super::panel as framed;
use crate::{
    part::{FaultNote, Notice, Screen, Submit},
    route::Route,
    task::Task,
    text::t,
    watched::Wallet,
};

/// What it is about.
pub fn panel() -> impl IntoView {
    framed(t("keys_title"), view! { <p>{t("keys_what")}</p> }, &Route::Keys, t("keys_open"), "go-keys")
}

/// The screen: a question to the server.
#[component]
pub fn Keys() -> impl IntoView {
    let (wallet, notice) = (Wallet::here(), Notice::here());
    let asks = Task::new();
    let ask = move |event: SubmitEvent| {
        event.prevent_default();
        asks.run(Refresh {}, move |_| {
            notice.say(t("refresh_done"));
            wallet.refresh();
            Route::Settings.go();
        });
    };
    view! {
        <Screen title=t("keys_title") testid="keys" back=Route::Settings.link()>
            <section class="panel setting">
                <h2>{t("refresh_title")}</h2>
                <p>{t("refresh_why")}</p>
                <form on:submit=ask><Submit task=asks label=t("refresh") waiting=t("refresh_waiting") testid="refresh-submit" /></form>
                <FaultNote fault=asks.fault />
            </section>
        </Screen>
    }
}
