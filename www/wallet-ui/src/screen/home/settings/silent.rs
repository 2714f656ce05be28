//! Sites that are paid without asking: which, up to how much, and how that is ended.

use leptos::prelude::*;
use wallet_messages::{AllowSilent, HistoryFilter, ReadHistory, ReadSettings, RevokeSilent, SilentRule};
use web_sys::SubmitEvent;

use super::part;
use crate::{
    amount, browser, check, format,
    part::{Choice, FaultNote, Field, Notice, Screen, Submit, TextField},
    route::Route,
    task::Task,
    text::{counted, t, t_with},
    watched::{Wallet, Watched},
};

/// The sites, each with its button.
pub fn panel(settings: Watched<ReadSettings>) -> impl IntoView {
    let rules = part(settings, |settings| settings.silent.clone());
    let none = move || rules.with(|rules| rules.as_ref().is_none_or(Vec::is_empty));
    view! {
        <section class="panel setting">
            <h2>{t("silent_title")}</h2>
            <Show when=none><p data-testid="silent-none">{t("silent_none")}</p></Show>
            <ul class="rows">
                <For each=move || rules.get().unwrap_or_default() key=|rule| format!("{rule:?}") let:rule>
                    {row(settings, rule)}
                </For>
            </ul>
            <a class="button" href=Route::Silent.link() data-testid="go-silent">{t("silent_add")}</a>
        </section>
    }
}

fn row(settings: Watched<ReadSettings>, rule: SilentRule) -> impl IntoView {
    let task = Task::new();
    let SilentRule { origin, limit, since, payments, last_at } = rule;
    let label = format!("{}: {origin}", t("silent_revoke"));
    let site = origin.clone();
    let revoke = move |_| task.run(RevokeSilent { origin: site.clone() }, move |_| settings.refresh());
    let payments = counted("payments_one", "payments_many", usize::try_from(payments).unwrap_or(usize::MAX));
    let last = last_at.map(|at| t_with("silent_last", &[&format::date(at)]));
    view! {
        <li class="row" data-testid="silent-rule">
            <span class="row-what"><bdi class="with">{origin}</bdi></span>
            <span class="row-amount">{t_with("silent_up_to", &[&format::money(&limit)])}</span>
            <span class="row-more">{t_with("silent_since", &[&format::date(since)])}" · "{payments}" "{last}</span>
            <span class="row-more">
                <button type="button" class="quiet" aria-label=label data-testid="silent-revoke" on:click=revoke>
                    {t("silent_revoke")}
                </button>
                <FaultNote fault=task.fault />
            </span>
        </li>
    }
}

/// The screen that allows a site.
#[component]
pub fn Silent() -> impl IntoView {
    let paid = Watched::new(ReadHistory { filter: HistoryFilter { most: 1, ..HistoryFilter::default() } });
    let origins = Memo::new(move |_| paid.value.with(|paid| paid.as_ref().map(|paid| paid.origins.clone())));
    view! {
        <Screen title=t("silent_add") testid="silent" back=Route::Settings.link()>
            <p>{t("silent_why")}</p>
            {move || origins.get().map(|origins| if origins.is_empty() {
                view! { <p class="empty" data-testid="silent-nowhere">{t("silent_nowhere")}</p> }.into_any()
            } else {
                form(origins).into_any()
            })}
            <FaultNote fault=paid.fault />
        </Screen>
    }
}

fn form(origins: Vec<String>) -> impl IntoView {
    let (task, notice) = (Task::new(), Notice::here());
    let money = Wallet::here().part(|home| Some(home.balance.clone()));
    let site = Field::filled("silent-origin", origins.first().cloned().unwrap_or_default());
    let most = Field::new("silent-amount");
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let digits = money.with_untracked(|money| money.as_ref().map_or(2, |money| money.digits));
        let read = (site.read(check::filled), most.read(|typed| amount::from_typed(typed, digits)));
        let (Some(origin), Some(amount)) = read else { return browser::focus_first_error() };
        let said = t_with("silent_allowed", &[&origin]);
        task.run(AllowSilent { origin, amount }, move |_| {
            notice.say(said);
            Route::Settings.go();
        });
    };
    let currency = money.with_untracked(|money| money.as_ref().map(|money| money.currency.to_uppercase()));
    let options: Vec<_> = origins.into_iter().map(|origin| (origin.clone(), origin)).collect();
    view! {
        <form novalidate on:submit=submit>
            <Choice field=site label=t("origin") options />
            <TextField field=most label=t_with("silent_amount", &[&currency.unwrap_or_default()]) hint=t("silent_amount_hint")
                inputmode="decimal" />
            <Submit task label=t("silent_allow") waiting=t("saving") testid="silent-submit" />
            <FaultNote fault=task.fault />
        </form>
    }
}
