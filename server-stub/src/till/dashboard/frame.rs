//! What all pages have in common.

use maud::{DOCTYPE, Markup, html};
use protocol::date::Date;
use protocol::value::Value as _;

use super::login::Merchant;
use crate::texts::Texts;

/// The pages of the dashboard, as its navigation lists them.
const PAGES: [(&str, &str); 6] = [
    ("/dashboard", "till-orders"),
    ("/dashboard/payments", "till-payments"),
    ("/dashboard/refunds", "till-refunds"),
    ("/dashboard/sessions", "till-sessions"),
    ("/dashboard/webhooks", "till-webhooks"),
    ("/dashboard/settlements", "till-settlements"),
];

/// A page without navigation.
pub fn bare(texts: Texts, title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang=(texts.language) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · Pay Cash" }
                link rel="stylesheet" href="/dashboard/style.css";
            }
            body { main #main { (body) } }
        }
    }
}

/// A page of the dashboard; `at` is its place in the navigation.
pub fn page(merchant: &Merchant, at: &str, title: &str, body: &Markup) -> Markup {
    let texts = merchant.texts;
    html! {
        (DOCTYPE)
        html lang=(texts.language) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · Pay Cash" }
                link rel="stylesheet" href="/dashboard/style.css";
            }
            body {
                a.skip href="#main" { (texts.get("skip")) }
                header {
                    nav aria-label=(texts.get("till-navigation")) {
                        ul {
                            @for (href, key) in PAGES {
                                li { a href=(href) aria-current=[(href == at).then_some("page")] { (texts.get(key)) } }
                            }
                        }
                    }
                    form method="post" action="/dashboard/logout" {
                        (token(merchant))
                        button.quiet { (texts.get("till-log-out")) }
                    }
                }
                main #main { h1 { (title) } (body) }
            }
        }
    }
}

/// The word that a form carries.
pub fn token(merchant: &Merchant) -> Markup {
    html! { input type="hidden" name="token" value=(merchant.form_token()); }
}

/// `2026-11-21 05:18:01`, UTC; the time zone stands in the head of its column.
pub fn time(date: Date) -> Markup {
    let digits = date.text();
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    let day = format!("{}-{}-{}", part(0, 4), part(4, 6), part(6, 8));
    let time = format!("{}:{}:{}", part(8, 10), part(10, 12), part(12, 14));
    html! { time datetime={ (day) "T" (time) "Z" } { (day) " " (time) } }
}

/// The heads of columns of numbers, which stand at the right.
const NUMBERS: [&str; 7] =
    ["till-amount", "till-balance", "till-uses", "till-collected", "till-attempts", "till-quantity", "till-unit"];

/// The one table of a page, which has its title.
pub fn only_table(texts: Texts, title: &str, heads: &[&str], rows: &[Markup]) -> Markup {
    table_of(texts, &html! { caption.hidden { (title) } }, title, heads, rows)
}

/// A table under a title of its own.
pub fn table(texts: Texts, title: &str, heads: &[&str], rows: &[Markup]) -> Markup {
    table_of(texts, &html! { caption { (title) } }, title, heads, rows)
}

/// A table, or that there is nothing.
fn table_of(texts: Texts, caption: &Markup, title: &str, heads: &[&str], rows: &[Markup]) -> Markup {
    let class = |head: &&str| NUMBERS.contains(head).then_some("money");
    html! {
        @if rows.is_empty() {
            p { (texts.get("till-nothing")) }
        } @else {
            div.scroll tabindex="0" role="region" aria-label=(title) {
                table {
                    (caption)
                    thead { tr { @for head in heads { th scope="col" class=[class(head)] { (texts.get(head)) } } } }
                    tbody { @for row in rows { tr { (row) } } }
                }
            }
        }
    }
}
