//! What was paid per month and per shop, less what came back: numbers in tables, each with its bar.

use leptos::prelude::*;
use wallet_messages::{MoneyView, MonthTotal, ReadTotals, ShopTotal, TotalsView};

use crate::{
    browser, format,
    text::{counted, t},
    watched::Watched,
};

/// How many months and how many shops are shown: a season, and a table that is read at a glance.
const MOST: usize = 6;

/// The totals; nothing before the first payment.
#[component]
pub fn Spending() -> impl IntoView {
    let everything = ReadTotals { from: None, until: None, utc_offset_minutes: browser::utc_offset_minutes() };
    let totals = Watched::new(everything);
    let lines =
        move |of: fn(&TotalsView) -> Vec<Line>| totals.value.with(|totals| totals.as_ref().map(of).unwrap_or_default());
    let months = move || lines(|totals| totals.months.iter().map(Line::of_month).collect());
    let shops = move || lines(|totals| totals.shops.iter().map(Line::of_shop).collect());
    view! {
        <Show when=move || !months().is_empty()>
            <section class="spending" aria-labelledby="spending-title" data-testid="spending">
                <h2 id="spending-title">{t("spending_title")}</h2>
                <div class="pair">
                    {move || table(t("spending_months"), "spending-month", &months())}
                    {move || table(t("spending_shops"), "spending-shop", &shops())}
                </div>
            </section>
        </Show>
    }
}

/// One row of a table.
#[derive(Clone, PartialEq)]
struct Line {
    heading: String,
    payments: usize,
    total: MoneyView,
}

impl Line {
    fn of_month(of: &MonthTotal) -> Self {
        Self { heading: format::month(of.year, of.month), payments: count(of.payments), total: of.total.clone() }
    }

    /// The shop's address without what all of them have in common; its persona where the address is not known.
    fn of_shop(of: &ShopTotal) -> Self {
        let shop = if of.origin.is_empty() { &of.merchant } else { &of.origin };
        let heading = shop.trim_start_matches("https://").to_owned();
        Self { heading, payments: count(of.payments), total: of.total.clone() }
    }

    /// How long its bar is beside the longest of its currency, in thousandths; at least one, so that it is seen.
    fn thousandths(&self, all: &[Self]) -> i64 {
        let same = all.iter().filter(|other| other.total.currency == self.total.currency);
        let most = same.map(|other| other.total.minor).max().unwrap_or(1).max(1);
        let share = i128::from(self.total.minor.max(0)) * 1000 / i128::from(most);
        i64::try_from(share).unwrap_or(1000).clamp(1, 1000)
    }
}

fn count(payments: u32) -> usize {
    usize::try_from(payments).unwrap_or(usize::MAX)
}

fn table(caption: String, testid: &'static str, all: &[Line]) -> impl IntoView + use<> {
    let shown = &all[..all.len().min(MOST)];
    let rows = shown.iter().map(|line| row(line, line.thousandths(shown), testid)).collect_view();
    view! {
        <table class="totals">
            <caption>{caption}</caption>
            <tbody>{rows}</tbody>
        </table>
    }
}

fn row(line: &Line, length: i64, testid: &'static str) -> impl IntoView + use<> {
    view! {
        <tr data-testid=testid>
            <th scope="row">
                <bdi>{line.heading.clone()}</bdi>
                <span class="count">{counted("payments_one", "payments_many", line.payments)}</span>
            </th>
            <td>{format::money(&line.total)}</td>
            // The numbers stand beside it: the bar is for the eye alone.
            <td class="bar" aria-hidden="true">
                <svg viewBox="0 0 1000 10" preserveAspectRatio="none"><rect width=length height="10"></rect></svg>
            </td>
        </tr>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(minor: i64, currency: &str) -> Line {
        let total = MoneyView { currency: currency.into(), minor, digits: 2 };
        Line { heading: String::new(), payments: 1, total }
    }

    #[test]
    fn bars_are_as_long_as_their_share_of_their_currency() {
        let all = [line(1, "usd"), line(5_000, "usd"), line(10_000, "usd"), line(3, "eur"), line(-5, "usd")];
        let lengths: Vec<i64> = all.iter().map(|line| line.thousandths(&all)).collect();
        assert_eq!(lengths, [1, 500, 1000, 1000, 1]);
    }
}
