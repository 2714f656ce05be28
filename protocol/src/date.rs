//! Points in time: `yyyyMMddHHmmssSSS`, UTC (protocol.md section 2).

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::template::Kind;
use crate::value::{Reading, Value};

/// A point in time, in milliseconds since 1970 UTC; always one that `yyyyMMddHHmmssSSS` can write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Date(i64);

impl Date {
    /// The last second that the calendar knows in every time zone: a day before the year 10000.
    const LAST_MILLIS: i64 = 253_402_207_199_999;

    /// From milliseconds since 1970; times outside of 1970..=9999 are clamped, for clocks may be anything.
    pub fn from_millis(millis: i64) -> Self {
        Self(millis.clamp(0, Self::LAST_MILLIS))
    }

    /// Milliseconds since 1970.
    pub fn millis(self) -> i64 {
        self.0
    }

    /// This point in time, `seconds` later (or earlier).
    pub fn plus_secs(self, seconds: i64) -> Self {
        Self::from_millis(self.0.saturating_add(seconds.saturating_mul(1000)))
    }
}

impl Value for Date {
    const KIND: Kind = Kind::Date;

    fn parse(text: &str, _: Reading) -> Option<Self> {
        if text.len() != 17 || !text.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let part = |range: std::ops::Range<usize>| text[range].parse::<i16>().ok();
        let small = |range: std::ops::Range<usize>| text[range].parse::<i8>().ok();
        let nanos = i32::from(part(14..17)?) * 1_000_000;
        let (year, month, day) = (part(0..4)?, small(4..6)?, small(6..8)?);
        let civil = DateTime::new(year, month, day, small(8..10)?, small(10..12)?, small(12..14)?, nanos).ok()?;
        let millis = TimeZone::UTC.to_timestamp(civil).ok()?.as_millisecond();
        (0..=Self::LAST_MILLIS).contains(&millis).then_some(Self(millis))
    }

    fn text(&self) -> Cow<'_, str> {
        let civil = TimeZone::UTC.to_datetime(Timestamp::from_millisecond(self.0).unwrap_or_default());
        let (date, time) = (civil.date(), civil.time());
        Cow::Owned(format!(
            "{:04}{:02}{:02}{:02}{:02}{:02}{:03}",
            date.year(),
            date.month(),
            date.day(),
            time.hour(),
            time.minute(),
            time.second(),
            time.millisecond()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        for text in ["20261121051801867", "19700101000000000", "99991230215959999", "20240229120000001"] {
            let date = Date::parse(text, Reading::STRICT).expect(text);
            assert_eq!(date.text(), text);
        }
    }

    #[test]
    fn time_is_counted_in_milliseconds_and_ends_with_the_calendar() {
        let date = |millis| Date::from_millis(millis).millis();
        assert_eq!((date(1_234), date(-1), date(i64::MAX)), (1_234, 0, Date::LAST_MILLIS));
        assert_eq!(Date::from_millis(5_000).plus_secs(-2).millis(), 3_000);
    }

    #[test]
    fn refuses_days_that_do_not_exist() {
        for text in
            ["20230229000000000", "20261301000000000", "20261121246000000", "2026112105180186", "+0261121051801867"]
        {
            assert_eq!(Date::parse(text, Reading::STRICT), None, "{text}");
        }
    }
}
