//! Amounts as decimals: made from minor units and read from what was typed, never through a float.

use wallet_messages::MoneyView;

/// Most minor units an amount may have: 2^53 - 1, protocol.md section 2.
const MAX_MINOR: u64 = (1 << 53) - 1;

/// The decimal of an amount, `-42.50`, with exactly the digits of its currency.
pub fn decimal(money: &MoneyView) -> String {
    let sign = if money.minor < 0 { "-" } else { "" };
    let digits = usize::from(money.digits);
    let minor = format!("{:0>width$}", money.minor.unsigned_abs(), width = digits + 1);
    let (whole, fraction) = minor.split_at(minor.len() - digits);
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// Reads what a person typed, `100`, `99.5` or `99,50`, as a positive decimal with exactly `digits` decimals.
///
/// Separators of thousands are refused: `1.000` is a thousand to some and one to others.
///
/// # Errors
///
/// The key of the text that says what is wrong with it.
pub fn from_typed(typed: &str, digits: u8) -> Result<String, &'static str> {
    let typed = typed.trim().replace(',', ".");
    let (whole, fraction) = typed.split_once('.').unwrap_or((&typed, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) {
        return Err("error_amount_form");
    }
    let digits = usize::from(digits);
    if fraction.len() > digits {
        return Err("error_amount_digits");
    }
    let minor = format!("{whole}{fraction:0<digits$}");
    match minor.parse::<u64>() {
        Ok(0) => Err("error_amount_zero"),
        Ok(value) if value <= MAX_MINOR => Ok(with_point(value, digits)),
        _ => Err("error_amount_large"),
    }
}

fn with_point(minor: u64, digits: usize) -> String {
    let text = format!("{minor:0>width$}", width = digits + 1);
    let (whole, fraction) = text.split_at(text.len() - digits);
    if digits == 0 { whole.to_owned() } else { format!("{whole}.{fraction}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(minor: i64, digits: u8) -> MoneyView {
        MoneyView { currency: "usd".into(), minor, digits }
    }

    #[test]
    fn decimals_have_the_digits_of_their_currency() {
        for (minor, digits, expected) in [
            (4250, 2, "42.50"),
            (5, 2, "0.05"),
            (0, 2, "0.00"),
            (-5, 2, "-0.05"),
            (-4250, 2, "-42.50"),
            (500, 0, "500"),
            (1250, 3, "1.250"),
            (9_007_199_254_740_991, 2, "90071992547409.91"),
            (i64::MIN, 2, "-92233720368547758.08"),
        ] {
            assert_eq!(decimal(&money(minor, digits)), expected);
        }
    }

    #[test]
    fn typed_amounts_are_written_out() {
        for (typed, digits, expected) in [
            ("100", 2, "100.00"),
            (" 42.5 ", 2, "42.50"),
            ("42,50", 2, "42.50"),
            ("007", 2, "7.00"),
            ("7.", 2, "7.00"),
            ("0.01", 2, "0.01"),
            ("500", 0, "500"),
            ("1.250", 3, "1.250"),
        ] {
            assert_eq!(from_typed(typed, digits).as_deref(), Ok(expected), "{typed}");
        }
    }

    #[test]
    fn what_is_not_an_amount_is_refused_by_name() {
        for (typed, digits, expected) in [
            ("", 2, "error_amount_form"),
            ("-1", 2, "error_amount_form"),
            (".5", 2, "error_amount_form"),
            ("1.000,00", 2, "error_amount_form"),
            ("1e3", 2, "error_amount_form"),
            ("٤٢", 2, "error_amount_form"),
            ("1.000", 2, "error_amount_digits"),
            ("1.5", 0, "error_amount_digits"),
            ("0.00", 2, "error_amount_zero"),
            ("90071992547409.92", 2, "error_amount_large"),
            ("99999999999999999999999", 2, "error_amount_large"),
        ] {
            assert_eq!(from_typed(typed, digits), Err(expected), "{typed}");
        }
    }

    #[test]
    fn a_decimal_reads_back_as_itself() {
        for minor in [1, 9, 10, 99, 100, 101, 123_456_789, 9_007_199_254_740_991] {
            for digits in 0..=4 {
                let written = decimal(&money(minor, digits));
                assert_eq!(from_typed(&written, digits), Ok(written));
            }
        }
    }
}
