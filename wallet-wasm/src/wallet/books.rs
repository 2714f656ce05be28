//! All records that procedures look at, as they were at one moment.

use protocol::date::Date;
use protocol::money::Currency;
use protocol::store::{ChangeSet, Rows, Store, StoreFault};

use crate::fault::WalletFault;
use crate::record::pending::{
    PendingBinding, PendingClosing, PendingFunds, PendingKey, PendingOpening, PendingPayment, PendingRegistration,
};
use crate::record::recovery::PendingAutoclose;
use crate::record::settings::{Notice, Refusals, Settings};
use crate::record::{Application, Approval, Container, Held, Instrument, Persona, RecordChanges as _, Session, Stored};
use crate::vault::VaultRecord;

/// The wallet's records without its logs.
#[derive(Clone, Debug, Default)]
pub struct Books {
    /// The wrapped data key.
    pub vault: Option<Held<VaultRecord>>,
    /// 215.
    pub application: Option<Held<Application>>,
    /// 220.
    pub persona: Option<Held<Persona>>,
    /// 230.
    pub instruments: Vec<Held<Instrument>>,
    /// 240.
    pub sessions: Vec<Held<Session>>,
    /// 251.
    pub registrations: Vec<Held<PendingRegistration>>,
    /// 252.
    pub bindings: Vec<Held<PendingBinding>>,
    /// 253.
    pub payments: Vec<Held<PendingPayment>>,
    /// 254.
    pub funds: Vec<Held<PendingFunds>>,
    /// 255.
    pub openings: Vec<Held<PendingOpening>>,
    /// 256.
    pub closings: Vec<Held<PendingClosing>>,
    /// 258.
    pub keys: Vec<Held<PendingKey>>,
    /// 280.
    pub containers: Vec<Held<Container>>,
    /// Offers that wait for the shopper.
    pub approvals: Vec<Held<Approval>>,
    /// 220G.
    pub settings: Option<Held<Settings>>,
    /// Sites that were refused of late.
    pub refusals: Vec<Held<Refusals>>,
    /// What the shopper has not been shown yet.
    pub notices: Vec<Held<Notice>>,
    /// An autoclose that waits.
    pub autoclose: Option<Held<PendingAutoclose>>,
}

/// All records of a table.
///
/// # Errors
/// The store cannot be read, or a record is damaged.
pub async fn all<T: Stored>(store: &impl Store) -> Result<Vec<Held<T>>, StoreFault> {
    let rows = store.scan(T::TABLE).await?;
    rows.iter().map(|(key, row)| Held::read(key, row)).collect()
}

/// One record.
///
/// # Errors
/// As [`all`].
pub async fn one<T: Stored>(store: &impl Store, key: &str) -> Result<Option<Held<T>>, StoreFault> {
    let row = store.load(T::TABLE, key).await?;
    row.map(|row| Held::read(key, &row)).transpose()
}

/// The record under a key.
pub fn find<'a, T: Stored>(records: &'a [Held<T>], key: &str) -> Option<&'a Held<T>> {
    records.iter().find(|held| held.record.key() == key)
}

