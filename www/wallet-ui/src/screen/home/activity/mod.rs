//! Activity: what happened, newest first; found again, added up, and taken along as a file.

mod row;
mod search;
mod spending;

use leptos::prelude::*;
use wallet_messages::{Export, ExportFormat, HistoryFilter, HistoryView, ReadHistory};

use self::{row::row, search::Search, spending::Spending};
use crate::{
    browser,
    part::{FaultNote, Loading, Screen},
    route::Route,
    task::Task,
    text::{counted, t},
    watched::{Wallet, Watched},
};

pub use self::row::kind as kind_name;

/// How many entries the overview shows.
const RECENT: usize = 5;
/// How many entries the screen shows, and how many more each time that more are asked for.
const PAGE: u32 = 25;

/// The latest of it, on the overview.
#[component]
pub fn Recent() -> impl IntoView {
    let activity = Wallet::here().part(|home| home.activity.clone());
    let shown = move || activity.with(|activity| activity.iter().take(RECENT).cloned().collect::<Vec<_>>());
    view! {
        <section aria-labelledby="activity-title">
            <div class="section-head">
                <h2 id="activity-title">{t("activity_title")}</h2>
                <Show when=move || activity.with(|activity| activity.len() > RECENT)>
                    <a href=Route::Activity.link() data-testid="go-activity">{t("activity_all")}</a>
                </Show>
            </div>
            <Show when=move || activity.with(Vec::is_empty)>
                <p class="empty" data-testid="activity-empty">{t("activity_empty")}</p>
            </Show>
            <ul class="rows">
                <For each=shown key=|entry| format!("{entry:?}") let:entry>{row(&entry)}</For>
            </ul>
        </section>
    }
}

/// The screen: all of it, with search, filters and totals.
#[component]
pub fn Activity() -> impl IntoView {
    let (search, most) = (Search::new(), RwSignal::new(PAGE));
    let filter = move || HistoryFilter { most: most.get(), ..search.filter() };
    let history = Watched::new(ReadHistory { filter: untrack(filter) });
    Effect::new(move |before: Option<HistoryFilter>| {
        let wanted = filter();
        if before.is_some_and(|before| before != wanted) {
            history.ask(ReadHistory { filter: wanted.clone() });
        }
        wanted
    });
    // Nothing has happened yet, rather than nothing being found.
    let is_empty = Wallet::here().part(|home| home.activity.is_empty());
    view! {
        <Screen title=t("activity_title") testid="activity-screen">
            <Show when=move || !is_empty.get() fallback=|| view! {
                <p class="empty" data-testid="activity-empty">{t("activity_empty")}</p>
            }>
                <Spending />
                {search.draw(history)}
                <FaultNote fault=history.fault />
                {list(history, most)}
                {exports(search)}
            </Show>
        </Screen>
    }
}

fn list(history: Watched<ReadHistory>, most: RwSignal<u32>) -> impl IntoView {
    let part = move |of: fn(&HistoryView) -> usize| history.value.with(|found| found.as_ref().map_or(0, of));
    let found = move || part(|history| usize::try_from(history.found).unwrap_or(usize::MAX));
    let entries =
        move || history.value.with(|found| found.as_ref().map(|found| found.entries.clone()).unwrap_or_default());
    view! {
        <section aria-labelledby="found-title">
            <Show when=move || history.value.with(Option::is_some) fallback=Loading>
                <div role="status">
                    <h2 id="found-title" data-testid="activity-count">
                        {move || counted("activity_found_one", "activity_found", found())}
                    </h2>
                </div>
            </Show>
            <ul class="rows">
                <For each=entries key=|entry| format!("{entry:?}") let:entry>{row(&entry)}</For>
            </ul>
            <Show when=move || { found() > part(|history| history.entries.len()) }>
                <button type="button" data-testid="activity-more" on:click=move |_| most.update(|most| *most += PAGE)>
                    {t("activity_more")}
                </button>
            </Show>
        </section>
    }
}

/// What was found, as a file.
fn exports(search: Search) -> impl IntoView {
    let task = Task::new();
    let save = move |format| {
        let filter = untrack(|| search.filter());
        task.run(Export { format, filter }, |file| browser::save_file(&file.name, &file.mime, &file.text));
    };
    view! {
        <section class="no-print" aria-labelledby="export-title">
            <h2 id="export-title">{t("export_title")}</h2>
            <p class="hint">{t("export_why")}</p>
            <div class="actions">
                <button type="button" data-testid="export-csv" on:click=move |_| save(ExportFormat::Csv)>{t("export_csv")}</button>
                <button type="button" data-testid="export-json" on:click=move |_| save(ExportFormat::Json)>{t("export_json")}</button>
            </div>
            <FaultNote fault=task.fault />
        </section>
    }
}
