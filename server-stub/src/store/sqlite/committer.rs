//! Group commit: one thread owns the writing connection, gathers what is waiting into one transaction, and answers after
//! it is durable. Each change set stands or falls alone, in a savepoint of its own.

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::super::plan::Plan;
use super::super::{ChangeSet, CommitError, StoreError};
use super::apply::apply;
use super::load;

/// How many change sets may wait; with one more the caller is told `busy`. At a few thousand commits a second this is
/// less than a second of waiting.
const MAX_WAITING: usize = 1_024;
/// How many change sets share a transaction: enough to make the disk's part small, few enough to answer soon.
const MAX_GROUP: usize = 256;

type Answer = Result<(), CommitError>;

struct Job {
    set: ChangeSet,
    plan: Plan,
    answer: oneshot::Sender<Answer>,
}

/// The way to the committing thread, which ends when this is dropped.
#[derive(Debug)]
pub struct Committer {
    jobs: mpsc::Sender<Job>,
}

impl Committer {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(connection: Connection) -> Result<Self, StoreError> {
        let (jobs, waiting) = mpsc::channel(MAX_WAITING);
        let thread = std::thread::Builder::new().name("committer".to_owned());
        thread.spawn(move || work(connection, waiting)).map_err(|error| StoreError(error.to_string()))?;
        Ok(Self { jobs })
    }

    /// Commits a change set.
    ///
    /// # Errors
    /// See [`CommitError`].
    pub async fn commit(&self, set: ChangeSet) -> Answer {
        let plan = Plan::of(&set)?;
        let (answer, answered) = oneshot::channel();
        self.jobs.try_send(Job { set, plan, answer }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => CommitError::Busy,
            mpsc::error::TrySendError::Closed(_) => gone(),
        })?;
        answered.await.unwrap_or_else(|_| Err(gone()))
    }
}

fn gone() -> CommitError {
    StoreError("the committer has ended".to_owned()).into()
}

fn work(mut connection: Connection, mut waiting: mpsc::Receiver<Job>) {
    while let Some(first) = waiting.blocking_recv() {
        let mut group = vec![first];
        while let Some(job) = (group.len() < MAX_GROUP).then(|| waiting.try_recv().ok()).flatten() {
            group.push(job);
        }
        let answers = commit_group(&mut connection, &group).unwrap_or_else(|error| {
            tracing::error!(%error, "a commit failed");
            vec![Err(error.into()); group.len()]
        });
        for (job, answer) in group.into_iter().zip(answers) {
            // Nobody waiting any more is fine: the message will be sent again, and find its answer in the log.
            let _ = job.answer.send(answer);
        }
    }
}

fn commit_group(connection: &mut Connection, group: &[Job]) -> Result<Vec<Answer>, StoreError> {
    let mut transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut answers = Vec::with_capacity(group.len());
    // Read anew for each group: whoever else wrote (a restore, a second process by mistake) is in the chain, too.
    let mut head = load::last_entry(&transaction)?;
    for job in group {
        let savepoint = transaction.savepoint()?;
        let applied = apply(&savepoint, &job.plan, &job.set, head);
        // A savepoint that is not committed rolls back when it is dropped.
        if let Ok(next) = applied {
            savepoint.commit()?;
            head = next;
        }
        answers.push(applied.map(|_| ()));
    }
    transaction.commit()?;
    Ok(answers)
}
