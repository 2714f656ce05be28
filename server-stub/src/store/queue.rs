//! What waits for a commit, weighed by its changes: a set may have three of them, or a thousand.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{ChangeSet, CommitError};

/// How many changes may wait; with more the caller is told `busy`. A payment is three changes and takes some 40
/// microseconds, so this is about a second of waiting.
pub const MAX_WAITING: usize = 65_536;
/// How many changes a transaction gathers before it is closed: enough to make the disk's part small, few enough to answer
/// soon. Eight full collections fit.
pub const MAX_GROUP: usize = 8_192;

/// The room for what waits.
#[derive(Clone, Debug)]
pub struct Room(Arc<Semaphore>);

/// A change set's part of the room, for as long as it waits.
#[derive(Debug)]
pub struct Share(OwnedSemaphorePermit);

impl Room {
    /// Nothing waits.
    pub fn new() -> Self {
        Self(Arc::new(Semaphore::new(MAX_WAITING)))
    }

    /// Room for one more change set.
    ///
    /// # Errors
    /// [`CommitError::Busy`]: there is none.
    pub fn take(&self, set: &ChangeSet) -> Result<Share, CommitError> {
        let weight = u32::try_from(set.changes.len().max(1)).unwrap_or(u32::MAX);
        self.0.clone().try_acquire_many_owned(weight).map(Share).map_err(|_| CommitError::Busy)
    }
}

impl Share {
    /// How many changes it is for, at least one.
    pub fn weight(&self) -> usize {
        self.0.num_permits()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Change;

    #[test]
    fn large_change_sets_take_as_much_room_as_their_changes() {
        let (room, payment) = (Room::new(), ChangeSet { changes: vec![Change::Use(1); 3], ..ChangeSet::default() });
        let collection = ChangeSet { changes: vec![Change::Use(1); MAX_WAITING / 4], ..ChangeSet::default() };
        let mut shares: Vec<_> = (0..4).map(|_| room.take(&collection).expect("room")).collect();
        assert_eq!(shares[0].weight(), MAX_WAITING / 4);
        assert_eq!(room.take(&payment).err(), Some(CommitError::Busy));
        shares.pop();
        assert_eq!(room.take(&payment).expect("room").weight(), 3);
        assert_eq!(room.take(&ChangeSet::default()).expect("room").weight(), 1, "nothing weighs nothing");
    }
}
