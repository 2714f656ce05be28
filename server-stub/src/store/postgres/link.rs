//! Connections: how they are made and kept, and what an error of the database means for whoever waits.

use std::error::Error as _;
use std::time::Duration;

use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, TimeoutType,
};
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Config, NoTls, Row, Statement};

use super::super::StoreError;
use super::super::row::{Columns, damaged};
use super::tls;

/// Connections of one process. PostgreSQL allows a hundred if nothing else is said; this leaves room for six processes.
pub const CONNECTIONS: usize = 16;
/// How long to wait for a connection, and for the database to take one.
const CONNECT_WAIT: Duration = Duration::from_secs(5);
/// Every connection: what a process that hangs can hold up is bounded.
const SETTINGS: &str = "SET statement_timeout = '30s'; SET lock_timeout = '10s';
                        SET idle_in_transaction_session_timeout = '10s'";

/// Parameters of a statement.
pub type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

/// Why a transaction did not happen, or may not have.
#[derive(Debug)]
pub enum Failure {
    /// The database asks to do it again; nothing of it is stored.
    Again(StoreError),
    /// It cannot be done; nothing of it is stored.
    Never(StoreError),
    /// The connection broke while it was being committed: it may be stored or not.
    Unknown(StoreError),
    /// Every connection is in use; nothing of it is stored.
    Busy,
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Failed(_) => Self::Never(error),
            StoreError::Busy => Self::Busy,
        }
    }
}

impl From<PoolError> for Failure {
    fn from(error: PoolError) -> Self {
        StoreError::from(error).into()
    }
}

impl Failure {
    /// What an error of a statement means.
    pub fn of(error: &tokio_postgres::Error) -> Self {
        // Serialization failures (40001), deadlocks, locks not had in time, and connections that end before the commit.
        let broken = error.is_closed() || error.source().is_some_and(<dyn std::error::Error>::is::<std::io::Error>);
        let again = broken
            || error.code().is_some_and(|code| {
                [
                    &SqlState::T_R_SERIALIZATION_FAILURE,
                    &SqlState::T_R_DEADLOCK_DETECTED,
                    &SqlState::LOCK_NOT_AVAILABLE,
                    &SqlState::ADMIN_SHUTDOWN,
                    &SqlState::CRASH_SHUTDOWN,
                ]
                .contains(&code)
            });
        if again { Self::Again(said(error)) } else { Self::Never(said(error)) }
    }

    /// What an error of the commit itself means. Only where the database says that it has rolled back do we know.
    pub fn of_commit(error: &tokio_postgres::Error) -> Self {
        let rolled_back = [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED];
        if error.code().is_some_and(|code| rolled_back.contains(code)) {
            return Self::Again(said(error));
        }
        Self::Unknown(said(error))
    }

    /// The error, whatever it means.
    pub fn into_error(self) -> StoreError {
        match self {
            Self::Again(error) | Self::Never(error) | Self::Unknown(error) => error,
            Self::Busy => StoreError::Busy,
        }
    }
}

/// An error with what the database said.
pub fn said(error: &tokio_postgres::Error) -> StoreError {
    StoreError::Failed(error.as_db_error().map_or_else(|| error.to_string(), ToString::to_string))
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        said(&error)
    }
}

impl From<PoolError> for StoreError {
    fn from(error: PoolError) -> Self {
        match error {
            // Ours are all in use, or those of the whole database are.
            PoolError::Timeout(TimeoutType::Wait) => Self::Busy,
            PoolError::Backend(error) if error.code() == Some(&SqlState::TOO_MANY_CONNECTIONS) => Self::Busy,
            PoolError::Backend(error) => said(&error),
            error => Self::Failed(error.to_string()),
        }
    }
}

/// The connections of a process to its database.
#[derive(Clone, Debug)]
pub struct Link {
    pool: Pool,
}

impl Link {
    /// Connections to a database, at most so many; none is made yet.
    ///
    /// # Errors
    /// What is said of the database cannot be used.
    pub fn to(config: &Config, connections: usize) -> Result<Self, StoreError> {
        let mut config = config.clone();
        config.application_name("pay-cash").connect_timeout(CONNECT_WAIT);
        let kept = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = match config.get_ssl_mode() {
            SslMode::Require => Manager::from_config(config, tls::connector()?, kept),
            _ => Manager::from_config(config, NoTls, kept),
        };
        let prepare = Hook::async_fn(|client: &mut deadpool_postgres::ClientWrapper, _| {
            Box::pin(async move { client.batch_execute(SETTINGS).await.map_err(HookError::Backend) })
        });
        let pool = Pool::builder(manager)
            .max_size(connections)
            .wait_timeout(Some(CONNECT_WAIT))
            .create_timeout(Some(CONNECT_WAIT))
            .runtime(deadpool_postgres::Runtime::Tokio1)
            .post_create(prepare)
            .build();
        Ok(Self { pool: pool.map_err(|error| StoreError::Failed(error.to_string()))? })
    }

    /// A connection.
    ///
    /// # Errors
    /// The database cannot be reached, or all connections are busy.
    pub async fn client(&self) -> Result<Object, PoolError> {
        self.pool.get().await
    }

    /// Whether a load failed because its connection was cut, so that another one should be asked: a load changes nothing. A
    /// database that restarts cuts all of them at once; `cut` counts them.
    pub async fn was_cut(&self, client: &Object, cut: &mut usize) -> bool {
        *cut += 1;
        *cut <= self.pool.status().max_size && client.check_connection().await.is_err()
    }
}

/// Prepares statements, each once on each connection. Statements that are to follow each other without waiting have to
/// be prepared first.
pub async fn prepare<const N: usize>(client: &Object, sql: [&str; N]) -> Result<[Statement; N], StoreError> {
    let mut prepared = Vec::with_capacity(N);
    for sql in sql {
        prepared.push(client.prepare_cached(sql).await?);
    }
    prepared.try_into().map_err(|_| StoreError::Failed("a statement was lost".to_owned()))
}

/// Every row that a prepared statement finds.
pub async fn rows<T>(
    client: &Object,
    statement: &Statement,
    params: Params<'_>,
    read: impl Fn(&dyn Columns) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    client.query(statement, params).await?.iter().map(|row| read(row)).collect()
}

/// Every row that a statement finds.
pub async fn all<T>(
    client: &Object,
    sql: &str,
    params: Params<'_>,
    read: impl Fn(&dyn Columns) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let statement = client.prepare_cached(sql).await?;
    rows(client, &statement, params, read).await
}

impl Columns for Row {
    fn text(&self, name: &str) -> Result<Option<String>, StoreError> {
        self.try_get(name).map_err(|_| damaged(name))
    }

    fn number(&self, name: &str) -> Result<Option<i64>, StoreError> {
        self.try_get(name).map_err(|_| damaged(name))
    }

    fn bytes(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.try_get(name).map_err(|_| damaged(name))
    }
}
