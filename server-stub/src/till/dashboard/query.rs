//! What of a list is asked for: words, a status, dates, a page.

use maud::{Markup, html};
use protocol::date::Date;
use protocol::value::{Reading, Value as _};
use serde::Deserialize;

use super::super::store::ledger::{Filter, Page};
use crate::texts::Texts;

/// Rows on one page.
pub const ROWS: u32 = 50;
/// The last page that can be asked for; nobody leafs further, they search.
const MAX_PAGE: u32 = 20_000;
/// Seconds of a day.
const DAY_SECS: i64 = 24 * 3_600;
/// The longest words looked for.
const MAX_CHARS: usize = 128;

/// The query of a list.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Query {
    /// Words of an order's id or reference.
    pub q: String,
    /// A status.
    pub status: String,
    /// The first day, `2026-11-21`.
    pub from: String,
    /// The last day.
    pub to: String,
    /// Which page, from 0.
    pub page: u32,
    /// What was done just now: a key of the texts.
    pub done: String,
}

/// The statuses of orders.
const STATUSES: [&str; 5] = ["open", "paid", "failed", "cancelled", "expired"];
/// What pages say after a form was sent.
const DONE: [&str; 6] = [
    "till-done-refund",
    "till-done-refund-pending",
    "till-done-cancel",
    "till-done-replay",
    "till-done-settle",
    "till-failed",
];

impl Query {
    /// The rows that are asked for; a day that is none counts as not said.
    pub fn filter(&self) -> Filter {
        let all = Filter::all();
        Filter {
            text: self.q.trim().chars().take(MAX_CHARS).collect(),
            status: STATUSES.iter().find(|status| **status == self.status).copied().unwrap_or_default().to_owned(),
            from: day(&self.from).unwrap_or(all.from),
            to: day(&self.to).map_or(all.to, |day| day.plus_secs(DAY_SECS)),
        }
    }

    /// The page; one row more than it shows, to see whether there is another.
    pub fn window(&self) -> Page {
        Page { offset: self.page.min(MAX_PAGE) * ROWS, limit: ROWS + 1 }
    }

    /// What was done just now.
    pub fn done(&self, texts: Texts) -> Markup {
        let known = DONE.iter().find(|key| **key == self.done);
        html! { @if let Some(key) = known { p.done role="status" { (texts.get(key)) } } }
    }

    fn address(&self, path: &str, page: u32) -> String {
        let pairs = [("q", &self.q), ("status", &self.status), ("from", &self.from), ("to", &self.to)];
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(pairs.into_iter().filter(|(_, value)| !value.is_empty()));
        query.append_pair("page", &page.to_string());
        format!("{path}?{}", query.finish())
    }

    /// Links to the pages before and after this one.
    pub fn pager(&self, texts: Texts, path: &str, more: bool) -> Markup {
        html! {
            @if self.page > 0 || more {
                nav.pager aria-label=(texts.get("till-pages")) {
                    @if self.page > 0 { a rel="prev" href=(self.address(path, self.page - 1)) { (texts.get("till-newer")) } }
                    @if more { a rel="next" href=(self.address(path, self.page.saturating_add(1))) { (texts.get("till-older")) } }
                }
            }
        }
    }

    /// The form that asks.
    pub fn form(&self, texts: Texts, path: &str, with_status: bool) -> Markup {
        html! {
            form.filter method="get" action=(path) role="search" {
                p { label for="q" { (texts.get("till-search")) } input #q type="search" name="q" value=(self.q) maxlength=(MAX_CHARS); }
                @if with_status {
                    p {
                        label for="status" { (texts.get("till-status")) }
                        select #status name="status" {
                            option value="" { (texts.get("till-any")) }
                            @for status in STATUSES {
                                option value=(status) selected[status == self.status] { (texts.get(&format!("till-is-{status}"))) }
                            }
                        }
                    }
                }
                p { label for="from" { (texts.get("till-from")) } input #from type="date" name="from" value=(self.from); }
                p { label for="to" { (texts.get("till-to")) } input #to type="date" name="to" value=(self.to); }
                p { button { (texts.get("till-show")) } }
            }
        }
    }
}

/// The beginning of a day, UTC.
pub fn day(text: &str) -> Option<Date> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let form = text.len() == 10 && digits.len() == 8;
    form.then(|| Date::parse(&format!("{digits}000000000"), Reading::STRICT))?
}
