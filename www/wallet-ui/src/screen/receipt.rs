//! A payment's receipt: on the screen, and on paper.

use leptos::prelude::*;
use wallet_messages::{ActivityState, ReadReceipt, ReceiptView};

use crate::{
    browser, format,
    part::{FaultNote, Frame, Loading, Screen, Unlock},
    text::{self, t},
    watched::Watched,
};

/// The receipt page; which payment is a parameter of its address.
#[component]
pub fn Receipt() -> impl IntoView {
    let payment = browser::parameter("payment").unwrap_or_default();
    let receipt = Watched::new(ReadReceipt { payment });
    let historic =
        move || receipt.value.with(|receipt| receipt.as_ref().is_some_and(|receipt| receipt.historic_cipher));
    let locked =
        Memo::new(move |_| receipt.fault.with(|fault| fault.as_ref().is_some_and(|fault| fault.code == "locked")));
    let fault = Signal::derive(move || receipt.fault.get().filter(|fault| fault.code != "locked"));
    view! {
        <Frame historic=Signal::derive(historic)>
            <FaultNote fault />
            {move || match (locked.get(), receipt.value.get()) {
                (true, _) => view! {
                    <Screen title=t("unlock_title") testid="unlock"><Unlock opened=move || receipt.refresh() /></Screen>
                }.into_any(),
                (false, Some(receipt)) => slip(receipt).into_any(),
                (false, None) if fault.with(Option::is_some) => view! {
                    <Screen title=t("receipt_none_title") testid="receipt-none">
                        <a class="button" href="home.html" data-testid="go-home">{t("go_home")}</a>
                    </Screen>
                }.into_any(),
                (false, None) => Loading().into_any(),
            }}
        </Frame>
    }
}

fn slip(receipt: ReceiptView) -> impl IntoView {
    let facts = facts(&receipt);
    let state = state(&receipt);
    view! {
        <Screen title=t("receipt_title") testid="receipt">
            <article class="slip">
                <p class="slip-price" data-testid="receipt-price">{format::money(&receipt.price)}</p>
                <p class="slip-state" data-testid="receipt-state">{state}</p>
                {facts}
                <h2>{t("note")}</h2>
                <blockquote class="note" dir="auto" data-testid="receipt-note">{receipt.note}</blockquote>
            </article>
            <div class="actions no-print">
                <button type="button" class="primary" data-testid="print" on:click=|_| browser::print_window()>
                    {t("print")}
                </button>
                <a class="button" href="home.html" data-testid="go-home">{t("go_home")}</a>
            </div>
        </Screen>
    }
}

fn facts(receipt: &ReceiptView) -> impl IntoView + use<> {
    let differs = receipt.charged != receipt.price;
    let charged = differs.then(|| line(t("receipt_charged"), "receipt-charged", format::money(&receipt.charged)));
    view! {
        <dl class="facts">
            {charged}
            {line(t("receipt_date"), "receipt-date", format::date(receipt.at))}
            {line(t("origin"), "receipt-origin", receipt.origin.clone())}
            {line(t("merchant"), "receipt-merchant", receipt.merchant.clone())}
            {line(t("order"), "receipt-order", receipt.order.clone())}
            {line(t("receipt_session"), "receipt-session", format!("{} · {}", receipt.session, receipt.index))}
        </dl>
    }
}

fn line(name: String, testid: &'static str, value: String) -> impl IntoView {
    view! { <div><dt>{name}</dt><dd><bdi data-testid=testid>{value}</bdi></dd></div> }
}

fn state(receipt: &ReceiptView) -> String {
    match (receipt.state, &receipt.problem) {
        (ActivityState::Done, _) => t("state_paid"),
        (ActivityState::Waiting, _) => t("state_waiting"),
        (ActivityState::Refused, Some(code)) => format!("{} {}", t("state_refused"), text::problem(code)),
        (ActivityState::Refused, None) => t("state_refused"),
    }
}
