//! Settings: who the wallet belongs to, how it behaves, and the ways back to one's money.

mod backup;
mod keys;
mod locking;
mod opening;
mod passphrase;
mod silent;

use leptos::prelude::*;
use wallet_messages::{ReadSettings, SettingsView};

use crate::{
    part::{FaultNote, Loading, Screen},
    route::Route,
    text::t,
    watched::{Wallet, Watched},
};

pub use self::{backup::Backup, keys::Keys, opening::Opening, passphrase::Passphrase, silent::Silent};

/// The settings.
#[component]
pub fn Settings() -> impl IntoView {
    let settings = Watched::new(ReadSettings {});
    view! {
        <Screen title=t("settings_title") testid="settings">
            <FaultNote fault=settings.fault />
            <Show when=move || settings.value.with(Option::is_some) fallback=Loading>
                {locking::locking(settings)}
                {backup::panel(settings)}
                {silent::panel(settings)}
                {opening::panel(settings)}
                {keys::panel()}
            </Show>
            <About />
        </Screen>
    }
}

/// A part of the settings, followed as it changes.
fn part<T>(settings: Watched<ReadSettings>, of: impl Fn(&SettingsView) -> T + Send + Sync + 'static) -> Memo<Option<T>>
where
    T: PartialEq + Send + Sync + 'static,
{
    Memo::new(move |_| settings.value.with(|settings| settings.as_ref().map(&of)))
}

/// A setting with a screen of its own: what it is about, how it stands, and the way there.
fn panel(title: String, stands: impl IntoView, to: &Route, way: String, testid: &'static str) -> impl IntoView {
    view! {
        <section class="panel setting">
            <h2>{title}</h2>
            {stands}
            <a class="button" href=to.link() data-testid=testid>{way}</a>
        </section>
    }
}

/// Who the wallet belongs to, and where its cash is.
#[component]
fn About() -> impl IntoView {
    let wallet = Wallet::here();
    let [persona, email, server] = [
        wallet.part(|home| home.persona.clone()),
        wallet.part(|home| home.email.clone()),
        wallet.part(|home| home.server.clone()),
    ];
    view! {
        <section class="panel" aria-labelledby="about-title">
            <h2 id="about-title">{t("about_title")}</h2>
            <dl class="facts">
                <div><dt>{t("about_persona")}</dt><dd><code data-testid="about-persona">{persona}</code></dd></div>
                <div><dt>{t("email")}</dt><dd><bdi>{email}</bdi></dd></div>
                <div><dt>{t("server")}</dt><dd><code>{server}</code></dd></div>
            </dl>
        </section>
    }
}
