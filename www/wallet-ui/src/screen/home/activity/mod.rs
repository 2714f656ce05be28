//! Activity: what happened, newest first; found again, and added up.

mod row;
mod spending;

use leptos::prelude::*;
use wallet_messages::ActivityView;

use self::{row::row, spending::Spending};
use crate::{
    filter::{About, Filter},
    part::{Choice, Field, Screen, TextField},
    route::Route,
    text::{counted, t},
    watched::Wallet,
};

/// How many entries the overview shows.
const RECENT: usize = 5;
/// How many entries the screen shows before all are asked for.
const FIRST: usize = 25;

/// The latest of it, on the overview.
#[component]
pub fn Recent() -> impl IntoView {
    let activity = activity();
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
    let activity = activity();
    let search = Search::new();
    let found = Memo::new(move |_| activity.with(|activity| search.pick(activity)));
    let is_empty = move || activity.with(Vec::is_empty);
    view! {
        <Screen title=t("activity_title") testid="activity-screen">
            <Show when=move || !is_empty() fallback=|| view! {
                <p class="empty" data-testid="activity-empty">{t("activity_empty")}</p>
            }>
                <Spending activity />
                {search.draw()}
                {list(found)}
            </Show>
        </Screen>
    }
}

fn activity() -> Memo<Vec<ActivityView>> {
    Wallet::here().part(|home| home.activity.clone())
}

fn list(found: Memo<Vec<ActivityView>>) -> impl IntoView {
    let all = RwSignal::new(false);
    let shown = move || {
        let most = if all.get() { usize::MAX } else { FIRST };
        found.with(|found| found.iter().take(most).cloned().collect::<Vec<_>>())
    };
    let count = move || found.with(Vec::len);
    view! {
        <section aria-labelledby="found-title">
            <div role="status">
                <h2 id="found-title" data-testid="activity-count">
                    {move || counted("activity_found_one", "activity_found", count())}
                </h2>
            </div>
            <ul class="rows">
                <For each=shown key=|entry| format!("{entry:?}") let:entry>{row(&entry)}</For>
            </ul>
            <Show when=move || !all.get() && { count() > FIRST }>
                <button type="button" class="quiet" data-testid="activity-all" on:click=move |_| all.set(true)>
                    {t("activity_all")}
                </button>
            </Show>
        </section>
    }
}

/// The fields that say what is looked for; what they say holds at once.
#[derive(Clone, Copy)]
struct Search {
    words: Field,
    about: Field,
}

impl Search {
    fn new() -> Self {
        Self { words: Field::new("activity-search"), about: Field::filled("activity-filter", "everything") }
    }

    fn pick(self, activity: &[ActivityView]) -> Vec<ActivityView> {
        let filter = Filter { words: self.words.value.get(), about: self.about.value.with(|value| About::read(value)) };
        activity.iter().filter(|entry| filter.fits(entry, || row::words(entry))).cloned().collect()
    }

    fn draw(self) -> impl IntoView {
        let options: Vec<_> = About::ALL.iter().map(|(_, value, key)| ((*value).to_owned(), t(key))).collect();
        view! {
            <search class="pair">
                <TextField field=self.words label=t("activity_search") kind="search" />
                <Choice field=self.about label=t("activity_filter") options />
            </search>
        }
    }
}
