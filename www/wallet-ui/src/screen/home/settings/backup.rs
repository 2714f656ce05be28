//! The backup file.

use leptos::prelude::*;
use wallet_messages::{BackUp, ReadSettings};
use web_sys::SubmitEvent;

use super::{panel as framed, part};
use crate::{
    browser, check, format,
    part::{FaultNote, Field, NewPassphrase, Notice, Screen, Submit, TextField},
    route::Route,
    task::Task,
    text::{t, t_with},
    watched::{Wallet, Watched},
};

/// How it stands.
pub fn panel(settings: Watched<ReadSettings>) -> impl IntoView {
    let made = part(settings, |settings| settings.backed_up_at);
    let stands = move || match made.get().flatten() {
        Some(at) => t_with("backup_made", &[&format::date(at)]),
        None => t("backup_none"),
    };
    framed(
        t("backup_title"),
        view! { <p data-testid="backup-stands">{stands}</p> },
        &Route::Backup,
        t("backup_make"),
        "go-backup",
    )
}

/// The screen that makes one.
#[component]
pub fn Backup() -> impl IntoView {
    let (task, notice, wallet) = (Task::new(), Notice::here(), Wallet::here());
    let [new, again] = ["backup-passphrase", "backup-passphrase-again"].map(Field::new);
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let Some(passphrase) = check::twice(new, again) else { return browser::focus_first_error() };
        task.run(BackUp { passphrase }, move |file| {
            browser::save_file(&file.name, &file.mime, &file.text);
            notice.say(t_with("backup_saved", &[&file.name]));
            wallet.refresh();
            Route::Settings.go();
        });
    };
    view! {
        <Screen title=t("backup_make") testid="backup" back=Route::Settings.link()>
            <p>{t("backup_why")}</p>
            <form novalidate on:submit=submit>
                <NewPassphrase field=new label=t("backup_passphrase") hint=t("backup_passphrase_hint") />
                <TextField field=again label=t("passphrase_again") kind="password" autocomplete="new-password" />
                <Submit task label=t("backup_make") waiting=t("backup_waiting") testid="backup-submit" />
                <FaultNote fault=task.fault />
            </form>
        </Screen>
    }
}
