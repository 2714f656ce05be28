//! The pages of the extension: what the shopper sees and clicks.
//!
//! One module serves every page shell of `www/extension`; `data-page` of the shell's body says which page it is. The
//! pages know nothing of keys, of the protocol or of storage: they ask the worker through [`wallet_messages`] and draw
//! its answers. All texts come from `_locales`; money and dates are written by `Intl`.
//!
//! Invariant: nothing that a merchant or a server wrote reaches the page as anything but text.
//! Invariant: Pay is only ever done by a click (or the space bar) on an armed button; see `screen/approval`.

pub mod amount;

mod browser;
mod check;
mod format;
mod part;
mod route;
mod screen;
mod task;
mod text;
mod watched;
mod worker;

use leptos::prelude::*;
use wasm_bindgen::prelude::wasm_bindgen;

/// Draws the page whose shell loaded this module; called once by the generated JavaScript.
#[wasm_bindgen(start)]
pub fn start() {
    browser::name_language(&text::language());
    let page = browser::page_name();
    let Some(frame) = browser::frame() else { return };
    mount_to(frame, move || match page.as_str() {
        "onboarding" => screen::Onboarding().into_any(),
        "approval" => screen::Approval().into_any(),
        "receipt" => screen::Receipt().into_any(),
        _ => screen::Home().into_any(),
    })
    // The page lives as long as its window; nothing ever unmounts it.
    .forget();
}
