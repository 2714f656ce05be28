//! The button that pays.

use leptos::{html, prelude::*};
use wallet_messages::{Approve, Fault, MoneyMoved, Paid};
use web_sys::KeyboardEvent;

use super::View;
use crate::{
    browser,
    part::{FaultNote, Waiting},
    task::Task,
    text::t,
};

/// Pay. Does nothing unless `is_armed`; a click while the worker pays is ignored by [`Task`].
#[component]
pub fn Pay(pay: Task, view: View, is_armed: ReadSignal<bool>, paid: RwSignal<Option<Paid>>) -> impl IntoView {
    let is_ready = Memo::new(move |_| is_armed.get() && !pay.busy.get());
    let button = NodeRef::<html::Button>::new();
    let had_focus = keep_focus(button, is_ready);
    let pays = move |_| {
        let request = view.with_untracked(|view| view.as_ref().map(|view| view.request.clone()));
        if let Some(request) = request.filter(|_| is_ready.get_untracked()) {
            pay.run(Approve { request }, move |done| paid.set(Some(done)));
        }
    };
    view! {
        <button
            type="button"
            class="primary pay"
            data-testid="pay"
            node_ref=button
            disabled=move || !is_ready.get()
            aria-describedby="pay-hint"
            on:click=pays
            on:keydown=|event| not_by_enter(&event)
            on:focus=move |_| had_focus.set_value(true)
            on:blur=move |_| leaves(had_focus, is_ready)
        >
            {move || label(pay.fault.get().as_ref())}
        </button>
    }
}

/// What stands below the buttons: how Pay is pressed, that it is being paid, what went wrong.
#[component]
pub fn PayStatus(pay: Task) -> impl IntoView {
    view! {
        <p class="hint pay-hint" id="pay-hint">{t("pay_hint")}</p>
        <Waiting on=pay.busy label=t("pay_waiting") />
        <FaultNote fault=pay.fault />
    }
}

/// A button that is disabled loses the focus; it gets it back if the shopper has not moved on meanwhile.
fn keep_focus(button: NodeRef<html::Button>, is_ready: Memo<bool>) -> StoredValue<bool> {
    let had_focus = StoredValue::new(false);
    Effect::new(move || {
        if is_ready.get()
            && had_focus.get_value()
            && browser::nothing_has_focus()
            && let Some(button) = button.get_untracked()
        {
            button.focus().ok();
        }
    });
    had_focus
}

/// The focus has gone: because the shopper moved on, or because the button was disabled or another window was looked at.
fn leaves(had_focus: StoredValue<bool>, is_ready: Memo<bool>) {
    // A button that is taken out of the page loses its focus too; its signals are gone by then.
    if let Some(is_ready) = is_ready.try_get_untracked() {
        had_focus.try_update_value(|had| *had = !is_ready || browser::is_elsewhere());
    }
}

/// Enter ends forms and closes dialogs everywhere, so it is pressed without looking: it does not pay. Space does.
fn not_by_enter(event: &KeyboardEvent) {
    if event.key() == "Enter" {
        event.prevent_default();
    }
}

/// After a payment whose answer is missing, the same payment can be sent again.
fn label(fault: Option<&Fault>) -> String {
    match fault {
        Some(fault) if fault.money == MoneyMoved::Waiting => t("pay_again"),
        _ => t("pay"),
    }
}
