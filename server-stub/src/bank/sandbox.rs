//! The sandbox bank (protocol.md section 8): the numbers are public, so that anyone can test every outcome.

use std::collections::BTreeSet;

use protocol::date::Date;
use protocol::money::Money;
use protocol::value::{Function, Month, Value};

use super::{Application, Decision, Issuer, Limits, LoadDecision, Terms};

/// An account that is `pending-pre-note` for a while.
const SLOW_ACCOUNT: &str = "059013218175001";
/// An account whose loads are on hold for a while.
const HOLDING_ACCOUNT: &str = "059013218175002";
/// A card that is never bound.
const DECLINED_CARD: &str = "4000000000000002";
/// A card that is bound, and gives nothing.
const EMPTY_CARD: &str = "4000000000009995";
/// A card whose issuer asks a question first.
const CHALLENGED_CARD: &str = "4000000000003220";
const QUESTION: &str = "Mother's maiden name";
const RIGHT_ANSWER: &str = "smith";
/// How long "a while" is.
const A_WHILE_SECS: i64 = 10;

/// Digits of an account number.
const ACCOUNT_DIGITS: std::ops::RangeInclusive<usize> = 10..=17;
/// Digits of a card number (ISO/IEC 7812).
const CARD_DIGITS: std::ops::RangeInclusive<usize> = 12..=19;

/// The bank of the sandbox.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sandbox;

impl Issuer for Sandbox {
    fn name(&self) -> &'static str {
        "Sandbox Bank"
    }

    fn bind(&self, application: Application<'_>, now: Date) -> Decision {
        let Application { number, is_card, expires, functions } = application;
        let sound = if is_card { is_card_number(number) && !is_over(expires, now) } else { is_account_number(number) };
        if !sound || number == DECLINED_CARD {
            return Decision::Declined;
        }
        let possible = if is_card { CARD_FUNCTIONS } else { ACCOUNT_FUNCTIONS };
        let functions: BTreeSet<_> = possible.iter().copied().filter(|function| functions.contains(function)).collect();
        let enabled_from = if number == SLOW_ACCOUNT { now.plus_secs(A_WHILE_SECS) } else { now };
        let terms = Terms { functions, enabled_from };
        if number == CHALLENGED_CARD {
            return Decision::Challenge(vec![QUESTION.to_owned()], terms);
        }
        Decision::Bound(terms)
    }

    fn answers_fit(&self, number: &str, answers: &[&str]) -> bool {
        let right = |answer: &&str| answer.trim().eq_ignore_ascii_case(RIGHT_ANSWER);
        number == CHALLENGED_CARD && answers.len() == 1 && answers.iter().all(right)
    }

    fn load(&self, number: &str, _: Money, now: Date) -> LoadDecision {
        match number {
            EMPTY_CARD => LoadDecision::Declined,
            HOLDING_ACCOUNT => LoadDecision::OnHold(now.plus_secs(A_WHILE_SECS)),
            _ => LoadDecision::Cleared,
        }
    }

    fn unload(&self, _: &str, _: Money) -> bool {
        true
    }

    fn limits(&self) -> Limits {
        Limits { load_units: 1_000, window_units: 5_000, window_secs: 24 * 3_600 }
    }
}

/// Cards take no money out of a container.
const CARD_FUNCTIONS: &[Function] = &[Function::Charge, Function::Credit, Function::Load];
const ACCOUNT_FUNCTIONS: &[Function] = &[Function::Charge, Function::Credit, Function::Load, Function::Unload];

fn is_account_number(number: &str) -> bool {
    ACCOUNT_DIGITS.contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit())
}

/// The Luhn check: counted from the end, every second digit doubled, digits summed, a multiple of ten.
fn is_card_number(number: &str) -> bool {
    let digits: Option<Vec<u32>> = number.chars().map(|c| c.to_digit(10)).collect();
    let Some(digits) = digits.filter(|digits| CARD_DIGITS.contains(&digits.len())) else { return false };
    let sum: u32 = digits.iter().rev().enumerate().map(|(n, digit)| luhn_weight(n, *digit)).sum();
    sum.is_multiple_of(10)
}

fn luhn_weight(place: usize, digit: u32) -> u32 {
    match (place % 2, digit) {
        (0, digit) => digit,
        (_, digit @ 0..=4) => 2 * digit,
        (_, digit) => 2 * digit - 9,
    }
}

/// A card is good to the end of the month printed on it.
fn is_over(expires: Option<&Month>, now: Date) -> bool {
    let Some(expires) = expires else { return false };
    let Some((month, year)) = expires.as_str().split_once('/') else { return true };
    let today = now.text();
    // `yyyyMM` compares like the number it is.
    format!("{year}{month}").as_str() < &today[..6]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bind(number: &str, is_card: bool, expires: Option<&str>) -> Decision {
        let functions = ACCOUNT_FUNCTIONS.iter().copied().collect();
        let expires = expires.and_then(Month::of);
        let application = Application { number, is_card, expires: expires.as_ref(), functions: &functions };
        Sandbox.bind(application, Date::from_millis(1_795_238_281_702))
    }

    #[test]
    fn other_cards_must_pass_luhn_and_not_be_expired() {
        assert_eq!(bind("4242424242424241", true, None), Decision::Declined);
        assert!(matches!(bind("5555555555554444", true, Some("11/2026")), Decision::Bound(_)));
        assert_eq!(bind("5555555555554444", true, Some("10/2026")), Decision::Declined);
        assert_eq!(bind("not-a-number", true, None), Decision::Declined);
    }

    #[test]
    fn other_accounts_have_ten_to_seventeen_digits() {
        for (number, good) in [("123456789", false), ("1234567890", true), ("12345678901234567", true)] {
            assert_eq!(matches!(bind(number, false, None), Decision::Bound(_)), good, "{number}");
        }
        assert_eq!(bind("123456789012345678", false, None), Decision::Declined);
        assert_eq!(bind("12345678x0", false, None), Decision::Declined);
    }

    #[test]
    fn a_card_may_not_unload() {
        let Decision::Bound(terms) = bind("4242424242424242", true, None) else { panic!("bound") };
        assert!(!terms.functions.contains(&Function::Unload));
    }
}
