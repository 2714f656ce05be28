//! Second step: the persona, its agreements and the passphrase that seals its keys.

use leptos::prelude::*;
use wallet_messages::{Register, Registered, ServerFacts};
use web_sys::SubmitEvent;

use super::{Step, agreements::Agreements};
use crate::{
    browser, check, format,
    part::{Choice, FaultNote, Field, NewPassphrase, Screen, Submit, TextField},
    task::Task,
    text::{t, t_with},
};

/// Languages that the wallet itself speaks: in these the server's sentences fit the screens around them.
const LANGUAGES: [&str; 2] = ["en", "de"];

/// Asks for everything a registration needs.
pub fn ask(step: RwSignal<Step>, facts: ServerFacts) -> impl IntoView {
    let task = Task::new();
    let form = Form::new(&facts);
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        match form.read() {
            Some(asked) => task.run(asked, move |registered| form.take(step, registered)),
            None => browser::focus_first_error(),
        }
    };
    view! {
        <Screen title=t("persona_title") testid="onboarding-persona">
            <p class="server-line">
                {t("server")}": "<code data-testid="server-found">{facts.server.clone()}</code>" "
                <button type="button" class="link" data-testid="server-change" on:click=move |_| step.set(Step::Server)>
                    {t("server_change")}
                </button>
            </p>
            <form novalidate on:submit=submit>
                {form.draw_who(&facts.currencies)}
                {form.agreements.draw()}
                {form.draw_secrets()}
                <Submit task label=t("register") waiting=t("register_waiting") testid="register-submit" />
                <FaultNote fault=task.fault />
            </form>
        </Screen>
    }
}

#[derive(Clone, Copy)]
struct Form {
    server: StoredValue<String>,
    requested: Field,
    email: Field,
    language: Field,
    currency: Field,
    agreements: Agreements,
    passphrase: Field,
    again: Field,
    autoclose: Field,
}

impl Form {
    fn new(facts: &ServerFacts) -> Self {
        let currency = facts.currencies.first().cloned().unwrap_or_default();
        Self {
            server: StoredValue::new(facts.server.clone()),
            requested: Field::new("requested-id"),
            email: Field::new("email"),
            language: Field::filled("language", t("locale")),
            currency: Field::filled("currency", currency),
            agreements: Agreements::new(facts.agreements.clone()),
            passphrase: Field::new("passphrase"),
            again: Field::new("passphrase-again"),
            autoclose: Field::new("autoclose-passphrase"),
        }
    }

    fn read(self) -> Option<Register> {
        let requested_id = self.requested.read(check::persona);
        let email = self.email.read(check::email);
        let agreements = self.agreements.read();
        let passphrase = check::twice(self.passphrase, self.again);
        let autoclose = self.autoclose.read(check::optional_autoclose);
        Some(Register {
            server: self.server.get_value(),
            requested_id: requested_id?,
            email: email?,
            language: self.language.value.get_untracked(),
            currency: self.currency.value.get_untracked(),
            agreements: agreements?,
            passphrase: passphrase?,
            autoclose_passphrase: autoclose?,
        })
    }

    fn take(self, step: RwSignal<Step>, registered: Registered) {
        match registered {
            Registered::Persona(persona) => step.set(Step::Done(persona)),
            Registered::Suggested(free) => {
                let taken = self.requested.value.get_untracked();
                self.requested.error.set(Some(t_with("persona_taken", &[&taken, &free])));
                self.requested.value.set(free);
                browser::focus_first_error();
            }
        }
    }

    fn draw_who(self, currencies: &[String]) -> impl IntoView + use<> {
        let named =
            |code: &String| (code.clone(), format!("{} ({})", format::name("currency", &upper(code)), upper(code)));
        let currencies: Vec<_> = currencies.iter().map(named).collect();
        let languages: Vec<_> =
            LANGUAGES.iter().map(|tag| ((*tag).to_owned(), format::name("language", tag))).collect();
        view! {
            <TextField field=self.requested label=t("persona_id") hint=t("persona_id_hint") autocomplete="username" />
            <TextField field=self.email label=t("email") hint=t("email_hint") kind="email" autocomplete="email" inputmode="email" />
            <div class="pair">
                <Choice field=self.language label=t("language") options=languages />
                <Choice field=self.currency label=t("currency") options=currencies />
            </div>
        }
    }

    fn draw_secrets(self) -> impl IntoView {
        view! {
            <NewPassphrase field=self.passphrase label=t("passphrase") hint=t("passphrase_hint") />
            <TextField field=self.again label=t("passphrase_again") kind="password" autocomplete="new-password" />
            <TextField field=self.autoclose label=t("autoclose_optional") hint=t("autoclose_hint") kind="password" />
        }
    }
}

fn upper(code: &str) -> String {
    code.to_ascii_uppercase()
}
