//! Which entries of the activity list are shown: by words, by kind, by how they ended.

use wallet_messages::{ActivityKind, ActivityState, ActivityView};

/// What the shopper looks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Words that must all be found, in any order, capitals or not.
    pub words: String,
    /// What kind of entry.
    pub about: About,
}

/// Kinds of entries, as the shopper thinks of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum About {
    /// All of them.
    #[default]
    Everything,
    /// Payments in shops.
    Payments,
    /// Cash that came from the bank or went there.
    Bank,
    /// Sessions opened and closed.
    Sessions,
    /// What is not answered yet.
    Waiting,
    /// What was refused.
    Refused,
}

impl About {
    /// All of them, with the value that stands for each in a form and the key of its name.
    pub const ALL: [(Self, &'static str, &'static str); 6] = [
        (Self::Everything, "everything", "filter_everything"),
        (Self::Payments, "payments", "filter_payments"),
        (Self::Bank, "bank", "filter_bank"),
        (Self::Sessions, "sessions", "filter_sessions"),
        (Self::Waiting, "waiting", "filter_waiting"),
        (Self::Refused, "refused", "filter_refused"),
    ];

    /// What a form's value stands for; everything if it is none of ours.
    pub fn read(value: &str) -> Self {
        Self::ALL.iter().find(|(_, name, _)| *name == value).map_or(Self::Everything, |(about, ..)| *about)
    }

    fn fits(self, entry: &ActivityView) -> bool {
        use ActivityKind::{Bind, Close, Load, Open, Pay, Unload};
        match self {
            Self::Everything => true,
            Self::Payments => entry.kind == Pay,
            Self::Bank => matches!(entry.kind, Load | Unload | Bind),
            Self::Sessions => matches!(entry.kind, Open | Close),
            Self::Waiting => entry.state == ActivityState::Waiting,
            Self::Refused => entry.state == ActivityState::Refused,
        }
    }
}

impl Filter {
    /// Whether an entry is looked for; `shown` is what the shopper reads of it.
    pub fn fits(&self, entry: &ActivityView, shown: impl FnOnce() -> String) -> bool {
        if !self.about.fits(entry) {
            return false;
        }
        if self.words.trim().is_empty() {
            return true;
        }
        let shown = shown().to_lowercase();
        self.words.to_lowercase().split_whitespace().all(|word| shown.contains(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(kind: ActivityKind, state: ActivityState) -> ActivityView {
        let (id, with) = (String::new(), Some("acme-82".to_owned()));
        ActivityView { id, kind, at: 0, amount: None, with, origin: None, state, problem: None }
    }

    #[test]
    fn all_words_must_be_found() {
        let paid = entry(ActivityKind::Pay, ActivityState::Done);
        let shown = || "Paid acme-82 $42.50 https://acme.example".to_owned();
        for (words, found) in
            [("", true), ("ACME 42.50", true), ("  acme ", true), ("acme 43", false), ("books", false)]
        {
            let filter = Filter { words: words.to_owned(), ..Filter::default() };
            assert_eq!(filter.fits(&paid, shown), found, "{words}");
        }
    }

    #[test]
    fn kinds_are_kept_apart() {
        use {ActivityKind::*, ActivityState::*};
        let fits = |about, kind, state| Filter { about, ..Filter::default() }.fits(&entry(kind, state), String::new);
        assert!(fits(About::Payments, Pay, Done) && !fits(About::Payments, Load, Done));
        assert!(fits(About::Bank, Unload, Done) && !fits(About::Bank, Open, Done));
        assert!(fits(About::Sessions, Close, Done) && !fits(About::Sessions, Pay, Done));
        assert!(fits(About::Waiting, Pay, Waiting) && !fits(About::Waiting, Pay, Done));
        assert!(fits(About::Refused, Pay, Refused) && !fits(About::Refused, Pay, Waiting));
    }

    #[test]
    fn what_a_form_says_is_understood() {
        for (about, value, _) in About::ALL {
            assert_eq!(About::read(value), about);
        }
        assert_eq!(About::read("elsewhere"), About::Everything);
    }
}
