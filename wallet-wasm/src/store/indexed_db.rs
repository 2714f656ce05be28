//! IndexedDB. Everything is encoded first; then one transaction with strict durability, which awaits nothing but its own
//! requests. What is not committed is rolled back when it is dropped.
//!
//! A value is eight bytes, the number of the commit that wrote it (big-endian), and the record's bytes behind them.

use async_trait::async_trait;
use js_sys::Uint8Array;
use matrix_indexed_db_futures::database::{Database, VersionChangeEvent};
use matrix_indexed_db_futures::future::{BasicRequest, GetAllPrimitiveRequest};
use matrix_indexed_db_futures::object_store::ObjectStore;
use matrix_indexed_db_futures::prelude::*;
use matrix_indexed_db_futures::transaction::{Transaction, TransactionDurability, TransactionMode, TransactionOptions};
use protocol::store::{Change, ChangeSet, CommitFault, Condition, Conflict, Place, Row, Rows, Store, StoreFault};
use wasm_bindgen::{JsCast, JsValue};

use crate::record::TABLES;

/// Holds the number of the last commit.
const META: &str = "meta";
const COMMITS: &str = "commits";
/// Raised with each change of the tables; [`lay_out`] brings any older layout up to it.
const LAYOUT: u32 = 3;

/// A database of the browser.
#[derive(Debug)]
pub struct IndexedDb(Database);

impl IndexedDb {
    /// Opens the database of that name, and makes it if it is not there.
    ///
    /// # Errors
    /// The browser does not let us.
    pub async fn open(name: &str) -> Result<Self, StoreFault> {
        let request = Database::open(name).with_version(LAYOUT);
        let request = request.with_on_upgrade_needed(|_: VersionChangeEvent, transaction| lay_out(transaction));
        request.await.map(Self).map_err(|fault| StoreFault(fault.to_string()))
    }
}

/// Makes the tables that are missing.
fn lay_out(transaction: &Transaction<'_>) -> Result<(), matrix_indexed_db_futures::error::Error> {
    let database = transaction.db();
    let there: Vec<String> = database.object_store_names().collect();
    let missing = |table: &&&str| !there.iter().any(|name| name == **table);
    for table in TABLES.iter().chain(&[META]).filter(missing) {
        database.create_object_store(table).build()?;
    }
    Ok(())
}

type IdbFault = matrix_indexed_db_futures::error::Error;

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
fn fault(fault: IdbFault) -> StoreFault {
    StoreFault(fault.to_string())
}

fn encode(version: u64, bytes: &[u8]) -> JsValue {
    let value = [&version.to_be_bytes()[..], bytes].concat();
    Uint8Array::from(&*value).into()
}

fn decode(value: &JsValue) -> Result<Row, StoreFault> {
    let damaged = || StoreFault("a record is damaged".to_owned());
    let bytes = value.dyn_ref::<Uint8Array>().ok_or_else(damaged)?.to_vec();
    let (version, bytes) = bytes.split_first_chunk().ok_or_else(damaged)?;
    Ok(Row { version: u64::from_be_bytes(*version), bytes: bytes.to_vec() })
}

/// A request for one record: placed at once, answered later, so that several are under way together.
struct Get(BasicRequest<Option<JsValue>>);

impl Get {
    fn place(store: &ObjectStore<'_>, key: &str) -> Result<Self, StoreFault> {
        store.get(JsValue::from_str(key)).primitive().map(Self).map_err(fault)
    }

    async fn row(self) -> Result<Option<Row>, StoreFault> {
        let value = self.0.await.map_err(fault)?;
        value.filter(|value| !value.is_undefined()).map(|value| decode(&value)).transpose()
    }
}

/// A request for all records of a table: as [`Get`].
struct GetAll {
    keys: GetAllPrimitiveRequest<JsValue>,
    values: GetAllPrimitiveRequest<JsValue>,
}

