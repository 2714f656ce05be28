//! Group commit: one thread owns the writing connection, gathers what is waiting into one transaction, and answers after
//! it is durable. Each change set stands or falls alone.
//!
//! After a commit that the disk has failed, the connection is closed, and the books are opened anew before the next commit,
//! as at a start: the log is written once more (`log`). As long as that fails, everything is refused.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use protocol::buggify::{Site, strikes};
use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::super::plan::Plan;
use super::super::queue::{MAX_GROUP, Room, Share};
use super::super::{ChangeSet, CommitError, StoreError};
use super::apply::apply;
use super::live::{After, OpenSessions};
use super::{load, open_writer};

/// How long a slow disk takes ([`Site::SlowDisk`]).
const SLOW: Duration = Duration::from_millis(50);

type Answer = Result<(), CommitError>;

struct Job {
    set: ChangeSet,
    plan: Plan,
    answer: oneshot::Sender<Answer>,
    share: Share,
}

/// The way to the committing thread, which has ended, and closed the books, when this is dropped.
#[derive(Debug)]
pub struct Committer {
    /// Nothing at the very end.
    jobs: Option<mpsc::UnboundedSender<Job>>,
    thread: Option<JoinHandle<()>>,
    room: Room,
}

impl Committer {
    /// Starts the thread over the connection to the books at a path; without one, they are opened for the first commit.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(path: PathBuf, connection: Option<Connection>, open: Arc<OpenSessions>) -> Result<Self, StoreError> {
        let (jobs, waiting) = mpsc::unbounded_channel();
        let thread = std::thread::Builder::new().name("committer".to_owned());
        let version = connection.as_ref().map(data_version).transpose()?.unwrap_or_default();
        let books = Writable { path, connection, version, open };
        let thread =
            thread.spawn(move || work(books, waiting)).map_err(|error| StoreError::Failed(error.to_string()))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread), room: Room::new() })
    }

    /// Commits a change set.
    ///
    /// # Errors
    /// See [`CommitError`].
    pub async fn commit(&self, set: ChangeSet) -> Answer {
        let plan = Plan::of(&set)?;
        if strikes(Site::CommitQueueFull) {
            return Err(CommitError::Busy);
        }
        let share = self.room.take(&set)?;
        let (answer, answered) = oneshot::channel();
        let jobs = self.jobs.as_ref().ok_or_else(gone)?;
        jobs.send(Job { set, plan, answer, share }).map_err(|_| gone())?;
        answered.await.unwrap_or_else(|_| Err(gone()))
    }
}

impl Drop for Committer {
    /// What was asked for is still done; that the process may end before would leave the log to whoever comes next.
    fn drop(&mut self) {
        self.jobs.take();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the committer panicked");
        }
    }
}

fn gone() -> CommitError {
    StoreError::Failed("the committer has ended".to_owned()).into()
}

/// The books as the thread has them.
struct Writable {
    path: PathBuf,
    /// Nothing before the first commit, where nobody has opened them, and after one that failed.
    connection: Option<Connection>,
    /// As [`data_version`] was at the last commit.
    version: i64,
    /// What is held of them.
    open: Arc<OpenSessions>,
}

