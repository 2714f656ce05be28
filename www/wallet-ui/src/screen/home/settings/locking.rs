//! When the wallet locks itself, and the way to another passphrase.

use leptos::prelude::*;
use wallet_messages::{ReadSettings, SetLock};

use super::part;
use crate::{
    part::{Choice, FaultNote, Field},
    route::Route,
    task::Task,
    text::{counted, t},
    watched::Watched,
};

/// Times on offer, in minutes; those outside of what the wallet allows are left out.
const MINUTES: [u32; 6] = [1, 5, 15, 30, 60, 240];

/// The panel; a choice holds at once.
pub fn locking(settings: Watched<ReadSettings>) -> impl IntoView {
    let task = Task::new();
    let chosen = part(settings, |settings| settings.lock_minutes);
    let field = Field::filled("lock-minutes", String::new());
    Effect::new(move || {
        if let Some(minutes) = chosen.get() {
            field.value.set(minutes.to_string());
        }
    });
    Effect::new(move || {
        let typed = field.value.with(|value| value.parse::<u32>().ok());
        if let Some(minutes) = typed.filter(|minutes| Some(*minutes) != chosen.get_untracked()) {
            task.run(SetLock { minutes }, move |_| settings.refresh());
        }
    });
    let offered = part(settings, |settings| {
        let mut all: Vec<u32> =
            MINUTES.into_iter().filter(|it| (settings.lock_least..=settings.lock_most).contains(it)).collect();
        all.push(settings.lock_minutes);
        all.sort_unstable();
        all.dedup();
        all
    });
    let options = Signal::derive(move || {
        offered
            .get()
            .unwrap_or_default()
            .into_iter()
            .map(|minutes| (minutes.to_string(), named(minutes)))
            .collect::<Vec<_>>()
    });
    view! {
        <section class="panel setting">
            <h2>{t("locking_title")}</h2>
            <Choice field label=t("locking_after") hint=t("locking_hint") options />
            <FaultNote fault=task.fault />
            <a class="button" href=Route::Passphrase.link() data-testid="go-passphrase">{t("passphrase_change")}</a>
        </section>
    }
}

fn named(minutes: u32) -> String {
    counted("minutes_one", "lifetime_minutes", usize::try_from(minutes).unwrap_or(usize::MAX))
}
