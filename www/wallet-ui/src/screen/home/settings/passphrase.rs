//! Another passphrase for the vault.

use leptos::prelude::*;
use wallet_messages::ChangePassphrase;
use web_sys::SubmitEvent;

use crate::{
    browser, check,
    part::{FaultNote, Field, NewPassphrase, Notice, Screen, Submit, TextField},
    route::Route,
    task::Task,
    text::t,
};

/// The screen that changes the passphrase.
#[component]
pub fn Passphrase() -> impl IntoView {
    let (task, notice) = (Task::new(), Notice::here());
    let [old, new, again] = ["passphrase-old", "passphrase-new", "passphrase-new-again"].map(Field::new);
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let read = (old.read(check::filled), check::twice(new, again));
        let (Some(old), Some(new)) = read else { return browser::focus_first_error() };
        task.run(ChangePassphrase { old, new }, move |_| {
            notice.say(t("passphrase_changed"));
            Route::Settings.go();
        });
    };
    view! {
        <Screen title=t("passphrase_change") testid="change-passphrase" back=Route::Settings.link()>
            <p>{t("passphrase_change_why")}</p>
            <form novalidate on:submit=submit>
                <TextField field=old label=t("passphrase_old") kind="password" autocomplete="current-password" />
                <NewPassphrase field=new label=t("passphrase_new") hint=t("passphrase_hint") />
                <TextField field=again label=t("passphrase_again") kind="password" autocomplete="new-password" />
                <Submit task label=t("passphrase_change") waiting=t("unlock_waiting") testid="passphrase-submit" />
                <FaultNote fault=task.fault />
            </form>
        </Screen>
    }
}
