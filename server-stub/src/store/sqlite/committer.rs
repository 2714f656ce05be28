//! Group commit: one thread owns the writing connection, gathers what is waiting into one transaction, and answers after
//! it is durable. Each change set stands or falls alone.
//!
//! After a commit that the disk has failed, the connection is closed, and the books are opened anew before the next commit,
//! as at a start: the log is written once more (`log`). As long as that fails, everything is refused.

use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::Duration;

use protocol::buggify::{Site, strikes};
use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::super::plan::Plan;
use super::super::queue::{MAX_GROUP, Room, Share};
use super::super::{ChangeSet, CommitError, StoreError};
use super::apply::apply;
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
    pub fn start(path: PathBuf, connection: Option<Connection>) -> Result<Self, StoreError> {
        let (jobs, waiting) = mpsc::unbounded_channel();
        let thread = std::thread::Builder::new().name("committer".to_owned());
        let books = Writable { path, connection };
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
}

impl Writable {
    fn commit(&mut self, group: &[Job]) -> Result<Vec<Answer>, StoreError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => open_writer(&self.path)?,
        };
        let answers = commit_group(&mut connection, group)?;
        self.connection = Some(connection);
        Ok(answers)
    }
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

/// Commits all at once; where one of them does not apply, each stands or falls alone.
fn commit_group(connection: &mut Connection, group: &[Job]) -> Result<Vec<Answer>, StoreError> {
    if all_at_once(connection, group)? {
        return Ok(vec![Ok(()); group.len()]);
    }
    each_alone(connection, group)
}

/// Commits the group without a way back for a single one of them, which would keep a copy of every page that is changed.
/// False, and nothing is changed, if one does not apply.
fn all_at_once(connection: &mut Connection, group: &[Job]) -> Result<bool, StoreError> {
    let transaction = begin(connection)?;
    let mut head = load::last_entry(&transaction)?;
    for job in group {
        match apply(&transaction, &job.plan, &job.set, head) {
            Ok(next) => head = next,
            // The transaction is rolled back when it is dropped.
            Err(_) => return Ok(false),
        }
    }
    durable(transaction)?;
    Ok(true)
}

/// Commits each change set of the group that applies, in a savepoint of its own.
fn each_alone(connection: &mut Connection, group: &[Job]) -> Result<Vec<Answer>, StoreError> {
    let mut transaction = begin(connection)?;
    let mut answers = Vec::with_capacity(group.len());
    let mut head = load::last_entry(&transaction)?;
    for job in group {
        let savepoint = transaction.savepoint()?;
        let applied = apply(&savepoint, &job.plan, &job.set, head);
        // A savepoint that is not committed rolls back when it is dropped.
        match &applied {
            Ok(next) => {
                savepoint.commit()?;
                head = *next;
            }
            // A full disk makes SQLite give the whole transaction up. Whatever came after would stand alone, without the
            // rows of the chain before it.
            Err(CommitError::Store(error)) if savepoint.is_autocommit() => return Err(error.clone()),
            Err(_) => {}
        }
        answers.push(applied.map(|_| ()));
    }
    durable(transaction)?;
    Ok(answers)
}

/// Begins to write. The head of the chain is read anew each time: whoever else wrote (a restore, a second process by
/// mistake) is in it, too.
fn begin(connection: &mut Connection) -> Result<Transaction<'_>, StoreError> {
    Ok(connection.transaction_with_behavior(TransactionBehavior::Immediate)?)
}

fn durable(transaction: Transaction<'_>) -> Result<(), StoreError> {
    if strikes(Site::SlowDisk) {
        std::thread::sleep(SLOW);
    }
    Ok(transaction.commit()?)
}