impl Writable {
    fn commit(&mut self, group: &[Job]) -> Result<Vec<Answer>, StoreError> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.opened()?,
        };
        let answers = self.commit_over(connection, group);
        if answers.is_err() {
            // What the disk has of it is known when the books are opened anew.
            self.open.forget();
        }
        answers
    }

    fn opened(&mut self) -> Result<Connection, StoreError> {
        let connection = open_writer(&self.path)?;
        self.version = data_version(&connection)?;
        self.open.forget();
        Ok(connection)
    }

    /// The connection is kept if it has not failed.
    fn commit_over(&mut self, mut connection: Connection, group: &[Job]) -> Result<Vec<Answer>, StoreError> {
        let mut after = Vec::new();
        let answers = if self.all_at_once(&mut connection, group, &mut after)? {
            vec![Ok(()); group.len()]
        } else {
            self.each_alone(&mut connection, group, &mut after)?
        };
        self.connection = Some(connection);
        let jobs = group.iter().zip(&answers);
        jobs.clone().filter(|(_, answer)| answer.is_err()).for_each(|(job, _)| self.open.doubt(&job.plan));
        self.open.committed(jobs.filter(|(_, answer)| answer.is_ok()).map(|(job, _)| &job.set), after);
        Ok(answers)
    }

    /// Commits the group without a way back for a single one of them, which would keep a copy of every page that is
    /// changed. False, and nothing is changed, if one does not apply.
    fn all_at_once(
        &mut self,
        connection: &mut Connection,
        group: &[Job],
        after: &mut Vec<After>,
    ) -> Result<bool, StoreError> {
        let transaction = self.begin(connection)?;
        let mut head = load::last_entry(&transaction)?;
        for job in group {
            match apply(&transaction, &job.plan, &job.set, head, after) {
                Ok(next) => head = next,
                // The transaction is rolled back when it is dropped.
                Err(_) => return Ok(false),
            }
        }
        durable(transaction)?;
        Ok(true)
    }

    /// Commits each change set of the group that applies, in a savepoint of its own.
    fn each_alone(
        &mut self,
        connection: &mut Connection,
        group: &[Job],
        after: &mut Vec<After>,
    ) -> Result<Vec<Answer>, StoreError> {
        after.clear();
        let mut transaction = self.begin(connection)?;
        let mut answers = Vec::with_capacity(group.len());
        let mut head = load::last_entry(&transaction)?;
        for job in group {
            let savepoint = transaction.savepoint()?;
            let before = after.len();
            let applied = apply(&savepoint, &job.plan, &job.set, head, after);
            // A savepoint that is not committed rolls back when it is dropped.
            match &applied {
                Ok(next) => {
                    savepoint.commit()?;
                    head = *next;
                }
                // A full disk makes SQLite give the whole transaction up. Whatever came after would stand alone, without
                // the rows of the chain before it.
                Err(CommitError::Store(error)) if savepoint.is_autocommit() => return Err(error.clone()),
                Err(_) => after.truncate(before),
            }
            answers.push(applied.map(|_| ()));
        }
        durable(transaction)?;
        Ok(answers)
    }

    /// Begins to write. Whoever else wrote (`admin`, a second process by mistake) is seen now: the head of the chain is
    /// read anew each time, and what was held before is not trusted.
    fn begin<'c>(&mut self, connection: &'c mut Connection) -> Result<Transaction<'c>, StoreError> {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let version = data_version(&transaction)?;
        if version != self.version {
            self.version = version;
            self.open.forget();
        }
        Ok(transaction)
    }
}

/// A number that is another one when another connection has changed the books meanwhile.
fn data_version(connection: &Connection) -> Result<i64, StoreError> {
    Ok(connection.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))?)
}

fn work(mut books: Writable, mut waiting: mpsc::UnboundedReceiver<Job>) {
    while let Some(first) = waiting.blocking_recv() {
        let group = gather(first, &mut waiting);
        let answers = books.commit(&group).unwrap_or_else(|error| {
            tracing::error!(%error, "a commit failed");
            vec![Err(error.into()); group.len()]
        });
        for (job, answer) in group.into_iter().zip(answers) {
            let answer = if strikes(Site::AnswerLost) { Err(gone()) } else { answer };
            // Nobody waiting any more is fine: the message will be sent again, and find its answer in the log.
            let _ = job.answer.send(answer);
        }
    }
}

/// The first, and what else is waiting.
fn gather(first: Job, waiting: &mut mpsc::UnboundedReceiver<Job>) -> Vec<Job> {
    let mut changes = first.share.weight();
    let mut group = vec![first];
    while changes < MAX_GROUP {
        let Ok(job) = waiting.try_recv() else { break };
        changes += job.share.weight();
        group.push(job);
    }
    group
}

fn durable(transaction: Transaction<'_>) -> Result<(), StoreError> {
    if strikes(Site::SlowDisk) {
        std::thread::sleep(SLOW);
    }
    Ok(transaction.commit()?)
}
