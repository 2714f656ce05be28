//! Loading the cash container and unloading it.

use leptos::prelude::*;
use wallet_messages::{InstrumentView, MoneyView, Moved};
use web_sys::SubmitEvent;

use super::instruments;
use crate::{
    amount, browser, format,
    part::{Choice, FaultNote, Field, Notice, Screen, Submit, TextField},
    route::Route,
    task::Task,
    text::{t, t_with},
    watched::Wallet,
};

/// The screen that loads.
#[component]
pub fn Load() -> impl IntoView {
    let form = Form::new(|instrument| instrument.loads);
    let submit = move |event: SubmitEvent| {
        let Some((instrument, amount)) = form.read(&event) else { return };
        form.task.run(wallet_messages::Load { instrument, amount }, form.done("load_done"));
    };
    view! {
        <Screen title=t("load_title") testid="load" back=Route::Overview.link()>
            <p>{t("load_why")}</p>
            {form.draw([t("load"), t("load_from"), t("load_waiting"), t("load_none")], submit)}
        </Screen>
    }
}

/// The screen that unloads.
#[component]
pub fn Unload() -> impl IntoView {
    let form = Form::new(|instrument| instrument.unloads);
    let submit = move |event: SubmitEvent| {
        let Some((instrument, amount)) = form.read(&event) else { return };
        form.task.run(wallet_messages::Unload { instrument, amount }, form.done("unload_done"));
    };
    view! {
        <Screen title=t("unload_title") testid="unload" back=Route::Overview.link()>
            <p>{t("unload_why")}</p>
            {form.draw([t("unload"), t("unload_to"), t("unload_waiting"), t("unload_none")], submit)}
        </Screen>
    }
}

/// The form that both screens share.
#[derive(Clone, Copy)]
struct Form {
    wallet: Wallet,
    notice: Notice,
    task: Task,
    instrument: Field,
    amount: Field,
    balance: Memo<Option<MoneyView>>,
    usable: Memo<Vec<InstrumentView>>,
}

impl Form {
    fn new(fits: fn(&InstrumentView) -> bool) -> Self {
        let wallet = Wallet::here();
        let usable = wallet.part(move |home| {
            let enabled = |instrument: &&InstrumentView| fits(instrument) && instrument.status == "enabled";
            home.instruments.iter().filter(enabled).cloned().collect::<Vec<_>>()
        });
        let first = usable.with_untracked(|usable| usable.first().map(|first| first.id.clone()).unwrap_or_default());
        Self {
            wallet,
            notice: Notice::here(),
            task: Task::new(),
            instrument: Field::filled("funds-instrument", first),
            amount: Field::new("funds-amount"),
            balance: wallet.part(|home| Some(home.balance.clone())),
            usable,
        }
    }

    /// What was typed, or nothing if it is not all there.
    fn read(self, event: &SubmitEvent) -> Option<(String, String)> {
        event.prevent_default();
        let digits = self.balance.get_untracked()?.digits;
        let amount = self.amount.read(|typed| amount::from_typed(typed, digits));
        let chosen = |id: &str| if id.is_empty() { Err("error_missing") } else { Ok(id.to_owned()) };
        let read = self.instrument.read(chosen).zip(amount);
        if read.is_none() {
            browser::focus_first_error();
        }
        read
    }

    /// Says what moved, and goes back.
    fn done(self, key: &'static str) -> impl FnOnce(Moved) {
        move |moved| {
            let mut said = t_with(key, &[&format::money(&moved.amount), &format::money(&moved.balance)]);
            if let Some(fee) = moved.fee.filter(|fee| fee.minor != 0) {
                said = format!("{said} {}", t_with("fee_taken", &[&format::money(&fee)]));
            }
            self.notice.say(said);
            self.wallet.refresh();
            Route::Overview.go();
        }
    }

    /// Texts: the button, the instrument's label, what is waited for, what is said when no instrument fits.
    fn draw(self, texts: [String; 4], submit: impl Fn(SubmitEvent) + Clone + Send + Sync + 'static) -> impl IntoView {
        let [label, instrument_label, waiting, none] = texts;
        let options = Signal::derive(move || {
            self.usable
                .with(|usable| usable.iter().map(|one| (one.id.clone(), instruments::named(one))).collect::<Vec<_>>())
        });
        let currency = self.balance.get_untracked().map(|balance| balance.currency.to_uppercase()).unwrap_or_default();
        let held = move || self.balance.with(|balance| balance.as_ref().map(format::money)).unwrap_or_default();
        let nothing = move || {
            view! {
                <p class="empty" data-testid="funds-none">{none.clone()}</p>
                <a class="button primary" href=Route::Bind.link()>{t("instrument_add")}</a>
            }
        };
        view! {
            <Show when=move || !self.usable.with(Vec::is_empty) fallback=nothing>
                <form novalidate on:submit=submit.clone()>
                    <p class="held">{t("container_title")}": "<strong data-testid="funds-balance">{held}</strong></p>
                    <TextField field=self.amount label=t_with("funds_amount", &[&currency]) inputmode="decimal" />
                    <Choice field=self.instrument label=instrument_label.clone() options />
                    <Submit task=self.task label=label.clone() waiting=waiting.clone() testid="funds-submit" />
                    <FaultNote fault=self.task.fault />
                </form>
            </Show>
        }
    }
}
