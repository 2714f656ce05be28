//! First step: which server keeps the cash.

use leptos::prelude::*;
use wallet_messages::{LookUpServer, WaitingView};
use web_sys::SubmitEvent;

use super::Step;
use crate::{
    browser, check, format,
    part::{FaultNote, Field, Screen, Submit, TextField},
    task::Task,
    text::{t, t_with},
};

/// Where `server-stub serve` listens if it is not told otherwise.
pub const DEFAULT: &str = "http://127.0.0.1:8401";

/// Asks for the server's address and looks it up; `waiting` is an earlier registration that was not answered.
pub fn ask(step: RwSignal<Step>, waiting: Option<WaitingView>) -> impl IntoView {
    let task = Task::new();
    let waiting =
        waiting.map(|one| t_with("register_waiting_since", &[&one.with.unwrap_or_default(), &format::date(one.since)]));
    let server = Field::filled("server", DEFAULT);
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        match server.read(check::server) {
            Some(server) => task.run(LookUpServer { server }, move |facts| step.set(Step::Persona(facts))),
            None => browser::focus_first_error(),
        }
    };
    view! {
        <Screen title=t("server_title") testid="onboarding-server">
            <p>{t("server_why")}</p>
            {waiting.map(|waiting| view! { <p class="panel unanswered" data-testid="register-waiting"><bdi>{waiting}</bdi></p> })}
            <form novalidate on:submit=submit>
                <TextField field=server label=t("server") hint=t("server_hint") kind="url" inputmode="url" />
                <Submit task label=t("server_look_up") waiting=t("server_waiting") testid="server-submit" />
                <FaultNote fault=task.fault />
            </form>
            <section class="other-ways" aria-labelledby="other-ways-title">
                <h2 id="other-ways-title">{t("other_ways")}</h2>
                <a href="#/restore" data-testid="go-restore">{t("restore_title")}</a>
                <a href="#/lost" data-testid="go-lost">{t("lost_title")}</a>
            </section>
        </Screen>
    }
}
