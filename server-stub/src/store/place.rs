//! Where the books are, as every subcommand that opens them is told on its command line.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::postgres::{self, PostgresBooks};
use super::sqlite::SqliteBooks;
use super::{Books, PostgresStore, SqliteStore, Store, StoreError};

/// Arguments of every subcommand that opens the books: one of a folder and a database.
#[derive(Clone, Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub struct Place {
    /// Keep the books (SQLite) and the server's keys in this folder; made at the first start. `server-stub backup` copies
    /// the books, also while a server runs; the keys are copied apart.
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Keep the books in this PostgreSQL database, which several servers can share: `postgres://USER:PASSWORD@HOST/NAME`.
    #[arg(long, value_name = "URL")]
    pub database: Option<tokio_postgres::Config>,
}

/// Arguments of every subcommand that needs the server's keys.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct KeyPlace {
    /// The folder of the server's keys; all servers on one database have the same files. Without it, `DATA_DIR/keys`.
    #[arg(long, value_name = "DIR", required_unless_present = "data_dir")]
    pub keys_dir: Option<PathBuf>,
}

/// The folder of the keys, within the data directory.
const KEYS: &str = "keys";

impl Place {
    /// A folder.
    pub fn in_folder(path: &Path) -> Self {
        Self { data_dir: Some(path.to_owned()), database: None }
    }

    /// The folder of the books, where they are files.
    ///
    /// # Errors
    /// They are in a database.
    pub fn folder(&self) -> Result<&Path, StoreError> {
        let tools = "a database is copied and restored by its own tools: pg_dump, pg_basebackup";
        self.data_dir.as_deref().ok_or_else(|| StoreError::Failed(tools.to_owned()))
    }

    /// Opens the store, or makes it.
    ///
    /// # Errors
    /// It cannot be opened or made, or was written by a newer version.
    pub async fn open(&self) -> Result<Arc<dyn Store>, StoreError> {
        self.open_with(postgres::CONNECTIONS).await
    }

    /// The same, with so many connections at the most where the books are in a database.
    ///
    /// # Errors
    /// As above.
    pub async fn open_with(&self, connections: usize) -> Result<Arc<dyn Store>, StoreError> {
        Ok(match self.either()? {
            Either::Folder(path) => Arc::new(SqliteStore::open(path)?),
            Either::Database(config) => Arc::new(PostgresStore::open_with(config, connections).await?),
        })
    }

    /// Opens the store beside a server that may be running on it: it is neither made nor brought up to date, and nothing is
    /// written before something is changed.
    ///
    /// # Errors
    /// It cannot be opened, or was written by another version.
    pub async fn open_beside(&self) -> Result<Arc<dyn Store>, StoreError> {
        Ok(match self.either()? {
            Either::Folder(path) => Arc::new(SqliteStore::open_beside(path)?),
            Either::Database(config) => Arc::new(PostgresStore::open(config).await?),
        })
    }

    /// The books, to be read without changing anything, whether a server runs there or not.
    ///
    /// # Errors
    /// It is not said where.
    pub fn books(&self) -> Result<Box<dyn Books>, StoreError> {
        Ok(match self.either()? {
            Either::Folder(path) => Box::new(SqliteBooks::open(path)),
            Either::Database(config) => Box::new(PostgresBooks::open(config.clone())),
        })
    }

    fn either(&self) -> Result<Either<'_>, StoreError> {
        match (&self.data_dir, &self.database) {
            (Some(path), None) => Ok(Either::Folder(path)),
            (None, Some(config)) => Ok(Either::Database(config)),
            _ => Err(StoreError::Failed("say where the books are: a folder or a database".to_owned())),
        }
    }
}

enum Either<'a> {
    Folder(&'a Path),
    Database(&'a tokio_postgres::Config),
}

impl KeyPlace {
    /// The folder of the keys; nothing if it is not said where.
    pub fn folder(&self, place: &Place) -> Option<PathBuf> {
        self.keys_dir.clone().or_else(|| place.data_dir.as_ref().map(|path| path.join(KEYS)))
    }
}
