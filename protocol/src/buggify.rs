//! Rare branches on demand: what a machine does once a year happens often, in the code that runs in earnest.
//!
//! Wherever something rare may happen, the code asks [`strikes`]. With the feature `buggify` a test hands in dice: for
//! whatever runs on its thread, or for the whole process. Without the feature the answer is a constant, and nothing of this is
//! compiled in.

/// Where something rare may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Site {
    /// The disk takes its time over a commit.
    SlowDisk,
    /// A commit is durable, and its answer says that it failed.
    AnswerLost,
    /// More waits to be committed than there is room for.
    CommitQueueFull,
    /// More payments wait at the till than there is room for.
    TillQueueFull,
    /// No more payments fit into a CA2.
    CollectionFull,
    /// A timer goes off before its time: somebody has waited for long enough, was away for long enough, or a session wanes.
    EarlyTimer,
    /// Somebody was faster: what was decided is decided anew.
    Overtaken,
}

impl Site {
    /// All sites.
    pub const ALL: [Self; 7] = [
        Self::SlowDisk,
        Self::AnswerLost,
        Self::CommitQueueFull,
        Self::TillQueueFull,
        Self::CollectionFull,
        Self::EarlyTimer,
        Self::Overtaken,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::SlowDisk => "slow-disk",
            Self::AnswerLost => "answer-lost",
            Self::CommitQueueFull => "commit-queue-full",
            Self::TillQueueFull => "till-queue-full",
            Self::CollectionFull => "collection-full",
            Self::EarlyTimer => "early-timer",
            Self::Overtaken => "overtaken",
        }
    }
}

/// Whether the rare thing happens here and now.
#[cfg(not(feature = "buggify"))]
pub const fn strikes(_: Site) -> bool {
    false
}

#[cfg(feature = "buggify")]
pub use on::{Dice, strikes, throw, throw_everywhere};

#[cfg(feature = "buggify")]
mod on {
    use std::cell::Cell;
    use std::sync::OnceLock;

    use super::Site;

    /// Decides whether a site strikes.
    pub type Dice = fn(Site) -> bool;

    thread_local! {
        static HERE: Cell<Option<Dice>> = const { Cell::new(None) };
    }

    static EVERYWHERE: OnceLock<Dice> = OnceLock::new();

    /// These dice decide from now on for whatever runs on this thread; or none.
    pub fn throw(dice: Option<Dice>) {
        HERE.set(dice);
    }

    /// These dice decide for the whole process, where a thread has none of its own; only the first are taken.
    pub fn throw_everywhere(dice: Dice) {
        let _ = EVERYWHERE.set(dice);
    }

    /// Whether the rare thing happens here and now.
    pub fn strikes(site: Site) -> bool {
        HERE.get().or_else(|| EVERYWHERE.get().copied()).is_some_and(|dice| dice(site))
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn the_dice_of_a_thread_decide_for_it_alone() {
            throw(Some(|site| site == Site::Overtaken));
            assert!(strikes(Site::Overtaken) && !strikes(Site::SlowDisk));
            assert!(!std::thread::spawn(|| strikes(Site::Overtaken)).join().expect("a thread"));
            throw(None);
            assert!(!strikes(Site::Overtaken));
        }
    }
}
