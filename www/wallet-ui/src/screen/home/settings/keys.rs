//! The server's word on what there is, and another key for the persona.

use leptos::prelude::*;
use wallet_messages::{ChangeKey, Refresh};
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

/// The screen: a question to the server, and the keys.
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
            <NewKey />
        </Screen>
    }
}

/// For whoever has lost a device, or a backup file with its passphrase: what was copied there is worth nothing then. The
/// next thing that is needed is a new backup file.
#[component]
fn NewKey() -> impl IntoView {
    let (wallet, notice, task) = (Wallet::here(), Notice::here(), Task::new());
    let change = move |event: SubmitEvent| {
        event.prevent_default();
        task.run(ChangeKey {}, move |_| {
            notice.say(t("new_key_done"));
            wallet.refresh();
            Route::Backup.go();
        });
    };
    view! {
        <section class="panel setting" data-testid="new-key">
            <h2>{t("new_key_title")}</h2>
            <p>{t("new_key_why")}</p>
            <p>{t("new_key_then")}</p>
            <form on:submit=change><Submit task label=t("new_key") waiting=t("new_key_waiting") testid="new-key-submit" /></form>
            <FaultNote fault=task.fault />
        </section>
    }
}
