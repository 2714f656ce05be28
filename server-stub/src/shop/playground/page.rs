//! The playground's pages.

use maud::{Markup, html};
use protocol::outcome::Problem;

use super::Scenario;
use super::decode::{Lines, Message};
use crate::texts::Texts;

/// What can be rehearsed.
pub fn index(texts: Texts) -> Markup {
    let name = |name: &str| texts.get(&format!("play-{name}"));
    html! {
        h1 { (texts.get("play")) }
        p class="tagline" { (texts.get("play-text")) }
        ul class="scenarios" {
            @for (scenario, _) in Scenario::PLAIN {
                li class="card" {
                    h2 { (name(scenario)) }
                    p class="soft" { (name(&format!("{scenario}-text"))) }
                    (form(texts, scenario, &html! {}))
                }
            }
            li class="card" {
                h2 { (name("declined")) }
                p class="soft" { (name("declined-text")) }
                (form(texts, "declined", &html! {
                    label for="code" { (name("code")) }
                    select id="code" name="code" {
                        @for problem in Problem::ALL {
                            option value=(problem.code()) selected[*problem == Problem::FUNDS_INSUFFICIENT] { (problem.code()) }
                        }
                    }
                }))
            }
            li class="card" {
                h2 { (name("messages")) }
                p class="soft" { (name("messages-text")) }
                a class="button quiet" href="/playground/messages" data-testid="last-messages" { (name("last")) }
            }
        }
    }
}

fn form(texts: Texts, scenario: &str, fields: &Markup) -> Markup {
    html! {
        form method="post" action="/playground/orders" {
            input type="hidden" name="scenario" value=(scenario);
            (fields)
            button class="button" data-testid={ "rehearse-" (scenario) } { (texts.get("play-order")) }
        }
    }
}

/// What the checkout of an order says to developers.
pub fn aside(texts: Texts, reference: &str, scenario: &Scenario) -> Markup {
    let text = |key: &str| texts.get(&format!("play-{key}"));
    html! {
        aside class="card rehearsal" aria-labelledby="rehearsal" {
            h2 id="rehearsal" { (text("rehearsal")) ": " (text(scenario.name())) }
            p class="soft" {
                (text(&format!("{}-text", scenario.name())))
                @if let Scenario::Declined(problem) = scenario { " " code data-testid="rehearsed" { (problem.code()) } }
            }
            form method="post" action={ "/playground/pay/" (reference) } {
                button class="button quiet" data-testid="test-shopper" { (text("shopper")) }
            }
            p { a href={ "/playground/messages/" (reference) } { (text("messages")) } }
        }
    }
}

/// The messages of a payment.
pub fn messages(texts: Texts, order: &str, tries: u32, messages: &[Message]) -> Markup {
    let text = |key: &str| texts.get(&format!("play-{key}"));
    html! {
        h1 { (text("messages")) }
        p { (texts.get("order")) ": " code data-testid="order-id" { (order) } }
        p class="soft" { (texts.with("play-tries", &[("count", &tries.to_string())])) }
        @for message in messages {
            section class="card message" aria-labelledby=(message.name) data-testid=(message.name) {
                h2 id=(message.name) { (message.name) " " span class="soft" { (text(&format!("about-{}", message.name))) } }
                (table(text("clear"), &message.clear))
                @for (label, lines) in &message.sealed { (table(&texts.with("play-sealed", &[("label", label)]), lines)) }
            }
        }
        p { a href="/playground" { (text("back")) } }
    }
}

fn table(title: &str, lines: &Lines) -> Markup {
    html! {
        table {
            caption { (title) }
            tbody { @for (label, value) in lines { tr { th scope="row" { (label) } td { (value) } } } }
        }
    }
}

/// Nothing was paid yet.
pub fn nothing(texts: Texts) -> Markup {
    html! {
        h1 { (texts.get("play-messages")) }
        p { (texts.get("play-none")) }
        p { a href="/playground" { (texts.get("play-back")) } }
    }
}
