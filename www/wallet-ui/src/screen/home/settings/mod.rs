//! Settings: who the wallet belongs to, and how it behaves.

use leptos::prelude::*;

use crate::{part::Screen, text::t, watched::Wallet};

/// The settings.
#[component]
pub fn Settings() -> impl IntoView {
    view! {
        <Screen title=t("settings_title") testid="settings">
            <About />
        </Screen>
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
