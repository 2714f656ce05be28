//! Rare branches on demand in the whole program ([`protocol::buggify`]).
//!
//! With the feature `buggify` the environment variable `PAY_CASH_BUGGIFY` holds a seed, how many times in 1,000 a site
//! strikes, and a folder, separated by commas. A site that has struck leaves a file of its name in the folder, so that a
//! test can tell.

use std::path::PathBuf;
use std::sync::{LazyLock, Mutex, PoisonError};

use protocol::buggify::{Site, throw_everywhere};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

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

/// From now on, rare things happen as often as the environment asks for.
pub fn arm() {
    throw_everywhere(strikes);
}

fn strikes(site: Site) -> bool {
    let Some(Dice { per_mille, folder, rng }) = &*DICE else { return false };
    let strikes = rng.lock().unwrap_or_else(PoisonError::into_inner).random_range(0..1_000) < *per_mille;
    if strikes {
        // Where the folder is gone, so is whoever wanted to know.
        let _ = std::fs::write(folder.join(site.name()), "");
    }
    strikes
}
