//! The rule by which the next session opens by itself.

use leptos::prelude::*;
use wallet_messages::{OpeningRule, ReadSettings, SetOpening};
use web_sys::SubmitEvent;

use super::{panel as framed, part};
use crate::{
    amount, browser, check, format,
    part::{Choice, FaultNote, Field, Loading, Notice, Screen, Submit, TextField, lifetimes},
    route::Route,
    task::Task,
    text::{t, t_with},
    watched::{Wallet, Watched},
};

/// What the form starts with: as a session that is opened by hand, but smaller.
const MINUTES: u32 = 1_440;
const USES: u16 = 20;

/// How it stands.
pub fn panel(settings: Watched<ReadSettings>) -> impl IntoView {
    let rule = part(settings, |settings| settings.opening.clone());
    let money = Wallet::here().part(|home| Some(home.balance.clone()));
    let stands = move || match (rule.get().flatten(), money.get()) {
        (Some(rule), Some(money)) => {
            t_with("opening_is", &[&format::decimal(&rule.amount, &money), &rule.uses.to_string()])
        }
        _ => t("opening_none"),
    };
    framed(
        t("opening_title"),
        view! { <p data-testid="opening-stands">{stands}</p> },
        &Route::Opening,
        t("opening_change"),
        "go-opening",
    )
}

/// The screen that sets it.
#[component]
pub fn Opening() -> impl IntoView {
    let settings = Watched::new(ReadSettings {});
    // Read once: what is typed stays while the wallet changes.
    let first = Memo::new(move |before: Option<&Option<Option<OpeningRule>>>| {
        let now = settings.value.with(|settings| settings.as_ref().map(|settings| settings.opening.clone()));
        before.cloned().flatten().map_or(now, Some)
    });
    view! {
        <Screen title=t("opening_title") testid="opening" back=Route::Settings.link()>
            <p>{t("opening_why")}</p>
            <FaultNote fault=settings.fault />
            {move || match first.get() {
                Some(rule) => form(rule).into_any(),
                None => Loading().into_any(),
            }}
        </Screen>
    }
}

fn form(rule: Option<OpeningRule>) -> impl IntoView {
    let (task, notice) = (Task::new(), Notice::here());
    let is_set = rule.is_some();
    let OpeningRule { amount, minutes, uses } =
        rule.unwrap_or(OpeningRule { amount: String::new(), minutes: MINUTES, uses: USES });
    let money = Wallet::here().part(|home| Some(home.balance.clone()));
    let most = Field::filled("opening-amount", format::typed(&amount));
    let lives = Field::filled("opening-minutes", minutes.to_string());
    let times = Field::filled("opening-uses", uses.to_string());
    let set = move |rule: Option<OpeningRule>, said: &'static str| {
        task.run(SetOpening { rule }, move |_| {
            notice.say(t(said));
            Route::Settings.go();
        });
    };
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let digits = money.with_untracked(|money| money.as_ref().map_or(2, |money| money.digits));
        let amount = most.read(|typed| amount::from_typed(typed, digits));
        let minutes = lives.read(|chosen| chosen.parse().map_err(|_| "error_missing"));
        match (amount, minutes, times.read(check::uses)) {
            (Some(amount), Some(minutes), Some(uses)) => {
                set(Some(OpeningRule { amount, minutes, uses }), "opening_set");
            }
            _ => browser::focus_first_error(),
        }
    };
    let currency = money.with_untracked(|money| money.as_ref().map(|money| money.currency.to_uppercase()));
    view! {
        <form novalidate on:submit=submit>
            <TextField field=most label=t_with("session_amount", &[&currency.unwrap_or_default()])
                hint=t("opening_amount_hint") inputmode="decimal" />
            <Choice field=lives label=t("session_lifetime") options=lifetimes(minutes) />
            <TextField field=times label=t("session_uses") hint=t("session_uses_hint") inputmode="numeric" />
            <Submit task label=t("opening_save") waiting=t("saving") testid="opening-submit" />
            <FaultNote fault=task.fault />
        </form>
        {is_set.then(|| view! {
            <button type="button" data-testid="opening-end" on:click=move |_| set(None, "opening_ended")>{t("opening_end")}</button>
        })}
    }
}
