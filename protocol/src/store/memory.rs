//! A store in memory: for tests and simulated worlds. Clones share what is stored, as two openings of one database do.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::{Change, ChangeSet, CommitFault, Condition, Conflict, Place, Row, Rows, Store, StoreFault};

/// A store in memory.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore(Arc<Mutex<Tables>>);

#[derive(Debug, Default)]
struct Tables {
    rows: BTreeMap<Place, Row>,
    /// The number of the last commit.
    commits: u64,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// A store that holds the same now, and nothing of what comes later: a copied profile.
    pub fn copied(&self) -> Self {
        let Tables { rows, commits } = &*self.lock();
        Self(Arc::new(Mutex::new(Tables { rows: rows.clone(), commits: *commits })))
    }

    /// Everything that is stored, for tests that look for what must not be there.
    pub fn dump(&self) -> Vec<(Place, Vec<u8>)> {
        self.lock().rows.iter().map(|(place, row)| (place.clone(), row.bytes.clone())).collect()
    }

    /// A panic elsewhere cannot leave a commit half done: nothing in one panics between its first and last change.
    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tables {
    fn check(&self, place: &Place, expected: Condition) -> Result<(), Conflict> {
        let found = self.rows.get(place).map(|row| row.version);
        if expected.holds(found) { Ok(()) } else { Err(Conflict { place: place.clone(), expected, found }) }
    }

    fn scan(&self, table: &'static str) -> Rows {
        let all = self.rows.range(Place::new(table, "")..).take_while(|(place, _)| place.table == table);
        all.map(|(place, row)| (place.key.clone(), row.clone())).collect()
    }

    fn apply(&mut self, change: Change) {
        match change {
            Change::Put(place, bytes) => drop(self.rows.insert(place, Row { version: self.commits, bytes })),
            Change::Delete(place) => drop(self.rows.remove(&place)),
        }
    }
}

#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
impl Store for MemoryStore {
    async fn load(&self, table: &'static str, key: &str) -> Result<Option<Row>, StoreFault> {
        Ok(self.lock().rows.get(&Place::new(table, key)).cloned())
    }

    async fn snapshot(&self, tables: &[&'static str]) -> Result<Vec<Rows>, StoreFault> {
        let stored = self.lock();
        Ok(tables.iter().map(|table| stored.scan(table)).collect())
    }

    async fn commit(&self, changes: ChangeSet) -> Result<(), CommitFault> {
        let mut tables = self.lock();
        for (place, expected) in &changes.conditions {
            tables.check(place, *expected)?;
        }
        tables.commits += 1;
        for change in changes.changes {
            tables.apply(change);
        }
        Ok(())
    }
}
