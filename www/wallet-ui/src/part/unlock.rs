//! The form that opens the vault: a screen of the home page, and a part of the windows that may find it locked.

use leptos::prelude::*;
use wallet_messages as messages;
use web_sys::SubmitEvent;

use super::{FaultNote, Field, Submit, TextField};
use crate::{browser, check, task::Task, text::t};

/// Asks for the passphrase; `opened` is called when the vault is open.
#[component]
pub fn Unlock(opened: impl Fn() + Clone + Send + Sync + 'static) -> impl IntoView {
    let task = Task::new();
    let passphrase = Field::new("unlock-passphrase");
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let typed = passphrase.read(check::filled);
        let Some(typed) = typed else { return browser::focus_first_error() };
        let opened = opened.clone();
        task.run(messages::Unlock { passphrase: typed }, move |_| opened());
    };
    view! {
        <form novalidate on:submit=submit data-testid="unlock-form">
            <TextField field=passphrase label=t("passphrase") kind="password" autocomplete="current-password" />
            <Submit task label=t("unlock") waiting=t("unlock_waiting") testid="unlock-submit" />
            <FaultNote fault=task.fault />
        </form>
    }
}
