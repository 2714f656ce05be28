//! The store in SQLite: write-ahead log, `synchronous=FULL`, one committer, any number of readers.

mod apply;
mod committer;
mod live;
mod load;
mod log;
mod schema;
mod statement;

use std::collections::{HashMap, HashSet};
use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use protocol::date::Date;
use protocol::money::Currency;
use protocol::persona::PersonaId;
use protocol::value::{Function, Index, OrderId, SessionId};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use self::committer::Committer;
use self::live::{Known, OpenSessions};
use super::record::{Attempts, Charge, Epoch, InstrumentId, LogKey, Report, Session, Transaction};
use super::row;
use super::{
    BookReader, Books, Change, ChangeSet, Collected, CommitError, Logged, PersonaFile, Refund, Setting, Signer,
    Statement, Store, StoreError, Window,
};

/// The file in the data directory.
pub const FILE: &str = "books.sqlite";
/// The journal's only chain: there is one committer.
const CHAIN: u32 = 1;
/// Prepared statements kept by each connection: more than there are.
const STATEMENTS: usize = 64;
/// How many pages of 4 KiB the write-ahead log grows to before they are written home: a page that many payments touch is
/// then written once. 32 MiB are read again after a crash.
const CHECKPOINT_PAGES: i64 = 8_192;
/// What the writing connection may keep in memory, KiB.
const WRITER_CACHE_KIB: i64 = 64 * 1_024;
/// How long a connection waits for another process (an audit, a backup) to let go.
const BUSY_WAIT: Duration = Duration::from_secs(5);
/// How many sessions are read at once at the start.
const AT_ONCE: usize = 4_096;
/// Connections that are kept open for reading; more are opened where more are needed at once.
const KEPT_READERS: usize = 8;

/// A store in one file.
#[derive(Debug)]
pub struct SqliteStore {
    path: PathBuf,
    readers: Mutex<Vec<Connection>>,
    open: Arc<OpenSessions>,
    committer: Committer,
    last_session: AtomicU64,
}

