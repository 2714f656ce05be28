//! A payment's receipt: on the screen, and on paper.

use leptos::prelude::*;
use wallet_messages::{ActivityState, MessagesView, ReadMessages, ReadReceipt, ReceiptView};

use crate::{
    browser, format,
    part::{FaultNote, Frame, Loading, Screen, Unlock},
    task::Task,
    text::{self, t, t_with},
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
    let (class, state) = state(&receipt);
    let notes = notes(&receipt);
    view! {
        <Screen title=t("receipt_title") testid="receipt">
            <article class="slip">
                <p class="slip-price" data-testid="receipt-price">{format::money(&receipt.price)}</p>
                <p class=class data-testid="receipt-state">{state}</p>
                {notes}
                {facts}
                <h2>{t("note")}</h2>
                <blockquote class="note" dir="auto" data-testid="receipt-note">{receipt.note}</blockquote>
            </article>
            {proof(&receipt.payment)}
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

/// What is out of the ordinary about it.
fn notes(receipt: &ReceiptView) -> impl IntoView + use<> {
    let contradicted = receipt.merchant_said.as_ref().map(|said| {
        view! { <p class="panel unanswered" data-testid="receipt-contradicted">{t_with("receipt_contradicted", &[said])}</p> }
    });
    let refunded = receipt.refunded.as_ref().map(|amount| {
        view! { <p data-testid="receipt-refunded">{t_with("receipt_refunded", &[&format::money(amount)])}</p> }
    });
    let silent = receipt.silent.then(|| view! { <p data-testid="receipt-silent">{t("receipt_silent")}</p> });
    view! { {contradicted}{refunded}{silent} }
}

/// The messages as they travelled: what a dispute is decided by.
fn proof(payment: &str) -> impl IntoView + use<> {
    let task = Task::new();
    let payment = payment.to_owned();
    let shown = RwSignal::new(None::<MessagesView>);
    let show = move |_| task.run(ReadMessages { payment: payment.clone() }, move |messages| shown.set(Some(messages)));
    view! {
        <section class="proof no-print" aria-labelledby="proof-title">
            <h2 id="proof-title">{t("proof_title")}</h2>
            <p class="hint">{t("proof_why")}</p>
            {move || match shown.get() {
                Some(messages) => messages_view(messages).into_any(),
                None => view! {
                    <button type="button" data-testid="proof-show" on:click=show.clone()>{t("proof_show")}</button>
                }.into_any(),
            }}
            <FaultNote fault=task.fault />
        </section>
    }
}

fn messages_view(messages: MessagesView) -> impl IntoView {
    let MessagesView { offer, payment, receipt, file } = messages;
    let save = move |_| browser::save_file(&file.name, &file.mime, &file.text);
    let message = |name: &'static str, text: String| {
        view! {
            <details data-testid="proof-message">
                <summary>{t(name)}</summary>
                <pre tabindex="0" dir="ltr">{text}</pre>
            </details>
        }
    };
    view! {
        {message("proof_offer", offer)}
        {message("proof_payment", payment)}
        {receipt.map(|receipt| message("proof_receipt", receipt))}
        <button type="button" data-testid="proof-save" on:click=save>{t("proof_save")}</button>
    }
}

fn line(name: String, testid: &'static str, value: String) -> impl IntoView {
    view! { <div><dt>{name}</dt><dd><bdi data-testid=testid>{value}</bdi></dd></div> }
}

/// How it ended, and the class that colours it.
fn state(receipt: &ReceiptView) -> (&'static str, String) {
    match (receipt.state, &receipt.problem) {
        (ActivityState::Done, _) => ("state paid-state", t("state_paid")),
        (ActivityState::Waiting, _) => ("state waiting-state", t("state_waiting")),
        (ActivityState::Refused, Some(code)) => {
            ("state refused-state", format!("{} {}", t("state_refused"), text::problem(code)))
        }
        (ActivityState::Refused, None) => ("state refused-state", t("state_refused")),
    }
}