/// Tables as they were at one moment.
#[derive(Debug)]
pub struct Snapshot(Vec<(&'static str, Rows)>);

impl Snapshot {
    /// Reads these tables.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn of(store: &impl Store, tables: &[&'static str]) -> Result<Self, StoreFault> {
        let read = store.snapshot(tables).await?;
        Ok(Self(tables.iter().copied().zip(read).collect()))
    }

    /// All records of one of the tables.
    ///
    /// # Errors
    /// A record is damaged, or the table was not asked for.
    pub fn all<T: Stored>(&self) -> Result<Vec<Held<T>>, StoreFault> {
        let found = self.0.iter().find(|(table, _)| *table == T::TABLE);
        let (_, rows) = found.ok_or_else(|| StoreFault(format!("{} was not read", T::TABLE)))?;
        rows.iter().map(|(key, row)| Held::read(key, row)).collect()
    }

    /// The one record of a table that holds no more.
    ///
    /// # Errors
    /// As [`Snapshot::all`].
    pub fn only<T: Stored>(&self) -> Result<Option<Held<T>>, StoreFault> {
        Ok(self.all()?.pop())
    }
}

impl Books {
    /// The tables that they are made of.
    pub const TABLES: [&str; 18] = [
        VaultRecord::TABLE,
        Application::TABLE,
        Persona::TABLE,
        Instrument::TABLE,
        Session::TABLE,
        PendingRegistration::TABLE,
        PendingBinding::TABLE,
        PendingPayment::TABLE,
        PendingFunds::TABLE,
        PendingOpening::TABLE,
        PendingClosing::TABLE,
        PendingKey::TABLE,
        Container::TABLE,
        Approval::TABLE,
        Settings::TABLE,
        Refusals::TABLE,
        Notice::TABLE,
        PendingAutoclose::TABLE,
    ];

    /// Reads them.
    ///
    /// # Errors
    /// The store cannot be read, or a record is damaged.
    pub async fn load(store: &impl Store) -> Result<Self, StoreFault> {
        Self::read(&Snapshot::of(store, &Self::TABLES).await?)
    }

    /// Takes them out of what was read.
    ///
    /// # Errors
    /// A record is damaged, or a table is missing.
    pub fn read(tables: &Snapshot) -> Result<Self, StoreFault> {
        Ok(Self {
            vault: tables.only()?,
            application: tables.only()?,
            persona: tables.only()?,
            instruments: tables.all()?,
            sessions: tables.all()?,
            registrations: tables.all()?,
            bindings: tables.all()?,
            payments: tables.all()?,
            funds: tables.all()?,
            openings: tables.all()?,
            closings: tables.all()?,
            keys: tables.all()?,
            containers: tables.all()?,
            approvals: tables.all()?,
            settings: tables.only()?,
            refusals: tables.all()?,
            notices: tables.all()?,
            autoclose: tables.only()?,
        })
    }

    /// 220.
    ///
    /// # Errors
    /// There is none yet.
    pub fn persona(&self) -> Result<&Persona, WalletFault> {
        self.persona.as_ref().map(|held| &held.record).ok_or(WalletFault::NotRegistered)
    }

    /// 215.
    ///
    /// # Errors
    /// There is none yet.
    pub fn application(&self) -> Result<&Application, WalletFault> {
        self.application.as_ref().map(|held| &held.record).ok_or(WalletFault::NotRegistered)
    }

    /// 280 of a currency; an empty one where none is stored.
    pub fn container(&self, currency: Currency) -> Container {
        let found = find(&self.containers, currency.code()).map(|held| held.record.clone());
        found.unwrap_or_else(|| Container::empty(currency))
    }

    /// Writes 280 in the place of what these books hold of it.
    pub fn put_container(&self, container: &Container, changes: &mut ChangeSet) {
        match find(&self.containers, container.currency.code()) {
            Some(held) => changes.replace(held, container),
            None => changes.create(container),
        }
    }

    /// 220G, or what holds where nothing was set.
    pub fn settings(&self) -> Settings {
        self.settings.as_ref().map(|held| held.record.clone()).unwrap_or_default()
    }

    /// Writes 220G in the place of what these books hold of it.
    pub fn put_settings(&self, settings: &Settings, changes: &mut ChangeSet) {
        match &self.settings {
            Some(held) => changes.replace(held, settings),
            None => changes.create(settings),
        }
    }

    /// Whether anything waits for an answer of server or merchant.
    pub fn waits(&self) -> bool {
        let Self { registrations, bindings, payments, funds, openings, closings, keys, .. } = self;
        let conversations =
            [registrations.len(), funds.len(), openings.len(), closings.len(), payments.len(), keys.len()];
        conversations.iter().any(|count| *count > 0) || bindings.iter().any(|held| held.record.challenge.is_none())
    }

    /// The server's clock at our time `now`.
    pub fn server_time(&self, now: Date) -> Date {
        self.application.as_ref().map_or(now, |held| held.record.server_time(now))
    }
}