impl SqliteStore {
    /// Opens the store in `folder`, or makes it.
    ///
    /// # Errors
    /// The file cannot be opened, or was written by a newer version.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join(FILE);
        let writer = open_writer(&path)?;
        let last_session = last_session(&writer)?;
        let store = Self::over(path, last_session, Some(writer))?;
        if let Err(error) = store.remember() {
            // A row that cannot be read is told to whoever asks for it; the audit names it.
            tracing::warn!(%error, "open sessions are read when they are asked for");
        }
        Ok(store)
    }

    /// Opens the store of a folder in which a server may be running: it is there and of this version, and nothing is written
    /// before something is changed.
    ///
    /// # Errors
    /// The file cannot be opened, or was written by another version.
    pub fn open_beside(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join(FILE);
        let last_session = last_session(&open_reader(&path)?)?;
        Self::over(path, last_session, None)
    }

    fn over(path: PathBuf, last_session: u64, writer: Option<Connection>) -> Result<Self, StoreError> {
        let open = Arc::new(OpenSessions::default());
        let committer = Committer::start(path.clone(), writer, open.clone())?;
        Ok(Self { path, readers: Mutex::default(), open, committer, last_session: last_session.into() })
    }

    /// Reads the open sessions, so that the first payment of each costs what the others do: a million takes seconds.
    fn remember(&self) -> Result<(), StoreError> {
        let mut last = 0;
        while !self.open.is_full() {
            let moment = self.open.moment();
            let found = self.read(|connection| load::open_sessions(connection, last, AT_ONCE))?;
            let Some(newest) = found.last() else { break };
            last = newest.session.id.number();
            self.open.learn(moment, found);
        }
        Ok(())
    }

    /// Runs a load on a connection of its own, within one snapshot.
    fn read<T>(&self, load: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let kept = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = kept.map_or_else(|| open_reader(&self.path), Ok)?;
        connection.prepare_cached("BEGIN")?.execute([])?;
        let loaded = load(&connection);
        connection.prepare_cached("COMMIT")?.execute([])?;
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if readers.len() < KEPT_READERS {
            readers.push(connection);
        }
        loaded
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn persona(&self, id: &PersonaId) -> Result<Option<PersonaFile>, StoreError> {
        self.read(|connection| load::persona_file(connection, id))
    }

    async fn signer(&self, id: &PersonaId) -> Result<Option<Signer>, StoreError> {
        self.read(|connection| load::signer(connection, id))
    }

    async fn passphrase(&self, id: &PersonaId) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(|connection| load::passphrase(connection, id))
    }

    async fn taken(&self, ids: &[PersonaId]) -> Result<HashSet<PersonaId>, StoreError> {
        self.read(|connection| load::taken(connection, ids))
    }

    async fn logged(&self, key: &LogKey) -> Result<Option<Logged>, StoreError> {
        self.read(|connection| load::logged(connection, key))
    }

    async fn file_and_answer(
        &self,
        id: &PersonaId,
        key: &LogKey,
    ) -> Result<(Option<PersonaFile>, Option<Logged>), StoreError> {
        // A snapshot of its own for each would read again what others have changed in between.
        self.read(|connection| Ok((load::persona_file(connection, id)?, load::logged(connection, key)?)))
    }

    async fn answer_and_signer(
        &self,
        key: &LogKey,
        id: &PersonaId,
    ) -> Result<(Option<Logged>, Option<Signer>), StoreError> {
        self.read(|connection| Ok((load::logged(connection, key)?, load::signer(connection, id)?)))
    }

    async fn answer_and_session(
        &self,
        key: &LogKey,
        id: &SessionId,
    ) -> Result<(Option<Logged>, Option<Session>), StoreError> {
        if let LogKey::Collection(_, index) = key
            && let Some(session) = self.open.unanswered(id, *index)
        {
            return Ok((None, Some(session)));
        }
        let moment = self.open.moment();
        let (logged, found) = self.read(|connection| {
            Ok((load::logged(connection, key)?, load::found(connection, std::slice::from_ref(id))?))
        })?;
        let session = found.first().map(|found| found.session.clone());
        self.open.learn(moment, found);
        Ok((logged, session))
    }

    async fn sessions_and_collected(
        &self,
        ids: &[SessionId],
        keys: &[(SessionId, Index)],
    ) -> Result<(HashMap<u64, Session>, Collected), StoreError> {
        let Known { mut sessions, missing, used, moment } = self.open.known(ids, keys);
        if missing.is_empty() && used.is_empty() {
            return Ok((sessions, Collected::new()));
        }
        let (found, collected) =
            self.read(|connection| Ok((load::found(connection, &missing)?, load::collected(connection, &used)?)))?;
        sessions.extend(found.iter().map(|found| (found.session.id.number(), found.session.clone())));
        self.open.learn(moment, found);
        Ok((sessions, collected))
    }

    async fn sessions(&self, ids: &[SessionId]) -> Result<HashMap<u64, Session>, StoreError> {
        self.read(|connection| load::sessions(connection, ids))
    }

    async fn collected(&self, keys: &[(SessionId, Index)]) -> Result<Collected, StoreError> {
        self.read(|connection| load::collected(connection, keys))
    }

    async fn history(&self, session: &SessionId, limit: usize) -> Result<Vec<Transaction>, StoreError> {
        self.read(|connection| load::history(connection, session, limit))
    }

    async fn refunds(&self, session: &SessionId, index: Index) -> Result<Vec<Refund>, StoreError> {
        self.read(|connection| statement::refunds(connection, session, index))
    }

    async fn statement(&self, id: &PersonaId, window: Window, limit: usize) -> Result<Option<Statement>, StoreError> {
        self.read(|connection| statement::statement(connection, id, window, limit))
    }

    async fn charge(&self, persona: &PersonaId, date: Date, reference: &str) -> Result<Option<Charge>, StoreError> {
        self.read(|connection| load::charge(connection, persona, date, reference))
    }

    async fn moved_since(
        &self,
        persona: &PersonaId,
        instrument: InstrumentId,
        currency: Currency,
        function: Function,
        since: Date,
    ) -> Result<i64, StoreError> {
        self.read(|connection| load::moved_since(connection, persona, instrument, currency, function, since))
    }

    async fn attempts(&self, id: &PersonaId) -> Result<Option<Attempts>, StoreError> {
        self.read(|connection| load::attempts(connection, id))
    }

    async fn due(&self, now: Date, limit: usize) -> Result<Vec<PersonaId>, StoreError> {
        self.read(|connection| load::due(connection, now, limit))
    }

    async fn epoch(&self) -> Result<Option<Epoch>, StoreError> {
        self.read(load::epoch)
    }

    async fn payments_of(
        &self,
        order: &OrderId,
        payee: Option<&PersonaId>,
        after: (u64, u16),
        limit: usize,
    ) -> Result<Vec<Transaction>, StoreError> {
        self.read(|connection| load::payments_of(connection, order, payee, after, limit))
    }

    async fn reports(&self, after: (Date, [u8; 32]), limit: usize) -> Result<Vec<Report>, StoreError> {
        self.read(|connection| load::reports(connection, after, limit))
    }

    async fn report(&self, hash: &[u8; 32]) -> Result<Option<Report>, StoreError> {
        self.read(|connection| load::report(connection, hash))
    }

    async fn settings(&self) -> Result<Vec<Setting>, StoreError> {
        self.read(load::settings)
    }

    async fn new_session_id(&self) -> Result<SessionId, StoreError> {
        Ok(SessionId::of_number(self.last_session.fetch_add(1, Ordering::Relaxed) + 1))
    }

    async fn commit(&self, set: ChangeSet) -> Result<(), CommitError> {
        for change in &set.changes {
            let taken = match change {
                // Numbers that did not come from us (an import, a test) are not given again.
                Change::Open(session) => session.id.number(),
                Change::Epoch(epoch) => epoch.sessions_after(),
                _ => continue,
            };
            self.last_session.fetch_max(taken, Ordering::Relaxed);
        }
        self.committer.commit(set).await
    }
}

