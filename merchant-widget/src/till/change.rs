//! What a step wants stored: all of it in one transaction, or none.

use protocol::keys::ServerKey;
use protocol::value::Num;

use super::record::{Batch, CollectionLog, Instrument, OpeningLog, Order, Pending, Persona, SalesSession};
use super::refund::RefundLog;
use super::settlement::Settlement;

/// How often a record was written. A record that is put carries the number it had when it was read, 0 for a new one;
/// the store refuses the whole change set where another number stands by then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u64);

/// One record to be stored.
#[derive(Clone, Debug)]
pub enum Change {
    /// Makes the persona (320).
    PutPersona(Persona),
    /// Makes the instrument binding (330).
    PutInstrument(Instrument),
    /// Keeps a request until its reply is there (320N).
    PutPending(Pending),
    /// The reply is there.
    DeletePending(Num),
    /// Makes or changes an order (350).
    PutOrder(Order),
    /// Makes or changes a sales session (360).
    PutSession(SalesSession),
    /// Logs the opening of a session (370N to 370T).
    PutOpening(OpeningLog),
    /// Keeps a CA2 until its CA3 is there.
    PutBatch(Batch),
    /// Logs a collection (370A to 370M).
    PutCollection(CollectionLog),
    /// Logs a refund.
    PutRefund(RefundLog),
    /// Logs a settlement.
    PutSettlement(Settlement),
    /// The server has another key (315A).
    PutServerKey(ServerKey),
}

/// Changes that belong together.
#[derive(Clone, Debug, Default)]
pub struct ChangeSet(pub Vec<Change>);

impl ChangeSet {
    /// Adds a change.
    pub fn push(&mut self, change: Change) {
        self.0.push(change);
    }
}

impl From<Vec<Change>> for ChangeSet {
    fn from(changes: Vec<Change>) -> Self {
        Self(changes)
    }
}
