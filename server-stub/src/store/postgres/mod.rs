//! The store in PostgreSQL, or what speaks like it: any number of server processes on one database.
//!
//! | room | what lives there |
//! | --- | --- |
//! | `link` | connections, and what errors mean |
//! | `load`, `books` | the typed loads |
//! | `group` | which change sets go together, and what they come to |
//! | `apply`, `rare`, `command` | the statements |
//! | `committer` | transactions, and their repetition |
//! | `why` | what was in the way |
//! | `schema` | the tables |
//! | `numbers` | numbers of new sessions |
//!
//! Invariant: every condition of a change set stands in the statement that changes what it is about, so that it holds at
//! every isolation level. Nothing is decided from what was read before.
//!
//! Invariant: only SQL that `CockroachDB` and `YugabyteDB` document as theirs (docs/operations.md, "PostgreSQL").

mod apply;
mod books;
mod command;
mod committer;
mod group;
mod link;
mod load;
mod numbers;
mod rare;
mod schema;
mod tls;
mod why;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use protocol::date::Date;
use protocol::money::Currency;
use protocol::persona::PersonaId;
use protocol::value::{Function, Index, OrderId, SessionId};
use tokio_postgres::Config;

pub use self::books::PostgresBooks;
use self::committer::Committer;
pub use self::link::CONNECTIONS;
use self::link::Link;
use self::numbers::Numbers;
pub use self::schema::all_statements;
use super::record::{Attempts, Charge, Epoch, InstrumentId, LogKey, Report, Session, Transaction};
use super::{
    BookReader, Books, Change, ChangeSet, Collected, CommitError, Logged, PersonaFile, Refund, Setting, Signer,
    Statement, Store, StoreError, Window,
};

/// A store in a database.
#[derive(Debug)]
pub struct PostgresStore {
    link: Link,
    numbers: Arc<Numbers>,
    committer: Committer,
}

impl PostgresStore {
    /// Opens the store in a database, or makes it.
    ///
    /// # Errors
    /// The database cannot be reached, holds tables of a newer version, or answers before it is durable.
    pub async fn open(config: &Config) -> Result<Self, StoreError> {
        Self::open_with(config, CONNECTIONS).await
    }

    /// The same over so many connections at the most.
    ///
    /// # Errors
    /// As above.
    pub async fn open_with(config: &Config, connections: usize) -> Result<Self, StoreError> {
        let link = Link::to(config, connections)?;
        let client = link.client().await?;
        let durable: String = client.query_one("SHOW synchronous_commit", &[]).await?.try_get(0)?;
        if durable == "off" {
            return Err(StoreError::Failed("synchronous_commit is off: what is acknowledged could be lost".to_owned()));
        }
        schema::migrate(&client).await?;
        let numbers = Arc::new(Numbers::default());
        let committer = Committer::start(link.clone(), numbers.clone());
        Ok(Self { link, numbers, committer })
    }
}

#[async_trait]
impl Books for PostgresStore {
    async fn show(&self, see: &mut BookReader<'_>) -> Result<(), StoreError> {
        books::show(self.link.client().await?, see).await
    }
}

/// What a load finds, on a connection that is not cut meanwhile.
macro_rules! load {
    ($self:ident, $load:ident($($argument:expr),*)) => {{
        let mut cut = 0;
        loop {
            let client = $self.link.client().await?;
            let found = load::$load(&client, $($argument),*).await;
            if found.is_ok() || !$self.link.was_cut(&client, &mut cut).await {
                break found;
            }
        }
    }};
}

#[async_trait]
impl Store for PostgresStore {
    async fn persona(&self, id: &PersonaId) -> Result<Option<PersonaFile>, StoreError> {
        load!(self, persona_file(id))
    }

    async fn signer(&self, id: &PersonaId) -> Result<Option<Signer>, StoreError> {
        load!(self, signer(id))
    }

    async fn passphrase(&self, id: &PersonaId) -> Result<Option<Vec<u8>>, StoreError> {
        load!(self, passphrase(id))
    }

    async fn taken(&self, ids: &[PersonaId]) -> Result<HashSet<PersonaId>, StoreError> {
        load!(self, taken(ids))
    }

    async fn logged(&self, key: &LogKey) -> Result<Option<Logged>, StoreError> {
        load!(self, logged(key))
    }

    async fn sessions(&self, ids: &[SessionId]) -> Result<HashMap<u64, Session>, StoreError> {
        load!(self, sessions(ids))
    }

    async fn collected(&self, keys: &[(SessionId, Index)]) -> Result<Collected, StoreError> {
        load!(self, collected(keys))
    }

    async fn history(&self, session: &SessionId, limit: usize) -> Result<Vec<Transaction>, StoreError> {
        load!(self, history(session, limit))
    }

    async fn refunds(&self, session: &SessionId, index: Index) -> Result<Vec<Refund>, StoreError> {
        load!(self, refunds(session, index))
    }

    async fn statement(&self, id: &PersonaId, window: Window, limit: usize) -> Result<Option<Statement>, StoreError> {
        load!(self, statement(id, window, limit))
    }

    async fn charge(&self, persona: &PersonaId, date: Date, reference: &str) -> Result<Option<Charge>, StoreError> {
        load!(self, charge(persona, date, reference))
    }

    async fn moved_since(
        &self,
        persona: &PersonaId,
        instrument: InstrumentId,
        currency: Currency,
        function: Function,
        since: Date,
    ) -> Result<i64, StoreError> {
        load!(self, moved_since(persona, instrument, currency, function, since))
    }

    async fn attempts(&self, id: &PersonaId) -> Result<Option<Attempts>, StoreError> {
        load!(self, attempts(id))
    }

    async fn due(&self, now: Date, limit: usize) -> Result<Vec<PersonaId>, StoreError> {
        load!(self, due(now, limit))
    }

    async fn payments_of(
        &self,
        order: &OrderId,
        payee: Option<&PersonaId>,
        after: (u64, u16),
        limit: usize,
    ) -> Result<Vec<Transaction>, StoreError> {
        load!(self, payments_of(order, payee, after, limit))
    }

    async fn reports(&self, after: (Date, [u8; 32]), limit: usize) -> Result<Vec<Report>, StoreError> {
        load!(self, reports(after, limit))
    }

    async fn report(&self, hash: &[u8; 32]) -> Result<Option<Report>, StoreError> {
        load!(self, report(hash))
    }

    async fn settings(&self) -> Result<Vec<Setting>, StoreError> {
        load!(self, settings())
    }

    async fn epoch(&self) -> Result<Option<Epoch>, StoreError> {
        load!(self, epoch())
    }

    async fn new_session_id(&self) -> Result<SessionId, StoreError> {
        Ok(SessionId::of_number(self.numbers.next(&self.link).await?))
    }

    async fn commit(&self, set: ChangeSet) -> Result<(), CommitError> {
        let leaps = set.changes.iter().any(|change| matches!(change, Change::Epoch(_)));
        self.committer.commit(set).await?;
        if leaps {
            self.numbers.forget().await;
        }
        Ok(())
    }
}
