//! The overview: what there is, what waits, what happened.

use leptos::prelude::*;
use wallet_messages::MoneyView;

use super::{
    activity::Recent,
    instruments::Instruments,
    sessions::Sessions,
    waiting::{Approvals, News, Unanswered},
};
use crate::{
    format,
    part::Screen,
    route::Route,
    text::{t, t_with},
    watched::Wallet,
};

/// The overview.
#[component]
pub fn Overview() -> impl IntoView {
    view! {
        <Screen title=t("home_title") testid="home">
            <Approvals />
            <News />
            <Unanswered />
            <Container />
            <Sessions />
            <NoBackup />
            <Instruments />
            <Recent />
        </Screen>
    }
}

/// The cash container: the money that is in no session.
#[component]
fn Container() -> impl IntoView {
    let wallet = Wallet::here();
    let balance = wallet.part(|home| Some(home.balance.clone()));
    let on_hold = wallet.part(|home| home.on_hold.clone());
    let loads = wallet.part(|home| home.instruments.iter().any(|instrument| instrument.loads));
    let unloads = wallet.part(|home| home.instruments.iter().any(|instrument| instrument.unloads));
    let empty = move || balance.with(|balance| balance.as_ref().is_some_and(|balance| balance.minor == 0));
    view! {
        <section class="banknote" aria-labelledby="container-title">
            <h2 id="container-title">{t("container_title")}</h2>
            <p class="balance" data-testid="balance">{move || shown(balance)}</p>
            {move || on_hold.get().map(|held| view! {
                <p class="on-hold" data-testid="on-hold">{t_with("container_on_hold", &[&format::money(&held)])}</p>
            })}
            <Show when=move || empty() && loads.get()><p>{t("container_empty")}</p></Show>
            <div class="actions">
                <Show when=move || loads.get()>
                    <a class="button" href=Route::Load.link() data-testid="go-load">{t("load")}</a>
                </Show>
                <Show when=move || unloads.get() && !empty()>
                    <a class="button" href=Route::Unload.link() data-testid="go-unload">{t("unload")}</a>
                </Show>
            </div>
        </section>
    }
}

/// Cash that would be lost with this device is worth a file.
#[component]
fn NoBackup() -> impl IntoView {
    let is_missing = Wallet::here()
        .part(|home| home.backed_up_at.is_none() && (home.balance.minor > 0 || !home.sessions.is_empty()));
    view! {
        <Show when=move || is_missing.get()>
            <section class="panel setting" data-testid="no-backup">
                <h2>{t("no_backup_title")}</h2>
                <p>{t("no_backup_why")}</p>
                <a class="button" href=Route::Backup.link() data-testid="go-backup">{t("backup_make")}</a>
            </section>
        </Show>
    }
}

fn shown(balance: Memo<Option<MoneyView>>) -> Option<String> {
    balance.with(|balance| balance.as_ref().map(format::money))
}
