//! The till's books in SQLite: records 320 to 370 under DIR, readable by their owner only.
//!
//! Write-ahead log with `synchronous=FULL`: a commit is on the disk before anything that follows from it is sent. The file
//! is locked by its till, so that two tills never share one folder.

pub mod access;
pub mod events;
pub mod hooks;
pub mod ledger;
mod rows;
mod schema;
mod writes;

use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use merchant_widget::till::collection::Underway;
use merchant_widget::till::record::{Batch, BatchId, CollectionLog, Instrument, Order, Pending, Persona, SalesSession};
use merchant_widget::till::{Change, ChangeSet};
use protocol::value::OrderId;
use rusqlite::{Connection, OptionalExtension as _, Row, TransactionBehavior};
use thiserror::Error;
use tokio::sync::{Notify, broadcast};

use self::access::Answered;

/// The file under DIR.
const FILE: &str = "till.sqlite";

/// What can go wrong with the books.
#[derive(Debug, Error)]
pub enum StoreFault {
    /// Another change came first: load again, and decide again.
    #[error("the records were changed meanwhile")]
    Conflict,
    /// A column holds what was never written into it.
    #[error("the books are damaged: {0}")]
    Damaged(&'static str),
    /// Others on this machine could read the persona's key.
    #[error("{0} can be read by others: chmod go= {0}")]
    Exposed(String),
    /// Another till works in the folder.
    #[error("another till works in {0}")]
    Taken(String),
    /// The books are of a newer till.
    #[error("the books are of a newer version of this program")]
    Newer,
    /// SQLite.
    #[error("the books: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The file system.
    #[error("{0}: {1}")]
    File(String, std::io::Error),
    /// The worker thread ended early.
    #[error("the books are closed")]
    Closed,
}

/// The till's books.
#[derive(Clone, Debug)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    connection: Mutex<Connection>,
    /// Orders that were written, for whoever waits for them.
    written: broadcast::Sender<OrderId>,
    /// Something is to be delivered.
    deliver: Notify,
}

/// How many orders may be written before somebody who waits looks; who is late looks anyway.
const NOTICES: usize = 1_024;

