//! The home page, which is also the popup of the extension's button.

mod activity;
mod bind;
mod challenge;
mod close;
mod funds;
mod instruments;
mod open;
mod overview;
mod sessions;
mod settings;
mod waiting;

use leptos::{prelude::*, task::spawn_local};
use wallet_messages::{Lock, Phase, Touch};

use crate::{
    browser,
    part::{FaultNote, Frame, Loading, Notice, Screen, Unlock, Unreadable},
    route::Route,
    task::Task,
    text::t,
    watched::Wallet,
    worker,
};

/// How often the worker hears that the shopper is here: a fraction of the shortest time after which it locks.
const TOUCH_EVERY: std::time::Duration = std::time::Duration::from_secs(20);

/// The home page.
#[component]
pub fn Home() -> impl IntoView {
    let wallet = Wallet::provide();
    let phase = wallet.phase();
    let route = Route::follow();
    view! {
        <Frame historic=wallet.part(|home| home.historic_cipher) aside=aside(wallet, route)>
            <FaultNote fault=wallet.fault />
            {move || match phase.get() {
                None if wallet.fault.with(Option::is_some) => {
                    view! { <Unreadable again=move || wallet.refresh() /> }.into_any()
                }
                None => Loading().into_any(),
                Some(Phase::New) => welcome().into_any(),
                Some(Phase::Locked) => locked(wallet).into_any(),
                Some(Phase::Open) => opened(route).into_any(),
            }}
        </Frame>
    }
}

/// Who the wallet belongs to, the button that locks it, and the ways to its screens.
fn aside(wallet: Wallet, route: RwSignal<Route>) -> AnyView {
    let lock = Task::new();
    let persona = Memo::new(move |_| wallet.value.with(|state| state.as_ref().and_then(|state| state.persona.clone())));
    let phase = wallet.phase();
    let locks = move |_| lock.run(Lock {}, move |_| wallet.refresh());
    view! {
        <span class="persona" data-testid="persona">{move || persona.get()}</span>
        <Show when=move || phase.get() == Some(Phase::Open)>
            <button type="button" class="quiet" data-testid="lock" on:click=locks>{t("lock")}</button>
            {ways(route)}
        </Show>
    }
    .into_any()
}

fn ways(route: RwSignal<Route>) -> impl IntoView {
    let way = move |to: Route, name: String, testid: &'static str| {
        let link = to.link();
        let here = move || route.with(|route| route.belongs_to(&to)).then_some("page");
        view! { <a href=link aria-current=here data-testid=testid>{name}</a> }
    };
    view! {
        <nav class="ways" aria-label=t("ways")>
            {way(Route::Overview, t("way_wallet"), "way-wallet")}
            {way(Route::Activity, t("activity_title"), "way-activity")}
            {way(Route::Settings, t("settings_title"), "way-settings")}
        </nav>
    }
}

/// Before there is a persona.
fn welcome() -> impl IntoView {
    view! {
        <Screen title=t("welcome_title") testid="welcome">
            <p>{t("welcome_what")}</p>
            <ol class="steps">
                <li>{t("welcome_step_1")}</li>
                <li>{t("welcome_step_2")}</li>
                <li>{t("welcome_step_3")}</li>
            </ol>
            <a class="button primary" href="onboarding.html" target="_blank" data-testid="start">{t("welcome_start")}</a>
            <p class="other-ways">
                <a href="onboarding.html#/restore" target="_blank" data-testid="go-restore">{t("restore_title")}</a>
                <a href="onboarding.html#/lost" target="_blank" data-testid="go-lost">{t("lost_title")}</a>
            </p>
        </Screen>
    }
}

fn locked(wallet: Wallet) -> impl IntoView {
    view! {
        <Screen title=t("unlock_title") testid="unlock">
            <p>{t("unlock_why")}</p>
            <Unlock opened=move || wallet.refresh() />
        </Screen>
    }
}

fn opened(route: RwSignal<Route>) -> impl IntoView {
    browser::on_activity(TOUCH_EVERY, || {
        spawn_local(async {
            // If it is not heard, the wallet locks itself early, and nothing else happens.
            drop(worker::ask(&Touch {}).await);
        });
    });
    // What was said about one screen's work stays for the overview after it, and goes when the next one opens.
    Effect::new(move || {
        if route.get() != Route::Overview {
            Notice::here().clear();
        }
    });
    move || match route.get() {
        Route::Overview => overview::Overview().into_any(),
        Route::Bind => bind::Bind().into_any(),
        Route::Load => funds::Load().into_any(),
        Route::Unload => funds::Unload().into_any(),
        Route::Open => open::Open().into_any(),
        Route::Close(session) => close::close(&session).into_any(),
        Route::Activity => activity::Activity().into_any(),
        Route::Settings => settings::Settings().into_any(),
        Route::Passphrase => settings::Passphrase().into_any(),
        Route::Backup => settings::Backup().into_any(),
        Route::Silent => settings::Silent().into_any(),
        Route::Opening => settings::Opening().into_any(),
        Route::Keys => settings::Keys().into_any(),
    }
}
