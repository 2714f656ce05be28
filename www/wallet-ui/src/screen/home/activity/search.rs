//! What the shopper looks for in the activity.

use leptos::prelude::*;
use wallet_messages::{ActivityKind, ActivityState, HistoryFilter, ReadHistory};

use crate::{
    part::{Choice, Field, TextField},
    text::t,
    watched::Watched,
};

/// The fields that say what is looked for; what they say holds at once.
#[derive(Clone, Copy)]
pub struct Search {
    words: Field,
    about: Field,
    origin: Field,
}

/// Kinds of entries as the shopper thinks of them: the value in the form, the key of its name, what it stands for.
type About = (&'static str, &'static str, &'static [ActivityKind], &'static [ActivityState]);

const ABOUT: [About; 6] = {
    use ActivityKind::{Bind, Close, Load, Open, Pay, Refund, Unload};
    [
        ("everything", "filter_everything", &[], &[]),
        ("payments", "filter_payments", &[Pay, Refund], &[]),
        ("bank", "filter_bank", &[Load, Unload, Bind], &[]),
        ("sessions", "filter_sessions", &[Open, Close], &[]),
        ("waiting", "filter_waiting", &[], &[ActivityState::Waiting]),
        ("refused", "filter_refused", &[], &[ActivityState::Refused]),
    ]
};

impl Search {
    /// Looks for everything.
    pub fn new() -> Self {
        Self {
            words: Field::new("activity-search"),
            about: Field::filled("activity-filter", ABOUT[0].0),
            origin: Field::new("activity-origin"),
        }
    }

    /// What is looked for; followed as it changes.
    pub fn filter(self) -> HistoryFilter {
        let about = self.about.value.get();
        let (_, _, kinds, states) = ABOUT.iter().find(|(value, ..)| *value == about).unwrap_or(&ABOUT[0]);
        HistoryFilter {
            text: self.words.value.get().trim().to_owned(),
            kinds: kinds.to_vec(),
            states: states.to_vec(),
            origin: Some(self.origin.value.get()).filter(|origin| !origin.is_empty()),
            ..HistoryFilter::default()
        }
    }

    /// The form; sites that were paid are its choices.
    pub fn draw(self, history: Watched<ReadHistory>) -> impl IntoView {
        let about: Vec<_> = ABOUT.iter().map(|(value, key, ..)| ((*value).to_owned(), t(key))).collect();
        let origins = Memo::new(move |_| {
            history.value.with(|found| found.as_ref().map(|found| found.origins.clone()).unwrap_or_default())
        });
        let shops = Signal::derive(move || {
            let all = (String::new(), t("filter_any_shop"));
            std::iter::once(all)
                .chain(origins.get().into_iter().map(|origin| (origin.clone(), origin)))
                .collect::<Vec<_>>()
        });
        view! {
            <search class="searching">
                <TextField field=self.words label=t("activity_search") kind="search" />
                <div class="pair">
                    <Choice field=self.about label=t("activity_filter") options=about />
                    <Choice field=self.origin label=t("filter_shop") options=shops />
                </div>
            </search>
        }
    }
}
