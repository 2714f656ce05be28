//! Rare branches on demand: what a machine does once a year happens often, in the code that runs in earnest.
//!
//! With the feature `buggify` the environment variable `PAY_CASH_BUGGIFY` holds a seed, how many times in 1,000 a site
//! strikes, and a folder, separated by commas. A site that has struck leaves a file of its name in the folder, so that a
//! test can tell. Without the feature [`strikes`] is a constant, and nothing of this is compiled in.

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
    /// A wallet has waited at the till for as long as it will.
    EarlyTimer,
}

impl Site {
    /// All sites.
    pub const ALL: [Self; 5] =
        [Self::SlowDisk, Self::AnswerLost, Self::CommitQueueFull, Self::TillQueueFull, Self::EarlyTimer];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::SlowDisk => "slow-disk",
            Self::AnswerLost => "answer-lost",
            Self::CommitQueueFull => "commit-queue-full",
            Self::TillQueueFull => "till-queue-full",
            Self::EarlyTimer => "early-timer",
        }
    }
}

/// Whether the rare thing happens here and now.
#[cfg(not(feature = "buggify"))]
pub const fn strikes(_: Site) -> bool {
    false
}

#[cfg(feature = "buggify")]
pub use on::strikes;

#[cfg(feature = "buggify")]
mod on {
    use std::path::PathBuf;
    use std::sync::{LazyLock, Mutex, PoisonError};

    use rand::rngs::StdRng;
    use rand::{RngExt as _, SeedableRng as _};

    use super::Site;

    /// What the environment asked for, if anything.
    static DICE: LazyLock<Option<Dice>> = LazyLock::new(|| Dice::of(&std::env::var("PAY_CASH_BUGGIFY").ok()?));

    struct Dice {
        per_mille: u32,
        folder: PathBuf,
        rng: Mutex<StdRng>,
    }

    impl Dice {
        fn of(text: &str) -> Option<Self> {
            let mut parts = text.splitn(3, ',');
            let rng = Mutex::new(StdRng::seed_from_u64(parts.next()?.parse().ok()?));
            Some(Self { per_mille: parts.next()?.parse().ok()?, folder: parts.next()?.into(), rng })
        }
    }

    /// Whether the rare thing happens here and now.
    pub fn strikes(site: Site) -> bool {
        let Some(Dice { per_mille, folder, rng }) = &*DICE else { return false };
        let strikes = rng.lock().unwrap_or_else(PoisonError::into_inner).random_range(0..1_000) < *per_mille;
        if strikes {
            // Where the folder is gone, so is whoever wanted to know.
            let _ = std::fs::write(folder.join(site.name()), "");
        }
        strikes
    }
}
