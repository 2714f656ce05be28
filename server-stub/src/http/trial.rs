//! Whether the books can be written: a commit of nothing ([`Change::Trial`]), which takes the way of every other commit.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::store::{Change, ChangeSet, CommitError, Store, StoreError};

/// How often the books are tried at the most, however many ask: a trial is a write and a sync.
const EVERY: Duration = Duration::from_secs(2);

type Outcome = Result<(), CommitError>;

/// The trials of a store. One is under way at a time; where the disk hangs, so does it, and no second one joins it.
pub struct Trials {
    store: Arc<dyn Store>,
    last: Mutex<Option<Trial>>,
}

struct Trial {
    began: Instant,
    /// Nothing until it has ended.
    outcome: watch::Receiver<Option<Outcome>>,
}

impl Trials {
    /// No trial yet.
    pub fn of(store: Arc<dyn Store>) -> Self {
        Self { store, last: Mutex::default() }
    }

    /// What became of the last trial, which is waited for, or of a new one, where the last one is a while ago.
    ///
    /// # Errors
    /// See [`CommitError`].
    pub async fn outcome(&self) -> Outcome {
        let mut trial = self.last_or_new();
        match trial.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(outcome)) => outcome.clone(),
            _ => Err(StoreError::Failed("the trial panicked".to_owned()).into()),
        }
    }

    fn last_or_new(&self) -> watch::Receiver<Option<Outcome>> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(trial) = &*last
            && (trial.is_under_way() || trial.began.elapsed() < EVERY)
        {
            return trial.outcome.clone();
        }
        last.insert(Trial::begin(self.store.clone())).outcome.clone()
    }
}

impl Trial {
    /// Begins a trial, which goes on even if whoever asked goes away.
    fn begin(store: Arc<dyn Store>) -> Self {
        let (tell, outcome) = watch::channel(None);
        tokio::spawn(async move {
            let set = ChangeSet { changes: vec![Change::Trial], ..ChangeSet::default() };
            tell.send_replace(Some(store.commit(set).await));
        });
        Self { began: Instant::now(), outcome }
    }

    fn is_under_way(&self) -> bool {
        // One that has panicked tells no more.
        self.outcome.borrow().is_none() && self.outcome.has_changed().is_ok()
    }
}
