//! What happens to books that were restored from a backup.
//!
//! What was answered between backup and restore is lost here, and known to those who were answered. So that nothing of it
//! can be done twice:
//!
//! 1. an epoch begins: session numbers leap, so that none that was given in the lost time is given again, not even where
//!    the same backup is restored twice;
//! 2. every open session ends, and what the books say is left in it returns to its container: no payment of the lost time
//!    can be collected a second time;
//! 3. requests that are dated before the epoch are refused, unless the books know their answer (`check_clock`);
//! 4. for a day, nothing leaves for the bank (`check_pays_out`).
//!
//! Begun again after a crash in the middle, it begins one epoch more, and ends what was left open.

use std::collections::BTreeSet;

use protocol::date::Date;
use protocol::money::MoneyFault;
use protocol::persona::PersonaId;
use thiserror::Error;

use super::draft::Draft;
use crate::store::record::{Epoch, SessionEnd};
use crate::store::{BookRow, Change, ChangeSet, CommitError, Store, StoreError};

/// What beginning an epoch did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    /// The epoch.
    pub epoch: Epoch,
    /// How many sessions it ended.
    pub sessions_ended: usize,
}

/// Why an epoch could not begin.
#[derive(Debug, Error)]
pub enum EpochError {
    /// The books cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// They cannot be changed: a server runs on them.
    #[error("{0}; is a server running on these books?")]
    Commit(#[from] CommitError),
    /// A container would hold more than an amount may be.
    #[error("the sessions of {0} hold more than a container can")]
    TooMuch(PersonaId),
}

/// Begins an epoch in books that nobody else uses.
///
/// # Errors
/// See [`EpochError`].
pub async fn begin(store: &dyn Store, now: Date) -> Result<Begun, EpochError> {
    let last = store.epoch().await?;
    let number = last.map_or(0, |epoch| epoch.number) + 1;
    // A clock that was turned back does not take the numbers of sessions back.
    let began = last.map_or(now, |epoch| now.max(Date::from_millis(epoch.began.millis() + 1)));
    let epoch = Epoch { number, began };
    let mut changes = ChangeSet::default();
    changes.push(Change::Epoch(epoch));
    store.commit(changes).await?;
    let mut sessions_ended = 0;
    for id in owners_of_open_sessions(store).await? {
        sessions_ended += end_sessions(store, &id, began).await?;
    }
    Ok(Begun { epoch, sessions_ended })
}

async fn owners_of_open_sessions(store: &dyn Store) -> Result<BTreeSet<PersonaId>, StoreError> {
    let mut owners = BTreeSet::new();
    let mut see = |row| match row {
        BookRow::Session { session, .. } if session.is_open() => drop(owners.insert(session.persona)),
        _ => {}
    };
    store.show(&mut see).await?;
    Ok(owners)
}

async fn end_sessions(store: &dyn Store, id: &PersonaId, now: Date) -> Result<usize, EpochError> {
    let Some(file) = store.persona(id).await? else { return Ok(0) };
    let open = file.sessions.len();
    let too_much = |_: MoneyFault| EpochError::TooMuch(id.clone());
    let mut draft = Draft::settled(file, now).map_err(too_much)?;
    draft.end_sessions(SessionEnd::Closed, |_| true).map_err(too_much)?;
    store.commit(draft.finish()).await?;
    Ok(open)
}
