//! Points in time on the command line and in tables: `2026-11-21`, `2026-11-21T05:18`, always UTC.

use protocol::date::Date;
use protocol::value::{Reading, Value as _};

/// Digits of `yyyyMMddHHmmssSSS`.
const DIGITS: usize = 17;
/// Digits of a day.
const DAY_DIGITS: usize = 8;

/// Reads a day, or a day and a time, in UTC; what is left out at the end is zero.
///
/// # Errors
/// It is none.
pub fn parse(text: &str) -> Result<Date, String> {
    let fault = || format!("{text:?} is no point in time; write 2026-11-21 or 2026-11-21T05:18 (UTC)");
    let known = |c: char| c.is_ascii_digit() || "-T:.Z".contains(c);
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    if !text.chars().all(known)
        || !(DAY_DIGITS..=DIGITS).contains(&digits.len())
        || digits.len() % 2 == 1 && digits.len() < DIGITS - 2
    {
        return Err(fault());
    }
    Date::parse(&format!("{digits:0<DIGITS$}"), Reading::STRICT).ok_or_else(fault)
}

/// Writes a point in time as [`parse`] reads it.
pub fn show(date: Date) -> String {
    let text = date.text();
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default().to_owned();
    let (day, time) = ([part(0, 4), part(4, 6), part(6, 8)], [part(8, 10), part(10, 12), part(12, 14)]);
    format!("{}T{}.{}Z", day.join("-"), time.join(":"), part(14, 17))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_and_written() {
        for (text, shown) in [
            ("2026-11-21", "2026-11-21T00:00:00.000Z"),
            ("2026-11-21T05:18", "2026-11-21T05:18:00.000Z"),
            ("2026-11-21T05:18:02.929Z", "2026-11-21T05:18:02.929Z"),
        ] {
            assert_eq!(parse(text).map(show).as_deref(), Ok(shown));
        }
        for text in ["", "2026", "2026-13-01", "2026-02-30", "tomorrow", "2026-11-21T5:18", "2026-11-21 05:18"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
