//! Instruments: the accounts and cards that cash comes from and goes back to.

use leptos::prelude::*;
use wallet_messages::InstrumentView;

use crate::{
    route::Route,
    text::{t, t_with},
    watched::Wallet,
};

/// All instruments.
#[component]
pub fn Instruments() -> impl IntoView {
    let instruments = Wallet::here().part(|home| home.instruments.clone());
    view! {
        <section aria-labelledby="instruments-title">
            <div class="section-head">
                <h2 id="instruments-title">{t("instruments_title")}</h2>
                <a class="button" href=Route::Bind.link() data-testid="go-bind">{t("instrument_add")}</a>
            </div>
            <Show when=move || instruments.with(Vec::is_empty)>
                <p class="empty" data-testid="instruments-empty">{t("instruments_empty")}</p>
            </Show>
            <ul class="rows">
                <For each=move || instruments.get() key=|instrument| format!("{instrument:?}") let:instrument>
                    {row(&instrument)}
                </For>
            </ul>
        </section>
    }
}

/// `Bank account ending in 5654`.
pub fn named(instrument: &InstrumentView) -> String {
    t_with("instrument_named", &[&kind(&instrument.kind), &instrument.last_digits])
}

/// What a type of instrument is called; its own name if it is none of ours.
pub fn kind(kind: &str) -> String {
    match kind {
        "dda" => t("instrument_dda"),
        "visa" => t("instrument_visa"),
        "mastercard" => t("instrument_mastercard"),
        "amex" => t("instrument_amex"),
        "discover" => t("instrument_discover"),
        other => other.to_owned(),
    }
}

/// How a binding stands; the server's own word if it is none of the seed's.
pub fn status(status: &str) -> String {
    match status {
        "created" => t("instrument_created"),
        "pending-pre-note" => t("instrument_pending_pre_note"),
        "pending-signature" => t("instrument_pending_signature"),
        "enabled" => t("instrument_enabled"),
        "disabled" => t("instrument_disabled"),
        other => other.to_owned(),
    }
}

fn row(instrument: &InstrumentView) -> impl IntoView + use<> {
    let use_for = match (instrument.loads, instrument.unloads) {
        (true, true) => t("instrument_both"),
        (true, false) => t("instrument_loads"),
        (false, true) => t("instrument_unloads"),
        (false, false) => t("instrument_neither"),
    };
    view! {
        <li class="row" data-testid="instrument" data-instrument=instrument.id.clone()>
            <span class="row-what">{named(instrument)}</span>
            <span class="row-more">
                <span data-testid="instrument-status">{status(&instrument.status)}</span>" · "{use_for}
            </span>
        </li>
    }
}
