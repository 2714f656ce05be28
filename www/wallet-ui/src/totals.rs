//! What was paid, added up: per month and per shop. Whole minor units, each currency by itself.

use wallet_messages::{ActivityKind, ActivityState, ActivityView, MoneyView};

/// What was paid under one heading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Total {
    /// A month or a shop.
    pub heading: String,
    /// The sum, positive.
    pub paid: MoneyView,
    /// Of how many payments.
    pub count: usize,
}

/// Adds up the payments that went through, under the headings that `heading` gives them; in the order of their first
/// appearance. A sum that no amount can hold stays at what it was before.
pub fn totals(activity: &[ActivityView], heading: impl Fn(&ActivityView) -> Option<String>) -> Vec<Total> {
    let mut all: Vec<Total> = Vec::new();
    for (entry, amount) in activity.iter().filter_map(paid) {
        let Some(heading) = heading(entry) else { continue };
        let spent = amount.minor.saturating_neg();
        let known = all.iter_mut().find(|total| total.heading == heading && total.paid.currency == amount.currency);
        if let Some(total) = known {
            total.paid.minor = total.paid.minor.checked_add(spent).unwrap_or(total.paid.minor);
            total.count += 1;
        } else {
            all.push(Total { heading, paid: MoneyView { minor: spent, ..amount.clone() }, count: 1 });
        }
    }
    all
}

/// An entry's amount, if it is a payment that went through.
fn paid(entry: &ActivityView) -> Option<(&ActivityView, &MoneyView)> {
    let went_through = entry.kind == ActivityKind::Pay && entry.state == ActivityState::Done;
    entry.amount.as_ref().filter(|_| went_through).map(|amount| (entry, amount))
}

/// How long a bar is beside the longest of its currency, in thousandths; at least one, so that it is seen.
pub fn thousandths(total: &Total, all: &[Total]) -> i64 {
    let same = all.iter().filter(|other| other.paid.currency == total.paid.currency);
    let most = same.map(|other| other.paid.minor).max().unwrap_or(1).max(1);
    let share = i128::from(total.paid.minor.max(0)) * 1000 / i128::from(most);
    i64::try_from(share).unwrap_or(1000).clamp(1, 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(kind: ActivityKind, state: ActivityState, currency: &str, minor: i64, with: &str) -> ActivityView {
        ActivityView {
            id: String::new(),
            kind,
            at: 0,
            amount: Some(MoneyView { currency: currency.into(), minor, digits: 2 }),
            with: Some(with.into()),
            origin: None,
            state,
            problem: None,
        }
    }

    fn shop(entry: &ActivityView) -> Option<String> {
        entry.with.clone()
    }

    #[test]
    fn only_payments_that_went_through_count() {
        use {ActivityKind::*, ActivityState::*};
        let all = [
            entry(Pay, Done, "usd", -4_250, "acme-82"),
            entry(Pay, Waiting, "usd", -100, "acme-82"),
            entry(Pay, Refused, "usd", -100, "acme-82"),
            entry(Load, Done, "usd", 10_000, "5654"),
            entry(Pay, Done, "usd", -750, "acme-82"),
        ];
        let found = totals(&all, shop);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].paid.minor, found[0].count), (5_000, 2));
    }

    #[test]
    fn currencies_are_never_added_to_each_other() {
        let pay = |currency, minor| entry(ActivityKind::Pay, ActivityState::Done, currency, minor, "acme-82");
        let found = totals(&[pay("usd", -100), pay("eur", -200), pay("usd", -1)], shop);
        let sums: Vec<_> = found.iter().map(|total| (total.paid.currency.as_str(), total.paid.minor)).collect();
        assert_eq!(sums, [("usd", 101), ("eur", 200)]);
    }

    #[test]
    fn a_sum_does_not_wrap() {
        let pay = |minor| entry(ActivityKind::Pay, ActivityState::Done, "usd", minor, "acme-82");
        assert_eq!(totals(&[pay(-i64::MAX), pay(-1)], shop)[0].paid.minor, i64::MAX);
    }

    #[test]
    fn bars_are_as_long_as_their_share() {
        let pay = |minor, with| entry(ActivityKind::Pay, ActivityState::Done, "usd", minor, with);
        let all = totals(&[pay(-1, "a-1"), pay(-5_000, "b-1"), pay(-10_000, "c-1")], shop);
        let lengths: Vec<i64> = all.iter().map(|total| thousandths(total, &all)).collect();
        assert_eq!(lengths, [1, 500, 1000]);
    }
}
