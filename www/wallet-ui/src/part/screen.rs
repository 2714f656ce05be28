//! The frame of every page and of every screen in it.

use leptos::prelude::*;

use crate::{browser, text::t};

/// Something that was done, said once on the next screen.
#[derive(Clone, Copy)]
pub struct Notice(RwSignal<Option<String>>);

impl Notice {
    /// The notice of this page.
    pub fn here() -> Self {
        expect_context()
    }

    /// Says `text` until something else is said.
    pub fn say(self, text: String) {
        self.0.set(Some(text));
    }

    /// Takes back what was said.
    pub fn clear(self) {
        self.0.set(None);
    }
}

/// A page: brand, what stands beside it, the historic cipher's warning, the notice, and the screen.
#[component]
pub fn Frame(
    #[prop(into)] historic: Signal<bool>,
    #[prop(optional)] aside: Option<AnyView>,
    children: Children,
) -> impl IntoView {
    let notice = Notice(RwSignal::new(None));
    provide_context(notice);
    view! {
        <header class="masthead">
            <span class="brand"><span class="brand-mark" aria-hidden="true"></span>{t("brand")}</span>
            {aside}
        </header>
        <main>
        <Show when=move || historic.get()>
            <p class="historic" data-testid="historic-cipher"><strong>{t("historic_cipher")}</strong>" "{t("historic_cipher_why")}</p>
        </Show>
        <div class="notices" role="status" data-testid="notice">
            {move || notice.0.get().map(|text| view! { <p class="notice">{text}</p> })}
        </div>
            {children()}
        </main>
    }
}

/// A screen: its heading gets the focus when it appears, so that a screen reader starts there.
#[component]
pub fn Screen(
    #[prop(into)] title: String,
    testid: &'static str,
    #[prop(optional, into)] back: Option<String>,
    children: Children,
) -> impl IntoView {
    browser::name_window(&format!("{title} · {}", t("brand")));
    browser::focus_soon("h1");
    view! {
        <section class="screen" data-testid=testid>
            {back.map(|link| view! { <a class="back" href=link data-testid="back">{t("back")}</a> })}
            <h1 tabindex="-1">{title}</h1>
            {children()}
        </section>
    }
}
