//! Where clients keep their records: load, scan, and one all-or-nothing commit that decides races.
//!
//! A record is bytes under a table and a key. Each commit has a number, and each record carries the number of the commit
//! that wrote it last: its version. A [`ChangeSet`] names what it was computed from as conditions on versions; the store
//! checks them inside the transaction that applies the changes, and answers [`Conflict`] where somebody was faster.
//! Numbers of commits are never used twice, so that a record deleted and made anew is not mistaken for the old one.
//!
//! Invariant: a commit is durable before [`Store::commit`] returns, whole, or it did not happen.

#[cfg(feature = "store-conformance")]
pub mod conformance;
mod memory;

use std::fmt::Debug;

use async_trait::async_trait;
use thiserror::Error;

pub use memory::MemoryStore;

/// `Send + Sync`, but in the browser, where nothing crosses threads.
#[cfg(not(target_arch = "wasm32"))]
pub trait Shareable: Send + Sync {}
#[cfg(not(target_arch = "wasm32"))]
impl<T: Send + Sync + ?Sized> Shareable for T {}
/// `Send + Sync`, but in the browser, where nothing crosses threads.
#[cfg(target_arch = "wasm32")]
pub trait Shareable {}
#[cfg(target_arch = "wasm32")]
impl<T: ?Sized> Shareable for T {}

/// A store of records.
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
pub trait Store: Debug + Shareable {
    /// The record under a key, if there is one.
    ///
    /// # Errors
    /// The store cannot be read.
    async fn load(&self, table: &'static str, key: &str) -> Result<Option<Row>, StoreFault>;

    /// All records of several tables, as they were at one moment: table by table as they were asked for, with their keys,
    /// in the order of the keys.
    ///
    /// # Errors
    /// The store cannot be read.
    async fn snapshot(&self, tables: &[&'static str]) -> Result<Vec<Rows>, StoreFault>;

    /// All records of a table with their keys, in the order of the keys.
    ///
    /// # Errors
    /// The store cannot be read.
    async fn scan(&self, table: &'static str) -> Result<Rows, StoreFault> {
        Ok(self.snapshot(&[table]).await?.pop().unwrap_or_default())
    }

    /// Applies all changes, or none.
    ///
    /// # Errors
    /// A condition does not hold, or the store cannot be written.
    async fn commit(&self, changes: ChangeSet) -> Result<(), CommitFault>;
}

/// The records of a table with their keys.
pub type Rows = Vec<(String, Row)>;

/// A record as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The number of the commit that wrote it.
    pub version: u64,
    /// What was written.
    pub bytes: Vec<u8>,
}

/// Where a record lies.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The table, named after the seed's record.
    pub table: &'static str,
    /// The key within it.
    pub key: String,
}

impl Place {
    /// The place of `key` in `table`.
    pub fn new(table: &'static str, key: impl Into<String>) -> Self {
        Self { table, key: key.into() }
    }
}

/// One change of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Writes the record, whether it was there or not.
    Put(Place, Vec<u8>),
    /// Removes the record; it need not be there.
    Delete(Place),
}

/// What must hold of a record when the changes are applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It is not there.
    Absent,
    /// It is there, and was not written since.
    Version(u64),
}

impl Condition {
    /// Whether it holds for a record of this version, or for none.
    pub fn holds(self, found: Option<u64>) -> bool {
        match self {
            Self::Absent => found.is_none(),
            Self::Version(version) => found == Some(version),
        }
    }
}

/// What a procedure wants to have happened, and what it took for granted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "nothing happens until a store commits it"]
pub struct ChangeSet {
    conditions: Vec<(Place, Condition)>,
    changes: Vec<Change>,
}

impl ChangeSet {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Demands that `condition` holds of the record at `place`.
    pub fn demand(&mut self, place: Place, condition: Condition) {
        self.conditions.push((place, condition));
    }

    /// Writes a record.
    pub fn put(&mut self, place: Place, bytes: Vec<u8>) {
        self.changes.push(Change::Put(place, bytes));
    }

    /// Removes a record.
    pub fn delete(&mut self, place: Place) {
        self.changes.push(Change::Delete(place));
    }

    /// Adds all conditions and changes of another.
    pub fn append(&mut self, other: Self) {
        let Self { conditions, changes } = other;
        self.conditions.extend(conditions);
        self.changes.extend(changes);
    }

    /// The conditions, in the order in which they were demanded.
    pub fn conditions(&self) -> &[(Place, Condition)] {
        &self.conditions
    }

    /// The changes, in the order in which they are applied.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The tables that it touches or looks at, each once.
    pub fn tables(&self) -> Vec<&'static str> {
        let changed = self.changes.iter().map(|change| match change {
            Change::Put(place, _) | Change::Delete(place) => place.table,
        });
        let mut tables: Vec<_> = changed.chain(self.conditions.iter().map(|(place, _)| place.table)).collect();
        tables.sort_unstable();
        tables.dedup();
        tables
    }
}

/// A condition that did not hold: somebody else was faster. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{place:?} was expected to be {expected:?}, but its version is {found:?}")]
pub struct Conflict {
    /// Which record.
    pub place: Place,
    /// What was demanded.
    pub expected: Condition,
    /// The version found, if the record is there.
    pub found: Option<u64>,
}

/// The store itself failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the store failed: {0}")]
pub struct StoreFault(pub String);

/// Why nothing was committed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CommitFault {
    /// A condition did not hold.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreFault),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_set_tells_what_it_changes_and_what_it_looks_at() {
        let place = |table| Place::new(table, "a");
        let mut later = ChangeSet::new();
        later.demand(place("130"), Condition::Absent);
        assert_eq!((later.is_empty(), later.tables()), (true, vec!["130"]));
        let mut changes = ChangeSet::new();
        changes.put(place("240"), vec![7]);
        changes.delete(place("120"));
        later.delete(place("240"));
        changes.append(later);
        assert_eq!((changes.is_empty(), changes.tables()), (false, vec!["120", "130", "240"]));
        assert_eq!(changes.conditions(), [(place("130"), Condition::Absent)]);
        let expected = [Change::Put(place("240"), vec![7]), Change::Delete(place("120")), Change::Delete(place("240"))];
        assert_eq!(changes.changes(), expected);
    }
}
