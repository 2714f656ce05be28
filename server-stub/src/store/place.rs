//! Where the books are, as every subcommand that opens them is told on its command line.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::sqlite::SqliteBooks;
use super::{Books, SqliteStore, Store, StoreError};

/// Arguments of every subcommand that opens the books.
#[derive(Clone, Debug, clap::Args)]
pub struct Place {
    /// Where the books and the server's keys are kept; made at the first start. Back it up as a whole.
    #[arg(long, value_name = "DIR")]
    pub data_dir: PathBuf,
}

/// The folder of the secrets, within the data directory.
const KEYS: &str = "keys";

impl Place {
    /// Opens the store, or makes it.
    ///
    /// # Errors
    /// It cannot be opened or made, or was written by a newer version.
    #[allow(clippy::unused_async, reason = "a database is opened over the network")]
    pub async fn open(&self) -> Result<Arc<dyn Store>, StoreError> {
        Ok(Arc::new(SqliteStore::open(&self.data_dir)?))
    }

    /// The books, to be read without changing anything, whether a server runs there or not.
    pub fn books(&self) -> Box<dyn Books> {
        Box::new(SqliteBooks::open(&self.data_dir))
    }

    /// The folder of what belongs to the server and is not in the store; it has to be made first.
    pub fn folder(&self) -> &Path {
        &self.data_dir
    }

    /// The folder of the server's secrets.
    pub fn keys(&self) -> PathBuf {
        self.folder().join(KEYS)
    }
}
