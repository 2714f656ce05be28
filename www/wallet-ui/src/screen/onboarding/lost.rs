//! The device is gone and there is no backup: the autoclose passphrase sends the cash home.

use leptos::prelude::*;
use wallet_messages::{Autoclose, AutocloseWaiting, Autoclosed};
use web_sys::SubmitEvent;

use super::{Step, server::DEFAULT};
use crate::{
    browser, check, format,
    part::{FaultNote, Field, Screen, Submit, TextField},
    task::Task,
    text::{t, t_with},
};

/// Asks which persona is to be closed; `waiting` is an earlier try that was not answered.
pub fn ask(step: RwSignal<Step>, waiting: Option<AutocloseWaiting>) -> impl IntoView {
    let task = Task::new();
    let since = waiting.as_ref().map(|waiting| t_with("lost_waiting_since", &[&format::date(waiting.since)]));
    let (known_server, known_persona) =
        waiting.map_or_else(|| (DEFAULT.to_owned(), String::new()), |waiting| (waiting.server, waiting.persona));
    let server = Field::filled("server", known_server);
    let persona = Field::filled("lost-persona", known_persona);
    let passphrase = Field::new("lost-passphrase");
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let read = (server.read(check::server), persona.read(check::persona_id), passphrase.read(check::autoclose));
        let (Some(server), Some(persona), Some(passphrase)) = read else { return browser::focus_first_error() };
        task.run(Autoclose { server, persona, passphrase }, move |closed| step.set(Step::Autoclosed(closed)));
    };
    view! {
        <Screen title=t("lost_title") testid="onboarding-lost" back="#/">
            <p>{t("lost_why")}</p>
            {since.map(|since| view! { <p class="panel unanswered" data-testid="lost-waiting">{since}</p> })}
            <form novalidate on:submit=submit>
                <TextField field=server label=t("server") hint=t("lost_server_hint") kind="url" inputmode="url" />
                <TextField field=persona label=t("lost_persona") hint=t("lost_persona_hint") />
                <TextField field=passphrase label=t("autoclose_passphrase") hint=t("bind_autoclose_hint") kind="password" />
                <p class="warning">{t("lost_warning")}</p>
                <Submit task label=t("lost_close") waiting=t("lost_waiting") testid="lost-submit" />
                <FaultNote fault=task.fault />
            </form>
        </Screen>
    }
}

/// Says what went where.
pub fn done(closed: &Autoclosed) -> impl IntoView + use<> {
    let what = match &closed.amount {
        Some(amount) => t_with("lost_done", &[&closed.persona, &format::money(amount)]),
        None => t_with("lost_before", &[&closed.persona]),
    };
    view! {
        <Screen title=t("lost_done_title") testid="onboarding-autoclosed">
            <p data-testid="autoclosed-what">{what}</p>
            <p>{t("lost_next")}</p>
            <a class="button" href="onboarding.html" data-testid="start-again">{t("welcome_start")}</a>
        </Screen>
    }
}
