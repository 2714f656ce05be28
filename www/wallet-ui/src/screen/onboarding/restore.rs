//! From a backup file to a wallet.

use leptos::{html, prelude::*, task::spawn_local};
use wallet_messages::{Restore, Restored};
use web_sys::SubmitEvent;

use super::Step;
use crate::{
    browser, check, format,
    part::{FaultNote, Field, NewPassphrase, Screen, Submit, TextField},
    task::Task,
    text::{t, t_with},
};

/// Largest backup file that is read: years of payments are far smaller, and a film that was chosen by mistake is not read.
const MOST_BYTES: u32 = 20 * 1024 * 1024;

/// Asks for the file and the two passphrases.
pub fn ask(step: RwSignal<Step>) -> impl IntoView {
    let task = Task::new();
    let file = NodeRef::<html::Input>::new();
    let [chosen, sealed, new, again] =
        ["restore-file", "restore-passphrase", "passphrase", "passphrase-again"].map(Field::new);
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let Some(input) = file.get_untracked() else { return };
        spawn_local(async move {
            let text = browser::chosen_file(input, MOST_BYTES).await.unwrap_or_default();
            chosen.value.set(text);
            let file = chosen.read(|text| if text.is_empty() { Err("error_file") } else { Ok(text.to_owned()) });
            let read = (file, sealed.read(check::filled), check::twice(new, again));
            let (Some(file), Some(file_passphrase), Some(passphrase)) = read else {
                return browser::focus_first_error();
            };
            task.run(Restore { file, file_passphrase, passphrase }, move |restored| step.set(Step::Restored(restored)));
        });
    };
    view! {
        <Screen title=t("restore_title") testid="onboarding-restore" back="#/">
            <p>{t("restore_why")}</p>
            <form novalidate on:submit=submit>
                <div class="field">
                    <label for="restore-file">{t("restore_file")}</label>
                    <input id="restore-file" type="file" accept=".json,.txt,.paycash,application/json" node_ref=file
                        data-testid="restore-file" aria-invalid=move || chosen.error.get().map(|_| "true")
                        aria-describedby="restore-file-error" />
                    <p class="error" id="restore-file-error" data-testid="restore-file-error">{move || chosen.error.get()}</p>
                </div>
                <TextField field=sealed label=t("backup_passphrase") hint=t("restore_passphrase_hint") kind="password" />
                <NewPassphrase field=new label=t("passphrase_new") hint=t("passphrase_hint") />
                <TextField field=again label=t("passphrase_again") kind="password" autocomplete="new-password" />
                <Submit task label=t("restore") waiting=t("restore_waiting") testid="restore-submit" />
                <FaultNote fault=task.fault />
            </form>
        </Screen>
    }
}

/// Says what there is now, by the server's word.
pub fn done(restored: Restored) -> impl IntoView {
    let Restored { persona, balance, returned } = restored;
    let holds = match &balance {
        Some(balance) => t_with("restored_holds", &[&format::money(balance)]),
        None => t("restored_unknown"),
    };
    let returned = returned.map(|amount| t_with("restored_returned", &[&format::money(&amount)]));
    let keys = t("restored_keys");
    view! {
        <Screen title=t("restored_title") testid="onboarding-restored">
            <p class="banknote-id"><code data-testid="registered-persona">{persona}</code></p>
            <p data-testid="restored-balance">{holds}" "{returned}</p>
            <p>{keys}</p>
            <a class="button primary" href="home.html" data-testid="go-home">{t("go_home")}</a>
        </Screen>
    }
}