impl GetAll {
    fn place(store: &ObjectStore<'_>) -> Result<Self, StoreFault> {
        let keys = store.get_all_keys().primitive().map_err(fault)?;
        let values = store.get_all().primitive().map_err(fault)?;
        Ok(Self { keys, values })
    }

    async fn rows(self) -> Result<Rows, StoreFault> {
        let Self { keys, values } = self;
        let keys: Vec<JsValue> = keys.await.map_err(fault)?.collect::<Result<_, _>>().map_err(fault)?;
        let values: Vec<JsValue> = values.await.map_err(fault)?.collect::<Result<_, _>>().map_err(fault)?;
        let named = |(key, value): (JsValue, JsValue)| {
            let key = key.as_string().ok_or_else(|| StoreFault("a key is damaged".to_owned()))?;
            Ok((key, decode(&value)?))
        };
        keys.into_iter().zip(values).map(named).collect()
    }
}

#[async_trait(?Send)]
impl Store for IndexedDb {
    async fn load(&self, table: &'static str, key: &str) -> Result<Option<Row>, StoreFault> {
        let transaction = self.0.transaction(table).build().map_err(fault)?;
        Get::place(&transaction.object_store(table).map_err(fault)?, key)?.row().await
    }

    async fn snapshot(&self, tables: &[&'static str]) -> Result<Vec<Rows>, StoreFault> {
        // The browser makes no transaction over nothing.
        if tables.is_empty() {
            return Ok(Vec::new());
        }
        let transaction = self.0.transaction(tables).build().map_err(fault)?;
        let mut placed = Vec::with_capacity(tables.len());
        for table in tables {
            placed.push(GetAll::place(&transaction.object_store(table).map_err(fault)?)?);
        }
        let mut read = Vec::with_capacity(tables.len());
        for request in placed {
            read.push(request.rows().await?);
        }
        Ok(read)
    }

    async fn commit(&self, changes: ChangeSet) -> Result<(), CommitFault> {
        let tables = [changes.tables(), vec![META]].concat();
        let options = TransactionOptions::new().with_durability(TransactionDurability::Strict);
        let transaction = self.0.transaction(&*tables).with_mode(TransactionMode::Readwrite).with_options(options);
        let transaction = transaction.build().map_err(fault)?;
        let meta = transaction.object_store(META).map_err(fault)?;
        let last = Get::place(&meta, COMMITS)?;
        check(&transaction, changes.conditions()).await?;
        let number = last.row().await?.map_or(0, |row| row.version) + 1;
        meta.put(encode(number, &[])).with_key(JsValue::from_str(COMMITS)).primitive().map_err(fault)?;
        for change in changes.changes() {
            apply(&transaction, change, number).map_err(fault)?;
        }
        Ok(transaction.commit().await.map_err(fault)?)
    }
}

/// A condition that does not hold drops the transaction, and so rolls it back.
async fn check(transaction: &Transaction<'_>, conditions: &[(Place, Condition)]) -> Result<(), CommitFault> {
    let mut placed = Vec::with_capacity(conditions.len());
    for (place, expected) in conditions {
        let store = transaction.object_store(place.table).map_err(fault)?;
        placed.push((Get::place(&store, &place.key)?, place, *expected));
    }
    for (request, place, expected) in placed {
        let found = request.row().await?.map(|row| row.version);
        if !expected.holds(found) {
            return Err(Conflict { place: place.clone(), expected, found }.into());
        }
    }
    Ok(())
}

/// Places the request; the commit waits for it.
fn apply(transaction: &Transaction<'_>, change: &Change, number: u64) -> Result<(), IdbFault> {
    match change {
        Change::Put(place, bytes) => {
            let store = transaction.object_store(place.table)?;
            store.put(encode(number, bytes)).with_key(JsValue::from_str(&place.key)).primitive()?;
        }
        Change::Delete(place) => {
            let store = transaction.object_store(place.table)?;
            store.delete(JsValue::from_str(&place.key)).primitive()?;
        }
    }
    Ok(())
}
