//! It is paid: what is left, the receipt, and out of the way.

use std::time::Duration;

use leptos::prelude::*;
use wallet_messages::Paid;

use crate::{
    browser, format,
    part::Screen,
    text::{t, t_with},
};

/// Long enough to read one sentence; whoever clicks or presses a key before keeps the window.
const CLOSES_AFTER: Duration = Duration::from_secs(5);

/// Says that it is paid.
pub fn paid(paid: Paid) -> impl IntoView {
    let receipt = format::receipt_link(&paid.payment);
    let stays = closes_by_itself();
    view! {
        <Screen title=t("paid_title") testid="paid">
            <span class="tick-mark" aria-hidden="true"></span>
            <p>{t("paid_left_before")}" "<strong data-testid="paid-left">{format::money(&paid.left)}</strong></p>
            <div class="actions">
                <a class="button" href=receipt data-testid="receipt-link">{t("receipt_show")}</a>
                <button type="button" class="primary" data-testid="close-window" on:click=|_| browser::close_window()>
                    {t("paid_back")}
                </button>
            </div>
            <Show when=move || !stays.get()>
                <p class="hint">{t_with("paid_closes", &[&CLOSES_AFTER.as_secs().to_string()])}</p>
            </Show>
            <p class="hint">
                <a href="home.html#/settings/silent" target="_blank" data-testid="go-silent">{t("paid_silent")}</a>
            </p>
        </Screen>
    }
}

/// Closes the window after a while; true once the shopper has done something here, which keeps it open.
fn closes_by_itself() -> ReadSignal<bool> {
    let (stays, set_stays) = signal(false);
    for event in ["keydown", "pointerdown"] {
        let listener = window_event_listener_untyped(event, move |_| set_stays.set(true));
        on_cleanup(move || listener.remove());
    }
    set_timeout(
        move || {
            if stays.try_get_untracked() == Some(false) {
                browser::close_window();
            }
        },
        CLOSES_AFTER,
    );
    stays
}
