//! What was paid per month and per shop: numbers in tables, each with its bar.

use leptos::prelude::*;
use wallet_messages::ActivityView;

use crate::{
    format,
    text::{counted, t},
    totals::{Total, thousandths, totals},
};

/// How many months and how many shops are shown: a season, and a table that is read at a glance.
const MOST: usize = 6;

/// The totals; nothing before the first payment.
#[component]
pub fn Spending(activity: Memo<Vec<ActivityView>>) -> impl IntoView {
    let months = Memo::new(move |_| activity.with(|all| totals(all, |entry| Some(format::month(entry.at)))));
    let shops = Memo::new(move |_| {
        let mut shops = activity.with(|all| totals(all, shop));
        shops.sort_by_key(|total| std::cmp::Reverse(total.paid.minor));
        shops
    });
    view! {
        <Show when=move || months.with(|months| !months.is_empty())>
            <section class="spending" aria-labelledby="spending-title" data-testid="spending">
                <h2 id="spending-title">{t("spending_title")}</h2>
                <div class="pair">
                    {move || table(t("spending_months"), "spending-month", &months.get())}
                    {move || table(t("spending_shops"), "spending-shop", &shops.get())}
                </div>
            </section>
        </Show>
    }
}

/// The shop's address without what all of them have in common.
fn shop(entry: &ActivityView) -> Option<String> {
    let origin = entry.origin.as_ref().or(entry.with.as_ref())?;
    Some(origin.trim_start_matches("https://").to_owned())
}

fn table(caption: String, testid: &'static str, all: &[Total]) -> impl IntoView + use<> {
    let shown = &all[..all.len().min(MOST)];
    let rows = shown.iter().map(|total| line(total, thousandths(total, shown), testid)).collect_view();
    view! {
        <table class="totals">
            <caption>{caption}</caption>
            <tbody>{rows}</tbody>
        </table>
    }
}

fn line(total: &Total, length: i64, testid: &'static str) -> impl IntoView + use<> {
    let count = counted("payments_one", "payments_many", total.count);
    view! {
        <tr data-testid=testid>
            <th scope="row"><bdi>{total.heading.clone()}</bdi><span class="count">{count}</span></th>
            <td>{format::money(&total.paid)}</td>
            // The numbers stand beside it: the bar is for the eye alone.
            <td class="bar" aria-hidden="true">
                <svg viewBox="0 0 1000 10" preserveAspectRatio="none"><rect width=length height="10"></rect></svg>
            </td>
        </tr>
    }
}
