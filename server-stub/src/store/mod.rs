//! The server's database 102: typed loads, and one way to change anything.
//!
//! A procedure yields a [`ChangeSet`]; [`Store::commit`] checks its conditions and applies it in one durable transaction,
//! or says which [`Conflict`] kept it from doing so. The store decides races, not the caller.
//!
//! | store | for |
//! | --- | --- |
//! | [`MemoryStore`] | tests and simulations |
//! | [`SqliteStore`] | one server with its data beside it |
//! | [`PostgresStore`] | any number of servers |

pub mod account;
pub mod books;
pub mod chain;
pub mod change;
pub mod memory;
pub mod place;
pub mod plan;
pub mod postgres;
mod queue;
mod read;
pub mod record;
mod row;
pub mod setting;
pub mod sqlite;
pub mod statement;

use std::collections::{BTreeMap, HashMap, HashSet};

use async_trait::async_trait;
use protocol::Protocol;
use protocol::date::Date;
use protocol::keys::PublicKey;
use protocol::money::Currency;
use protocol::persona::PersonaId;
use protocol::value::{Function, Index, OrderId, SessionId};

pub use account::Account;
pub use books::{BookReader, BookRow, Books};
pub use chain::{ChainHead, EntryText};
pub use change::{Change, ChangeSet, CommitError, Condition, Conflict, StoreError};
pub use memory::MemoryStore;
pub use place::{KeyPlace, Place};
pub use postgres::PostgresStore;
pub(crate) use row::session_end;
pub use setting::{MAX_SETTINGS, Setting};
pub use sqlite::SqliteStore;
pub use statement::{Position, Refund, Statement, Window};

use record::{
    Attempts, Challenge, Charge, Container, Epoch, Instrument, InstrumentId, LogKey, PendingLoad, Persona, Report,
    Session, Transaction,
};

/// Everything of one persona that its own messages may touch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonaFile {
    /// 120.
    pub persona: Persona,
    /// 120G.
    pub containers: BTreeMap<Currency, Container>,
    /// 120H.
    pub instruments: Vec<Instrument>,
    /// 130, the open ones.
    pub sessions: Vec<Session>,
    /// What is on hold.
    pub pending: Vec<PendingLoad>,
    /// Questions that wait for an answer.
    pub challenges: Vec<Challenge>,
}

/// What tells whether a persona signed something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// The suite that the key belongs to.
    pub protocol: Protocol,
    /// 120C.
    pub public_key: PublicKey,
    /// Its name, as label `key` gives it (base64).
    pub key_name: String,
}

/// What the message log says of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// 140E.
    pub message_hash: [u8; 32],
    /// 140F.
    pub response: String,
}

/// Payments that were collected, by payer session and index.
pub type Collected = HashMap<(u64, u16), Transaction>;

/// The database. Loads see what is committed; what they saw may have changed by the time of a commit, which is what
/// conditions are for.
#[async_trait]
pub trait Store: Books {
    /// A persona with all that is its own.
    async fn persona(&self, id: &PersonaId) -> Result<Option<PersonaFile>, StoreError>;

    /// What a persona signs with. Less is read than of [`Store::persona`]: how long it takes tells nobody what there is.
    async fn signer(&self, id: &PersonaId) -> Result<Option<Signer>, StoreError> {
        let of = |Persona { protocol, public_key, key_name, .. }| Signer { protocol, public_key, key_name };
        Ok(self.persona(id).await?.map(|file| of(file.persona)))
    }

