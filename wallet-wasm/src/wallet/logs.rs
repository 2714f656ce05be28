//! The records 261 to 267: what happened.

use protocol::store::{Store, StoreFault};

use super::books::{Books, Snapshot};
use crate::record::log::{BindingLog, ClosingLog, FundsLog, OpeningLog, PaymentLog, RegistrationLog};
use crate::record::recovery::StatementEntry;
use crate::record::{Held, Stored as _};

/// The wallet's logs, but for offers (266), which payments hold as well.
#[derive(Clone, Debug, Default)]
pub struct Logs {
    /// 261.
    pub registrations: Vec<Held<RegistrationLog>>,
    /// 262.
    pub bindings: Vec<Held<BindingLog>>,
    /// 263.
    pub payments: Vec<Held<PaymentLog>>,
    /// 264.
    pub funds: Vec<Held<FundsLog>>,
    /// 265.
    pub openings: Vec<Held<OpeningLog>>,
    /// 267.
    pub closings: Vec<Held<ClosingLog>>,
    /// What statements told.
    pub told: Vec<Held<StatementEntry>>,
}

impl Logs {
    /// The tables that they are made of.
    pub const TABLES: [&str; 7] = [
        RegistrationLog::TABLE,
        BindingLog::TABLE,
        PaymentLog::TABLE,
        FundsLog::TABLE,
        OpeningLog::TABLE,
        ClosingLog::TABLE,
        StatementEntry::TABLE,
    ];

    /// Reads them.
    ///
    /// # Errors
    /// The store cannot be read, or a record is damaged.
    pub async fn load(store: &impl Store) -> Result<Self, StoreFault> {
        Self::read(&Snapshot::of(store, &Self::TABLES).await?)
    }

    /// Reads them, and the books of the same moment: what a log tells of is not pending as well.
    ///
    /// # Errors
    /// The store cannot be read, or a record is damaged.
    pub async fn load_with_books(store: &impl Store) -> Result<(Books, Self), StoreFault> {
        let tables = [&Books::TABLES[..], &Self::TABLES].concat();
        let tables = Snapshot::of(store, &tables).await?;
        Ok((Books::read(&tables)?, Self::read(&tables)?))
    }

    /// Takes them out of what was read.
    ///
    /// # Errors
    /// A record is damaged, or a table is missing.
    pub fn read(tables: &Snapshot) -> Result<Self, StoreFault> {
        Ok(Self {
            registrations: tables.all()?,
            bindings: tables.all()?,
            payments: tables.all()?,
            funds: tables.all()?,
            openings: tables.all()?,
            closings: tables.all()?,
            told: tables.all()?,
        })
    }
}
