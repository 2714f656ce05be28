//! The form that opens a session: on its own screen, and in the approval window when no session fits.

use leptos::prelude::*;
use wallet_messages::{MoneyView, OpenSession, SessionView};
use web_sys::SubmitEvent;

use super::{Choice, FaultNote, Field, Submit, TextField};
use crate::{
    amount, browser, check, format,
    task::Task,
    text::{t, t_with},
};

/// Lifetimes on offer, in minutes, with the keys of their names. The server cuts what is longer than it allows.
const LIFETIMES: [(u32, &str); 5] = [
    (15, "lifetime_15"),
    (60, "lifetime_60"),
    (1_440, "lifetime_1440"),
    (10_080, "lifetime_10080"),
    (43_200, "lifetime_43200"),
];
/// Characters of the shopper's note: `record-note`, protocol.md section 6.4.
const NOTE_MAX: usize = 60;

/// What the form starts with.
#[derive(Clone, Default)]
pub struct Suggested {
    /// Decimal, may be empty.
    pub amount: String,
    /// Lifetime in minutes.
    pub minutes: u32,
    /// Payments.
    pub uses: u16,
}

/// Opens a session; `opened` is called with it.
#[component]
pub fn SessionForm(
    balance: MoneyView,
    suggested: Suggested,
    label: String,
    opened: impl Fn(SessionView) + Clone + Send + Sync + 'static,
) -> impl IntoView {
    let task = Task::new();
    let lifetimes = lifetimes(suggested.minutes);
    let form = Form::new(suggested);
    let holds = t_with("session_amount_hint", &[&format::money(&balance)]);
    let MoneyView { currency, digits, .. } = balance;
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        match form.read(digits) {
            Some(asked) => task.run(asked, opened.clone()),
            None => browser::focus_first_error(),
        }
    };
    view! {
        <form novalidate on:submit=submit data-testid="session-form">
            <TextField field=form.amount label=t_with("session_amount", &[&currency.to_ascii_uppercase()])
                hint=holds inputmode="decimal" />
            <Choice field=form.minutes label=t("session_lifetime") options=lifetimes />
            <TextField field=form.uses label=t("session_uses") hint=t("session_uses_hint") inputmode="numeric" />
            <TextField field=form.note label=t("session_note") hint=t("session_note_hint") />
            <Submit task label waiting=t("session_waiting") testid="session-submit" />
            <FaultNote fault=task.fault />
        </form>
    }
}

#[derive(Clone, Copy)]
struct Form {
    amount: Field,
    minutes: Field,
    uses: Field,
    note: Field,
}

impl Form {
    fn new(suggested: Suggested) -> Self {
        let Suggested { amount, minutes, uses } = suggested;
        Self {
            amount: Field::filled("session-amount-field", format::typed(&amount)),
            minutes: Field::filled("session-minutes", minutes.to_string()),
            uses: Field::filled("session-uses-field", uses.to_string()),
            note: Field::new("session-note"),
        }
    }

    fn read(self, digits: u8) -> Option<OpenSession> {
        let amount = self.amount.read(|typed| amount::from_typed(typed, digits));
        let minutes = self.minutes.read(|chosen| chosen.parse().map_err(|_| "error_missing"));
        let uses = self.uses.read(check::uses);
        let note = self.note.read(|typed| check::optional_line(typed, NOTE_MAX));
        Some(OpenSession { amount: amount?, minutes: minutes?, uses: uses?, note: note? })
    }
}

/// The lifetimes on offer, and the suggested one if it is none of them.
pub fn lifetimes(suggested: u32) -> Vec<(String, String)> {
    let mut offered: Vec<_> = LIFETIMES.iter().map(|(minutes, key)| (minutes.to_string(), t(key))).collect();
    if !LIFETIMES.iter().any(|(minutes, _)| *minutes == suggested) {
        let name = t_with("lifetime_minutes", &[&suggested.to_string()]);
        offered.insert(0, (suggested.to_string(), name));
    }
    offered
}
