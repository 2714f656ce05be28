//! `/.well-known/security.txt` (RFC 9116): where to tell of a weakness.

use axum::Router;
use axum::http::header;
use axum::routing::get;
use protocol::date::Date;
use protocol::value::Value as _;

use super::now;

/// What is told is good for this long; it is told anew with every answer, so it never goes stale while anyone serves it.
const GOOD_FOR_SECS: i64 = 90 * 24 * 3_600;

/// The route, with the address to write to.
pub fn router(contact: &str) -> Router {
    let contact = contact.to_owned();
    let tell = async move || ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text(&contact, now()));
    Router::new().route("/.well-known/security.txt", get(tell))
}

fn text(contact: &str, now: Date) -> String {
    let expires = day_and_time(now.plus_secs(GOOD_FOR_SECS));
    format!("Contact: {contact}\nExpires: {expires}\nPreferred-Languages: en, de\n")
}

/// `2026-11-21T05:18:01Z`.
fn day_and_time(date: Date) -> String {
    let digits = date.text();
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    let (day, time) = ((part(0, 4), part(4, 6), part(6, 8)), (part(8, 10), part(10, 12), part(12, 14)));
    format!("{}-{}-{}T{}:{}:{}Z", day.0, day.1, day.2, time.0, time.1, time.2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_tells_whom_to_write_to_and_until_when() {
        let now = Date::from_millis(1_795_238_281_867);
        let expected =
            "Contact: mailto:security@pay.example\nExpires: 2027-02-19T05:18:01Z\nPreferred-Languages: en, de\n";
        assert_eq!(text("mailto:security@pay.example", now), expected);
    }
}
