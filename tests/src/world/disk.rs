//! Disks that fail: the memory stores of server and wallet behind faults.
//!
//! A commit is whole or did not happen, since that is what both stores promise; what may happen round it is here: a death
//! before it (the write is lost) or after it (the write is there, and nobody knows), a fault, a long wait, or a write that
//! is reported as failed although it is stored.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use protocol::date::Date;
use protocol::money::Currency;
use protocol::persona::PersonaId;
use protocol::store as client;
use protocol::value::{Function, Index, OrderId, SessionId};
use server_stub::store as ledger;
use server_stub::store::record::{Attempts, Charge, Epoch, InstrumentId, LogKey, Report, Session, Transaction};

use super::clockwork::{Owner, between, sleep};
use super::fate::{WRITES, WROTE, moment, strikes};

/// How long a slow disk takes at most, milliseconds.
const SLOW_MILLIS: i64 = 2_000;

/// What a write comes to.
enum Write {
    Good,
    /// Nothing is stored.
    Failed,
    /// It is stored, and reported as failed.
    Doubtful,
}

async fn before_write(party: Owner) -> Write {
    moment(party, WRITES).await;
    if strikes("slow writes", |weather| weather.slow_disk) {
        sleep(between(1, SLOW_MILLIS)).await;
        moment(party, WRITES).await;
    }
    if strikes("writes failed", |weather| weather.write_fault) {
        return Write::Failed;
    }
    if strikes("writes in doubt", |weather| weather.write_doubt) { Write::Doubtful } else { Write::Good }
}

const FAULT: &str = "the disk does not obey";

/// A write that failed, or may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskFault;

/// Writes something that is stored as a whole or not at all.
///
/// # Errors
/// The disk says that it is not stored; it may be all the same.
pub async fn write<T>(party: Owner, store: impl FnOnce() -> T) -> Result<T, DiskFault> {
    let write = before_write(party).await;
    if matches!(write, Write::Failed) {
        return Err(DiskFault);
    }
    let result = store();
    moment(party, WROTE).await;
    if matches!(write, Write::Doubtful) { Err(DiskFault) } else { Ok(result) }
}

/// A wallet's disk.
#[derive(Clone)]
pub struct WalletDisk {
    /// Whose.
    pub party: Owner,
    /// What is on it.
    pub platter: client::MemoryStore,
}

impl fmt::Debug for WalletDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WalletDisk({})", self.party.0)
    }
}

#[async_trait]
impl client::Store for WalletDisk {
    async fn load(&self, table: &'static str, key: &str) -> Result<Option<client::Row>, client::StoreFault> {
        self.platter.load(table, key).await
    }

    async fn snapshot(&self, tables: &[&'static str]) -> Result<Vec<client::Rows>, client::StoreFault> {
        self.platter.snapshot(tables).await
    }

    async fn commit(&self, changes: client::ChangeSet) -> Result<(), client::CommitFault> {
        let write = before_write(self.party).await;
        let fault = || Err(client::StoreFault(FAULT.to_owned()).into());
        if matches!(write, Write::Failed) {
            return fault();
        }
        let result = self.platter.commit(changes).await;
        moment(self.party, WROTE).await;
        if matches!(write, Write::Doubtful) { fault() } else { result }
    }
}

/// The server's disk.
pub struct ServerDisk {
    /// Whose.
    pub party: Owner,
    /// What is on it.
    pub platter: Arc<ledger::MemoryStore>,
    /// How often something was written.
    pub writes: Arc<AtomicU64>,
}

#[async_trait]
impl ledger::Books for ServerDisk {
    async fn show(&self, see: &mut ledger::books::BookReader<'_>) -> Result<(), ledger::StoreError> {
        self.platter.show(see).await
    }
}

#[async_trait]
impl ledger::Store for ServerDisk {
    async fn persona(&self, id: &PersonaId) -> Result<Option<ledger::PersonaFile>, ledger::StoreError> {
        self.platter.persona(id).await
    }

    async fn taken(&self, ids: &[PersonaId]) -> Result<HashSet<PersonaId>, ledger::StoreError> {
        self.platter.taken(ids).await
    }

    async fn logged(&self, key: &LogKey) -> Result<Option<ledger::Logged>, ledger::StoreError> {
        self.platter.logged(key).await
    }

    async fn sessions(&self, ids: &[SessionId]) -> Result<HashMap<u64, Session>, ledger::StoreError> {
        self.platter.sessions(ids).await
    }

    async fn collected(&self, keys: &[(SessionId, Index)]) -> Result<ledger::Collected, ledger::StoreError> {
        self.platter.collected(keys).await
    }

    async fn history(&self, session: &SessionId, limit: usize) -> Result<Vec<Transaction>, ledger::StoreError> {
        self.platter.history(session, limit).await
    }

    async fn refunds(&self, session: &SessionId, index: Index) -> Result<Vec<ledger::Refund>, ledger::StoreError> {
        self.platter.refunds(session, index).await
    }

    async fn statement(
        &self,
        persona: &PersonaId,
        window: ledger::Window,
        limit: usize,
    ) -> Result<Option<ledger::Statement>, ledger::StoreError> {
        self.platter.statement(persona, window, limit).await
    }

    async fn charge(
        &self,
        persona: &PersonaId,
        date: Date,
        reference: &str,
    ) -> Result<Option<Charge>, ledger::StoreError> {
        self.platter.charge(persona, date, reference).await
    }

    async fn moved_since(
        &self,
        persona: &PersonaId,
        instrument: InstrumentId,
        currency: Currency,
        function: Function,
        since: Date,
    ) -> Result<i64, ledger::StoreError> {
        self.platter.moved_since(persona, instrument, currency, function, since).await
    }

    async fn attempts(&self, id: &PersonaId) -> Result<Option<Attempts>, ledger::StoreError> {
        self.platter.attempts(id).await
    }

    async fn due(&self, now: Date, limit: usize) -> Result<Vec<PersonaId>, ledger::StoreError> {
        self.platter.due(now, limit).await
    }

    async fn epoch(&self) -> Result<Option<Epoch>, ledger::StoreError> {
        self.platter.epoch().await
    }

    async fn new_session_id(&self) -> Result<SessionId, ledger::StoreError> {
        self.platter.new_session_id().await
    }

    async fn payments_of(
        &self,
        order: &OrderId,
        payee: Option<&PersonaId>,
        after: (u64, u16),
        limit: usize,
    ) -> Result<Vec<Transaction>, ledger::StoreError> {
        self.platter.payments_of(order, payee, after, limit).await
    }

    async fn reports(&self, after: (Date, [u8; 32]), limit: usize) -> Result<Vec<Report>, ledger::StoreError> {
        self.platter.reports(after, limit).await
    }

    async fn report(&self, hash: &[u8; 32]) -> Result<Option<Report>, ledger::StoreError> {
        self.platter.report(hash).await
    }

    async fn settings(&self) -> Result<Vec<ledger::Setting>, ledger::StoreError> {
        self.platter.settings().await
    }

    async fn commit(&self, set: ledger::ChangeSet) -> Result<(), ledger::CommitError> {
        let write = before_write(self.party).await;
        let fault = || Err(ledger::StoreError::Failed(FAULT.to_owned()).into());
        if matches!(write, Write::Failed) {
            return fault();
        }
        let result = self.platter.commit(set).await;
        self.writes.fetch_add(1, Ordering::Relaxed);
        moment(self.party, WROTE).await;
        if matches!(write, Write::Doubtful) { fault() } else { result }
    }
}
