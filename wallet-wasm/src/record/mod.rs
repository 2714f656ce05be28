//! The customer's records, 215 to 280 (fig. 5): one struct each, stored as JSON under the record's name.
//!
//! | table | record | figure |
//! | --- | --- | --- |
//! | `215-application` | [`Application`] | 5B |
//! | `220-persona` | [`Persona`] | 5C |
//! | `230-instrument` | [`Instrument`] | 5D |
//! | `240-session` | [`Session`] | 5E |
//! | `251-...` to `256-...` | [`pending`] | 5G to 5L |
//! | `261-...` to `267-...` | [`log`] | 5N to 5T |
//! | `257-...`, `268-...` | [`recovery`] | ours: an autoclose that waits, and entries of statements |
//! | `258-...` | [`pending::PendingKey`] | ours: a change of the persona's key that waits |
//! | `280-container` | [`Container`] | 5U |
//! | `220g-settings` | [`settings::Settings`] | 5C |
//! | `refusals`, `notice` | [`settings`] | ours: sites that were refused of late, and what happened without the shopper |
//! | `approval` | [`Approval`] | ours: an offer that waits for the shopper |
//! | `vault` | [`VaultRecord`](crate::vault::VaultRecord) | ours: the wrapped data key |
//!
//! Invariant: no field holds a secret but as [`Sealed`](crate::vault::Sealed).

mod application;
mod approval;
pub mod instrument;
pub mod log;
pub mod pending;
mod persona;
pub mod recovery;
mod session;
pub mod settings;

use protocol::store::{ChangeSet, Condition, Place, Row, StoreFault};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::json;

pub use application::{Application, Container};
pub use approval::{Approval, Page};
pub use instrument::Instrument;
pub use persona::Persona;
pub use session::{Session, SessionEnd};

/// All tables, for stores that have to be laid out beforehand.
pub const TABLES: &[&str] = &[
    <Application as Stored>::TABLE,
    <Persona as Stored>::TABLE,
    <Instrument as Stored>::TABLE,
    <Session as Stored>::TABLE,
    <pending::PendingRegistration as Stored>::TABLE,
    <pending::PendingBinding as Stored>::TABLE,
    <pending::PendingPayment as Stored>::TABLE,
    <pending::PendingFunds as Stored>::TABLE,
    <pending::PendingOpening as Stored>::TABLE,
    <pending::PendingClosing as Stored>::TABLE,
    <pending::PendingKey as Stored>::TABLE,
    <log::RegistrationLog as Stored>::TABLE,
    <log::BindingLog as Stored>::TABLE,
    <log::PaymentLog as Stored>::TABLE,
    <log::FundsLog as Stored>::TABLE,
    <log::OpeningLog as Stored>::TABLE,
    <log::OfferLog as Stored>::TABLE,
    <log::ClosingLog as Stored>::TABLE,
    <Container as Stored>::TABLE,
    <Approval as Stored>::TABLE,
    <settings::Settings as Stored>::TABLE,
    <settings::Refusals as Stored>::TABLE,
    <settings::Notice as Stored>::TABLE,
    <recovery::PendingAutoclose as Stored>::TABLE,
    <recovery::StatementEntry as Stored>::TABLE,
    <crate::vault::VaultRecord as Stored>::TABLE,
    <crate::store::migration::Schema as Stored>::TABLE,
];

/// A record that a store keeps.
pub trait Stored: Serialize + DeserializeOwned {
    /// Its table.
    const TABLE: &'static str;

    /// Its key within the table.
    fn key(&self) -> String;

    /// Where it lies.
    fn place(&self) -> Place {
        Place::new(Self::TABLE, self.key())
    }
}

/// A field of a record that holds a secret: what the seal is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// The record's table.
    pub table: &'static str,
    /// The field's name.
    pub name: &'static str,
}

impl Field {
    /// The associated data of a secret in this field of the record under `key`.
    pub fn aad(self, key: &str) -> String {
        format!("{}/{key}/{}", self.table, self.name)
    }
}

/// A record as it was loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held<T> {
    /// Changes with every commit that writes the record.
    pub version: u64,
    /// The record.
    pub record: T,
}

impl<T: Stored> Held<T> {
    /// Reads a stored row.
    ///
    /// # Errors
    /// It is damaged.
    pub fn read(key: &str, row: &Row) -> Result<Self, StoreFault> {
        let record =
            json::read(&row.bytes).map_err(|fault| StoreFault(format!("{}/{key} is damaged: {fault}", T::TABLE)))?;
        Ok(Self { version: row.version, record })
    }
}

/// Typed changes of records.
pub trait RecordChanges {
    /// Writes a record, whatever was there.
    fn write<T: Stored>(&mut self, record: &T);
    /// Writes a record where none may be.
    fn create<T: Stored>(&mut self, record: &T);
    /// Writes a record in the place of one that nobody may have changed since.
    fn replace<T: Stored>(&mut self, held: &Held<T>, record: &T);
    /// Removes a record that nobody may have changed since.
    fn remove<T: Stored>(&mut self, held: &Held<T>);
    /// Demands that nobody changed a record since.
    fn keep<T: Stored>(&mut self, held: &Held<T>);
}

impl RecordChanges for ChangeSet {
    fn write<T: Stored>(&mut self, record: &T) {
        let bytes = serde_json::to_vec(record).expect("invariant: records are plain structs with string keys");
        self.put(record.place(), bytes);
    }

    fn create<T: Stored>(&mut self, record: &T) {
        self.demand(record.place(), Condition::Absent);
        self.write(record);
    }

    fn replace<T: Stored>(&mut self, held: &Held<T>, record: &T) {
        self.keep(held);
        self.write(record);
    }

    fn remove<T: Stored>(&mut self, held: &Held<T>) {
        self.keep(held);
        self.delete(held.record.place());
    }

    fn keep<T: Stored>(&mut self, held: &Held<T>) {
        self.demand(held.record.place(), Condition::Version(held.version));
    }
}
