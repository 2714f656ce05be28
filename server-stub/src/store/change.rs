//! Change sets: what a procedure wants to be true, and what it wants to change (design rule 3).

use protocol::date::Date;
use protocol::money::Money;
use protocol::persona::PersonaId;
use thiserror::Error;

use super::account::Account;
use super::record::{
    Attempts, Challenge, Charge, Entry, Epoch, Instrument, LogEntry, Movement, Persona, Report, Session, SessionEnd,
    Transaction,
};
use super::setting::Setting;
use super::statement::Refund;

/// What has to be true for a change set to apply; checked inside the transaction that applies it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// The session is open, and stands exactly so.
    SessionIs {
        /// Its number.
        session: u64,
        /// Uses spent.
        uses: u32,
        /// 130F.
        current: Money,
    },
    /// The session is open, and fewer uses than this are spent.
    SessionUsesBelow {
        /// Its number.
        session: u64,
        /// The bound.
        uses: u32,
    },
    /// Nothing of the persona has changed since this revision was read.
    PersonaIs(PersonaId, u64),
}

/// One change. All of a set apply, or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A new persona; its id must be free.
    Register(Box<Persona>),
    /// A persona's changeable fields (120B, E, F, I and status).
    Update(Box<Persona>),
    /// The persona, or something of it, changed: its revision grows.
    Revise(PersonaId),
    /// An instrument as it stands now, new or not.
    PutInstrument(PersonaId, Box<Instrument>),
    /// A challenge as it stands now, new or not.
    PutChallenge(PersonaId, Box<Challenge>),
    /// A challenge that was answered.
    RemoveChallenge(PersonaId, String),
    /// A movement between instrument and container.
    Move(Movement),
    /// A load is not on hold any more.
    Cleared(u64),
    /// A new session. It starts empty; a journal entry of the same set fills it.
    Open(Box<Session>),
    /// One use of the session is spent.
    Use(u64),
    /// The session ends; by then it must be empty.
    End(u64, Date, SessionEnd),
    /// A note at the end of a session (CS1), appended to 130M.
    Memo(u64, String),
    /// A collected payment; the payer's index must be unused.
    Collect(Box<Transaction>),
    /// A refund; the payment must have no other of that number.
    Refund(Box<Refund>),
    /// A fee of no payment; a journal entry of the same set moves it.
    Charge(Charge),
    /// Money moves. Owned accounts never go below zero.
    Journal(Entry),
    /// An answered message; its key must be unused.
    Log(LogEntry),
    /// What the operator sets, whatever was set before.
    Set(Setting),
    /// What the operator takes back: topic and name.
    Unset(String, String),
    /// A client's report. The same report twice is one; beyond a bound, none are kept.
    Report(Box<Report>),
    /// A report that the operator has done with; one that is not there is no conflict.
    RemoveReport([u8; 32]),
    /// Nothing; yet the commit is a write that has to be durable like any other. Whether it can be told is what it is for.
    Trial,
    /// A restore; the epoch of that number must not have begun yet.
    Epoch(Epoch),
    /// The count of wrong passphrases for an id, if it still was what is said here.
    Attempts {
        /// Which id.
        id: PersonaId,
        /// As it was.
        before: Option<Attempts>,
        /// As it will be.
        after: Attempts,
    },
}

/// Conditions and changes that stand or fall together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangeSet {
    /// Checked first, against what is stored.
    pub conditions: Vec<Condition>,
    /// Applied in order.
    pub changes: Vec<Change>,
}

impl ChangeSet {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Adds a condition.
    pub fn require(&mut self, condition: Condition) {
        self.conditions.push(condition);
    }

    /// Adds a change.
    pub fn push(&mut self, change: Change) {
        self.changes.push(change);
    }
}

/// Why a change set does not apply: something else came first. Load again, decide again.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Conflict {
    /// The persona id is taken.
    #[error("the id {0} is taken")]
    PersonaExists(PersonaId),
    /// The persona changed, or there is none.
    #[error("the persona {0} has changed")]
    PersonaChanged(PersonaId),
    /// The session ended, changed, or there is none.
    #[error("the session {0} has changed")]
    SessionChanged(u64),
    /// The number of a new session is taken.
    #[error("the session {0} exists")]
    SessionExists(u64),
    /// An owned account would go below zero.
    #[error("{0} does not hold that much")]
    Overdrawn(Account),
    /// The session would end with money in it.
    #[error("the session {0} is not empty")]
    NotEmpty(u64),
    /// The payer's index is used up.
    #[error("index {1} of session {0} is used")]
    IndexUsed(u64, u16),
    /// The payment was refunded meanwhile.
    #[error("refund {2} of payment {0}/{1} exists")]
    RefundExists(u64, u16, u32),
    /// The message's key is used.
    #[error("a message with this key was answered")]
    LogKeyUsed,
    /// Another wrong passphrase was counted.
    #[error("the attempts for {0} have changed")]
    AttemptsChanged(PersonaId),
    /// Somebody else restored the books.
    #[error("epoch {0} has begun")]
    EpochBegan(u64),
    /// The load has cleared.
    #[error("load {0} has cleared")]
    LoadCleared(u64),
}

/// Why a commit did not happen.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CommitError {
    /// See [`Conflict`].
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// More is waiting than may wait.
    #[error("too much is waiting")]
    Busy,
    /// The database failed; nothing of the change set is stored.
    #[error(transparent)]
    Store(StoreError),
}

/// Why a load did not happen.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StoreError {
    /// The database failed.
    #[error("the database failed: {0}")]
    Failed(String),
    /// Every connection to the database is in use, and stayed so for a while.
    #[error("every connection to the database is in use")]
    Busy,
}

impl StoreError {
    /// What is wrong, for a sentence that says whose fault it is.
    pub fn why(self) -> String {
        match self {
            Self::Failed(why) => why,
            Self::Busy => self.to_string(),
        }
    }
}

impl From<StoreError> for CommitError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Failed(_) => Self::Store(error),
            StoreError::Busy => Self::Busy,
        }
    }
}
