//! Numbers of new sessions (130A), taken in blocks: several server processes give none twice, and rarely ask.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Mutex;

use super::super::StoreError;
use super::super::row::{column, signed};
use super::command::{Command, param};
use super::link::{Link, all};

/// The row of these numbers in table `counter`.
const NAME: &str = "session";
/// How many are taken at once. A process that ends leaves the rest of its block unused; nobody minds.
const BLOCK: u64 = 64;

/// The numbers that this process has taken.
#[derive(Debug, Default)]
pub struct Numbers {
    /// The next, and the last, of the block at hand.
    block: Mutex<(u64, u64)>,
    given: AtomicU64,
}

impl Numbers {
    /// The highest number that this process knows to be taken, by itself or another.
    pub fn given(&self) -> u64 {
        self.given.load(Ordering::Relaxed)
    }

    /// Leaves the rest of the block unused: numbers have leapt.
    pub async fn forget(&self) {
        *self.block.lock().await = (0, 0);
    }

    /// A number that nobody else gets.
    ///
    /// # Errors
    /// The database failed.
    pub async fn next(&self, link: &Link) -> Result<u64, StoreError> {
        let mut block = self.block.lock().await;
        let (next, last) = *block;
        if next == 0 || next > last {
            let last = take(link).await?;
            self.given.fetch_max(last, Ordering::Relaxed);
            *block = (last - BLOCK + 1, last);
        }
        let (next, last) = *block;
        *block = (next + 1, last);
        Ok(next)
    }
}

/// Numbers up to this one are not given any more.
pub fn leap<'a>(to: u64) -> Result<Command<'a>, StoreError> {
    let sql = "INSERT INTO counter (name, value) VALUES ($1, $2)
               ON CONFLICT (name) DO UPDATE SET value = GREATEST(counter.value, excluded.value)";
    Ok(Command::of(sql, vec![param(NAME), param(signed(to)?)]))
}

/// Takes a block and yields its last number.
async fn take(link: &Link) -> Result<u64, StoreError> {
    let sql = "INSERT INTO counter (name, value) VALUES ($1, $2)
               ON CONFLICT (name) DO UPDATE SET value = counter.value + excluded.value RETURNING value";
    let client = link.client().await?;
    let taken = all(&client, sql, &[&NAME, &signed(BLOCK)?], |row| column(row, "value")).await?;
    taken.into_iter().next().ok_or_else(|| StoreError::Failed("no number was given".to_owned()))
}
