//! What is asked: first what the browser vouches for, then the merchant's own words.

use leptos::prelude::*;
use wallet_messages::{ApprovalView, ExchangeView};

use super::View;
use crate::{
    format,
    part::Screen,
    text::{counted, t, t_with},
};

/// Who asks for what; drawn anew only if that changes.
pub fn request(view: View) -> impl IntoView {
    let said = Memo::new(move |_| view.get().map(|view| Said::of(&view)));
    move || said.get().map(draw)
}

/// The part of the view that the merchant and the browser decide.
#[derive(Clone, PartialEq)]
struct Said {
    price: String,
    charge: Option<String>,
    origin: String,
    merchant: String,
    order: String,
    note: String,
    note_changed: bool,
    others: usize,
    rate: Option<String>,
}

impl Said {
    fn of(view: &ApprovalView) -> Self {
        Self {
            price: format::money(&view.price),
            charge: view.charge.as_ref().filter(|charge| **charge != view.price).map(format::money),
            origin: view.origin.clone(),
            merchant: view.merchant.clone(),
            order: view.order.clone(),
            note: view.note.clone(),
            note_changed: view.note_changed,
            others: usize::try_from(view.waiting.saturating_sub(1)).unwrap_or(usize::MAX),
            rate: view.exchange.as_ref().map(rate),
        }
    }
}

/// `1 EUR = 1.0628 USD, told Nov 21, 2026`: both currencies by name, before anything is agreed to.
fn rate(exchange: &ExchangeView) -> String {
    let ExchangeView { one, rate, currency, told_at } = exchange;
    let rate = format::number(rate);
    t_with("approval_rate", &[&format::money(one), &rate, &currency.to_uppercase(), &format::date(*told_at)])
}

fn draw(said: Said) -> impl IntoView {
    let Said { price, charge, origin, merchant, order, note, note_changed, others, rate } = said;
    view! {
        <Screen title=t_with("approval_title", &[&price]) testid="approval">
            <div class="asker">
                <p class="asker-label">{t("approval_origin")}</p>
                <p class="asker-origin" data-testid="approval-origin" dir="ltr">{origin}</p>
            </div>
            {charge.map(|charge| view! {
                <p class="charge" data-testid="approval-charge">{t_with("approval_charge", &[&charge])}" "{rate}</p>
            })}
            <dl class="facts">
                <div class="price"><dt>{t("price")}</dt><dd data-testid="approval-price">{price}</dd></div>
                <div><dt>{t("merchant")}</dt><dd><bdi data-testid="approval-merchant">{merchant}</bdi></dd></div>
                <div><dt>{t("order")}</dt><dd><bdi data-testid="approval-order">{order}</bdi></dd></div>
            </dl>
            <h2 class="note-title" id="note-title">{t("note")}</h2>
            // Long words of a merchant scroll, by keyboard too.
            <blockquote class="note" dir="auto" tabindex="0" aria-labelledby="note-title" role="group" data-testid="approval-note">
                {note}
            </blockquote>
            {note_changed.then(|| view! { <p class="hint" data-testid="approval-note-changed">{t("note_changed")}</p> })}
            {(others > 0).then(|| view! {
                <p class="hint" data-testid="approval-others">{counted("others_one", "others_many", others)}</p>
            })}
        </Screen>
    }
}