    /// 120F of a persona; nothing where it has none, and where there is no such persona. Less is read than of
    /// [`Store::persona`], for the same reason.
    async fn passphrase(&self, id: &PersonaId) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.persona(id).await?.and_then(|file| file.persona.autoclose))
    }

    /// Which of these ids are taken.
    async fn taken(&self, ids: &[PersonaId]) -> Result<HashSet<PersonaId>, StoreError>;

    /// What was answered under this key.
    async fn logged(&self, key: &LogKey) -> Result<Option<Logged>, StoreError>;

    /// A persona with all that is its own, and what was answered under a key: together where that costs less.
    async fn file_and_answer(
        &self,
        id: &PersonaId,
        key: &LogKey,
    ) -> Result<(Option<PersonaFile>, Option<Logged>), StoreError> {
        Ok((self.persona(id).await?, self.logged(key).await?))
    }

    /// What was answered under a key, and what a persona signs with: together where that costs less.
    async fn answer_and_signer(
        &self,
        key: &LogKey,
        id: &PersonaId,
    ) -> Result<(Option<Logged>, Option<Signer>), StoreError> {
        Ok((self.logged(key).await?, self.signer(id).await?))
    }

    /// What was answered under a key, and a session: together where that costs less.
    async fn answer_and_session(
        &self,
        key: &LogKey,
        id: &SessionId,
    ) -> Result<(Option<Logged>, Option<Session>), StoreError> {
        Ok((self.logged(key).await?, self.session(id).await?))
    }

    /// Sessions, and which of these indexes are used: together where that costs less.
    async fn sessions_and_collected(
        &self,
        ids: &[SessionId],
        keys: &[(SessionId, Index)],
    ) -> Result<(HashMap<u64, Session>, Collected), StoreError> {
        Ok((self.sessions(ids).await?, self.collected(keys).await?))
    }

    /// A session, open or not.
    async fn session(&self, id: &SessionId) -> Result<Option<Session>, StoreError> {
        Ok(self.sessions(std::slice::from_ref(id)).await?.remove(&id.number()))
    }

    /// Those of these sessions that exist, open or not, by number.
    async fn sessions(&self, ids: &[SessionId]) -> Result<HashMap<u64, Session>, StoreError>;

    /// Those of these indexes that are used, and for what.
    async fn collected(&self, keys: &[(SessionId, Index)]) -> Result<Collected, StoreError>;

    /// The newest payments from or into a session, at most `limit`, the oldest first.
    async fn history(&self, session: &SessionId, limit: usize) -> Result<Vec<Transaction>, StoreError>;

    /// What was given back of a payment, in order.
    async fn refunds(&self, session: &SessionId, index: Index) -> Result<Vec<Refund>, StoreError>;

    /// A persona with entries of its own, at most `limit`, in one snapshot.
    async fn statement(&self, id: &PersonaId, window: Window, limit: usize) -> Result<Option<Statement>, StoreError>;

    /// The fee of no payment that a persona gave at a moment, for what the reference names.
    async fn charge(&self, persona: &PersonaId, date: Date, reference: &str) -> Result<Option<Charge>, StoreError>;

    /// The minor units of `currency` loaded from, or unloaded to, an instrument since a date; nothing of other functions.
    async fn moved_since(
        &self,
        persona: &PersonaId,
        instrument: InstrumentId,
        currency: Currency,
        function: Function,
        since: Date,
    ) -> Result<i64, StoreError>;

    /// Wrong passphrases for an id.
    async fn attempts(&self, id: &PersonaId) -> Result<Option<Attempts>, StoreError>;

    /// Personas for whom time has come: a session's lifetime is over, or a load clears. At most `limit`.
    async fn due(&self, now: Date, limit: usize) -> Result<Vec<PersonaId>, StoreError>;

    /// What the last restore began, if there was one.
    async fn epoch(&self) -> Result<Option<Epoch>, StoreError>;

    /// A number that no session has or will have but the one it is for.
    async fn new_session_id(&self) -> Result<SessionId, StoreError>;

    /// Payments of an order id, to one payee or to any, by payer's session and index: those after a place, at most `limit`.
    /// Looks through all payments of the payee, or of everybody, for no payment pays for an index that only the operator's
    /// eyes want.
    async fn payments_of(
        &self,
        order: &OrderId,
        payee: Option<&PersonaId>,
        after: (u64, u16),
        limit: usize,
    ) -> Result<Vec<Transaction>, StoreError>;

    /// Reports of clients (MR1) by date and hash: those after a place, at most `limit`.
    async fn reports(&self, after: (Date, [u8; 32]), limit: usize) -> Result<Vec<Report>, StoreError>;

    /// The report of a hash.
    async fn report(&self, hash: &[u8; 32]) -> Result<Option<Report>, StoreError>;

    /// What the operator has set, at most [`MAX_SETTINGS`] rows.
    async fn settings(&self) -> Result<Vec<Setting>, StoreError>;

    /// Applies a change set; it is durable before this returns.
    async fn commit(&self, set: ChangeSet) -> Result<(), CommitError>;
}

/// Which way money moves by a function, as movements are signed; 0 for a function that moves none.
fn sign_of(function: Function) -> i64 {
    match function {
        Function::Load => 1,
        Function::Unload => -1,
        Function::Charge | Function::Credit => 0,
    }
}

/// How many reports of clients are kept until the operator removes some; nobody reads more, and nobody has to sign them.
pub const MAX_REPORTS: usize = 1_000;
/// For how many ids wrong passphrases are counted at once; the oldest counts make room.
pub const MAX_ATTEMPTS: usize = 100_000;
