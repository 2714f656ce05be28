//! What went wrong: what happened, whether money moved, what to do next.

use leptos::prelude::*;
use wallet_messages::{Fault, MoneyMoved};

use crate::{
    format,
    text::{self, t, t_with},
};

/// Says a fault as soon as there is one. The region stands in the page before, so that it is read out.
#[component]
pub fn FaultNote(#[prop(into)] fault: Signal<Option<Fault>>) -> impl IntoView {
    view! { <div class="faults" role="alert">{move || fault.get().map(said)}</div> }
}

fn said(fault: Fault) -> impl IntoView {
    let money = text::money_moved(&fault);
    let paid = fault.paid.map(|paid| {
        let on = t_with("paid_before", &[&format::date(paid.at)]);
        view! { <p>{on}" "<a href=format::receipt_link(&paid.payment) data-testid="fault-receipt">{t("receipt_show")}</a></p> }
    });
    // What is not known yet has not failed.
    let waits = fault.money == MoneyMoved::Waiting;
    let waiting = waits.then(|| view! { <p class="fault-what">{t("state_waiting")}</p> });
    view! {
        <div class="fault" class:waits=waits data-testid="fault" data-code=fault.code.clone()>
            {waiting}
            <p class:fault-what=!waits data-testid="fault-what">{text::problem(&fault.code)}</p>
            <p data-testid="fault-money">{money}</p>
            {paid}
            <p data-testid="fault-next">{text::next_step(&fault.code)}</p>
            {fault.detail.map(|detail| view! {
                <p class="fault-detail">{t("fault_detail")}" "<q data-testid="fault-detail">{detail}</q></p>
            })}
        </div>
    }
}