#[async_trait]
impl Books for SqliteStore {
    async fn show(&self, see: &mut BookReader<'_>) -> Result<(), StoreError> {
        self.read(|connection| load::books(connection, see))
    }
}

/// The books of a folder, to be read without changing anything, whether a server runs there or not.
#[derive(Clone, Debug)]
pub struct SqliteBooks {
    path: PathBuf,
}

impl SqliteBooks {
    /// The books in `folder`.
    pub fn open(folder: &Path) -> Self {
        Self { path: folder.join(FILE) }
    }
}

#[async_trait]
impl Books for SqliteBooks {
    async fn show(&self, see: &mut BookReader<'_>) -> Result<(), StoreError> {
        let connection = open_reader(&self.path)?;
        connection.execute_batch("BEGIN")?;
        load::books(&connection, see)
    }
}

/// Copies the books of one file, of any version, into another, which must not exist: as they are at one moment, whether a
/// server runs on them or not. The copy gets its name when it is whole and on the disk.
///
/// # Errors
/// The one cannot be read, or the other exists or cannot be written.
pub fn copy(from: &Path, to: &Path) -> Result<(), StoreError> {
    let half = with_ending(to, ".partial");
    let copied = copy_whole(from, &half).and_then(|()| name_once(&half, to));
    let _ = std::fs::remove_file(&half);
    copied
}

fn copy_whole(from: &Path, to: &Path) -> Result<(), StoreError> {
    let connection = open_any(from)?;
    // What an interrupted copy left behind was never used.
    let _ = std::fs::remove_file(to);
    let file =
        OpenOptions::new().create_new(true).write(true).mode(0o600).open(to).map_err(|error| fault(to, &error))?;
    let name = to.to_str().ok_or_else(|| StoreError::Failed(format!("{}: not a name in UTF-8", to.display())))?;
    connection.execute("VACUUM INTO ?1", [name])?;
    file.sync_all().map_err(|error| fault(to, &error))
}

/// Gives a file a name that no file has.
fn name_once(half: &Path, to: &Path) -> Result<(), StoreError> {
    std::fs::hard_link(half, to).map_err(|error| fault(to, &error))?;
    // The name is on the disk when its folder is.
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| fault(to, &error))
}

fn fault(path: &Path, error: &std::io::Error) -> StoreError {
    StoreError::Failed(format!("{}: {error}", path.display()))
}

/// A file's path with something appended to it.
fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut longer = path.as_os_str().to_owned();
    longer.push(ending);
    longer.into()
}

fn open_writer(path: &Path) -> Result<Connection, StoreError> {
    // The keys of open sessions are in there; the log beside it gets the same mode. A file that is there stays shut:
    // closing it would drop every lock that this process has on it (fcntl(2)), its readers' among them, and another process
    // that took itself for the last one would delete the log under us.
    match OpenOptions::new().create_new(true).write(true).mode(0o600).open(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            return Err(fault(path, &error));
        }
        _ => {}
    }
    let mut connection = Connection::open(path)?;
    patient(&connection)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // An answer is sent only after its effects are on the disk.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", "ON")?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    schema::migrate(&mut connection)?;
    log::write_anew(&mut connection, path)?;
    Ok(connection)
}

fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let connection = open_any(path)?;
    schema::check(&connection)?;
    Ok(connection)
}

/// Opens books of any version, to be read.
fn open_any(path: &Path) -> Result<Connection, StoreError> {
    let connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    patient(&connection)?;
    Ok(connection)
}

/// The largest number that a session has, or that a restore has left out.
fn last_session(connection: &Connection) -> Result<u64, StoreError> {
    let last: i64 = connection.query_row("SELECT COALESCE(MAX(id), 0) FROM session_130", [], |row| row.get(0))?;
    let last = u64::try_from(last).map_err(|_| row::damaged("id"))?;
    Ok(last.max(load::epoch(connection)?.map_or(0, |epoch| epoch.sessions_after())))
}

/// Makes a connection wait for another's lock, and keep its statements: a plan that looked at a parameter's value would be
/// made anew for each value.
fn patient(connection: &Connection) -> Result<(), StoreError> {
    connection.busy_timeout(BUSY_WAIT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Failed(error.to_string())
    }
}