impl Store {
    /// Opens the books under `folder`, or begins new ones.
    ///
    /// # Errors
    /// See [`StoreFault`].
    pub fn open(folder: &Path) -> Result<Self, StoreFault> {
        let file = folder.join(FILE);
        prepare(folder, &file)?;
        let connection = Connection::open(&file)?;
        let taken = |error: rusqlite::Error| match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DatabaseBusy) => StoreFault::Taken(folder.display().to_string()),
            _ => StoreFault::Sqlite(error),
        };
        connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())).map_err(taken)?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        let (written, _) = broadcast::channel(NOTICES);
        let inner = Inner { connection: Mutex::new(connection), written, deliver: Notify::new() };
        let store = Self(Arc::new(inner));
        store.migrate()?;
        Ok(store)
    }

    fn migrate(&self) -> Result<(), StoreFault> {
        let mut connection = self.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Exclusive)?;
        let done: u32 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let last = schema::MIGRATIONS.last().map_or(0, |(version, _)| *version);
        if done > last {
            return Err(StoreFault::Newer);
        }
        for (_, migration) in schema::MIGRATIONS.iter().filter(|(version, _)| *version > done) {
            transaction.execute_batch(migration)?;
        }
        transaction.pragma_update(None, "user_version", last)?;
        transaction.commit().map_err(Into::into)
    }

    /// A panic while the books were open rolled its transaction back: they may be used again.
    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.0.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works on the books where blocking harms nobody.
    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreFault> + Send + 'static,
    ) -> Result<T, StoreFault> {
        let store = self.clone();
        let worked = tokio::task::spawn_blocking(move || work(&mut store.connection())).await;
        worked.map_err(|_| StoreFault::Closed)?
    }

    /// Applies all changes durably, or none.
    ///
    /// # Errors
    /// [`StoreFault::Conflict`] if a record was changed since it was read.
    pub async fn commit(&self, changes: ChangeSet) -> Result<(), StoreFault> {
        self.commit_answered(changes, None).await
    }

    /// As [`Store::commit`], and keeps what is answered under an Idempotency-Key.
    ///
    /// # Errors
    /// [`StoreFault::Conflict`] too if something was answered under it meanwhile.
    pub async fn commit_answered(&self, changes: ChangeSet, answered: Option<Answered>) -> Result<(), StoreFault> {
        let is_order =
            |change: &Change| if let Change::PutOrder(order) = change { Some(order.id.clone()) } else { None };
        let orders: Vec<_> = changes.0.iter().filter_map(is_order).collect();
        self.work(move |connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            for change in &changes.0 {
                writes::apply(&transaction, change).map_err(conflict)?;
            }
            if let Some(answered) = &answered {
                access::put_answered(&transaction, answered).map_err(conflict)?;
            }
            transaction.commit().map_err(Into::into)
        })
        .await?;
        for order in &orders {
            self.notice(order);
        }
        self.wake();
        Ok(())
    }

    /// Tells of orders as they are written.
    pub fn watch(&self) -> broadcast::Receiver<OrderId> {
        self.0.written.subscribe()
    }

    fn notice(&self, order: &OrderId) {
        // Nobody may be waiting.
        let _ = self.0.written.send(order.clone());
    }

    /// Wakes whoever delivers.
    fn wake(&self) {
        self.0.deliver.notify_one();
    }

    /// Waits until something may have to be delivered.
    pub async fn until_woken(&self) {
        self.0.deliver.notified().await;
    }

    async fn find<T: Send + 'static, P: rusqlite::Params + Send + 'static>(
        &self,
        sql: &'static str,
        params: P,
        read: fn(&Row<'_>) -> Result<T, StoreFault>,
    ) -> Result<Option<T>, StoreFault> {
        self.work(move |connection| find(connection, sql, params, read)).await
    }

    async fn all<T: Send + 'static, P: rusqlite::Params + Send + 'static>(
        &self,
        sql: &'static str,
        params: P,
        read: fn(&Row<'_>) -> Result<T, StoreFault>,
    ) -> Result<Vec<T>, StoreFault> {
        self.work(move |connection| all(connection, sql, params, read)).await
    }

    /// Record 320.
    ///
    /// # Errors
    /// The books cannot be read.
    pub async fn persona(&self) -> Result<Option<Persona>, StoreFault> {
        self.find("SELECT * FROM persona_320", [], rows::persona).await
    }

    /// Record 330.
    ///
    /// # Errors
    /// The books cannot be read.
    pub async fn instrument(&self) -> Result<Option<Instrument>, StoreFault> {
        self.find("SELECT * FROM instrument_330 LIMIT 1", [], rows::instrument).await
    }

    /// Requests without a reply (320N).
    ///
    /// # Errors
    /// The books cannot be read.
    pub async fn pending(&self) -> Result<Vec<Pending>, StoreFault> {
        self.all("SELECT * FROM pending_320n", [], rows::pending).await
    }

    /// Record 350.
    ///
    /// # Errors
    /// The books cannot be read.
    pub async fn order(&self, id: &OrderId) -> Result<Option<Order>, StoreFault> {
        self.find("SELECT * FROM order_350 WHERE order_id = ?1", [id.as_str().to_owned()], rows::order).await
    }

    /// Records 360 that are not closed.
    ///
    /// # Errors
    /// The books cannot be read.
    pub async fn sessions(&self) -> Result<Vec<SalesSession>, StoreFault> {
        self.all("SELECT * FROM sales_session_360 WHERE closed IS NULL", [], rows::session).await
    }

    /// Record 370 of a CA1.
    ///
    /// # Errors
    /// The books cannot be read.
    pub async fn collection(&self, payment: &str) -> Result<Option<CollectionLog>, StoreFault> {
        self.find("SELECT * FROM cash_log_370 WHERE payment = ?1", [payment.to_owned()], rows::collection).await
    }

    /// CA2s without a CA3.
    ///
    /// # Errors
    /// The books cannot be read.
    pub async fn unanswered(&self) -> Result<Vec<Batch>, StoreFault> {
        self.all("SELECT * FROM batch_ca2 WHERE answered = 0", [], rows::batch).await
    }

    /// A CA2 with all that its CA3 decides.
    ///
    /// # Errors
    /// The books cannot be read, or lack a part of it.
    pub async fn underway(&self, id: &BatchId) -> Result<Underway, StoreFault> {
        let id = id.clone();
        self.work(move |connection| underway(connection, &id)).await
    }
}

/// A row that is there although it should be new was made by somebody faster.
fn conflict(fault: StoreFault) -> StoreFault {
    match fault {
        StoreFault::Sqlite(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation) => {
            StoreFault::Conflict
        }
        other => other,
    }
}

fn find<T>(
    connection: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
    read: fn(&Row<'_>) -> Result<T, StoreFault>,
) -> Result<Option<T>, StoreFault> {
    let mut statement = connection.prepare_cached(sql)?;
    statement.query_row(params, |row| Ok(read(row))).optional()?.transpose()
}

fn all<T>(
    connection: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
    read: fn(&Row<'_>) -> Result<T, StoreFault>,
) -> Result<Vec<T>, StoreFault> {
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(params, |row| Ok(read(row)))?;
    rows.map(|row| row?).collect()
}

fn underway(connection: &Connection, id: &BatchId) -> Result<Underway, StoreFault> {
    let (session, index) = (id.session.as_slice(), id.index.get());
    let sql = "SELECT * FROM batch_ca2 WHERE session_id = ?1 AND batch_index = ?2";
    let batch = find(connection, sql, (session, index), rows::batch)?.ok_or(StoreFault::Damaged("batch_ca2"))?;
    let sql = "SELECT * FROM sales_session_360 WHERE session_id = ?1";
    let record = find(connection, sql, [session], rows::session)?.ok_or(StoreFault::Damaged("sales_session_360"))?;
    let sql = "SELECT * FROM cash_log_370 WHERE session_id = ?1 AND batch_index = ?2 ORDER BY position";
    let logs = all(connection, sql, (session, index), rows::collection)?;
    let with_order = |log: CollectionLog| {
        let sql = "SELECT * FROM order_350 WHERE order_id = ?1";
        let order = find(connection, sql, [log.order_id.as_str()], rows::order)?;
        Ok::<_, StoreFault>((log, order.ok_or(StoreFault::Damaged("order_350"))?))
    };
    let entries = logs.into_iter().map(with_order).collect::<Result<_, _>>()?;
    Ok(Underway { batch, session: record, entries })
}

/// Makes the folder and the file so that only their owner can read them, and refuses those that others can.
fn prepare(folder: &Path, file: &Path) -> Result<(), StoreFault> {
    let fault = |path: &Path| {
        let name = path.display().to_string();
        move |error| StoreFault::File(name, error)
    };
    if !folder.exists() {
        private_folder(folder).map_err(fault(folder))?;
    }
    if !file.exists() {
        private_file(file).map_err(fault(file))?;
    }
    let metadata = fs::metadata(file).map_err(fault(file))?;
    if is_exposed(&metadata) { Err(StoreFault::Exposed(file.display().to_string())) } else { Ok(()) }
}

fn private_folder(folder: &Path) -> std::io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn private_file(file: &Path) -> std::io::Result<()> {
    fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file).map(drop)
}

fn is_exposed(metadata: &fs::Metadata) -> bool {
    metadata.permissions().mode() & 0o077 != 0
}
