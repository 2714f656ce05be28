//! Group commit: one task gathers the change sets that are waiting, applies those that go together in one transaction,
//! and answers after the database has it. Each change set stands or falls alone.
//!
//! The statements of a transaction are sent together and answered together, so that a transaction costs two round trips
//! however many payments are in it. A change set that clashes with what another process stored is found by what the
//! statements did not return: the transaction is taken back and repeated without it, and it is told why, alone.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::Object;
use futures_util::future::try_join_all;
use tokio::sync::{mpsc, oneshot};

use super::super::chain::ChainHead;
use super::super::plan::Plan;
use super::super::queue::{MAX_GROUP, Room, Share};
use super::super::{ChangeSet, CommitError, Conflict, StoreError};
use super::apply::Script;
use super::command::{Command, RunError};
use super::group::{Key, Sums, Touched, join, touched};
use super::link::{Failure, Link, said};
use super::numbers::Numbers;
use super::why;

/// How often a transaction is tried that the database asks to repeat. Each time at least one of the racers gets through;
/// with the pauses this is a second or two.
const MAX_TRIES: u32 = 10;
/// The first pause before a repetition; each is up to twice as long as the one before.
const PAUSE: Duration = Duration::from_millis(2);
/// How many numbers of chains are tried, where other processes start at the same time.
const CHAIN_TRIES: usize = 100;

type Answer = Result<(), CommitError>;

/// A change set that waits for its transaction.
struct Job {
    set: ChangeSet,
    plan: Plan,
    touched: Touched,
    answer: oneshot::Sender<Answer>,
    share: Share,
}

/// The way to the committing task, which ends when this is dropped.
#[derive(Debug)]
pub struct Committer {
    jobs: mpsc::UnboundedSender<Job>,
    room: Room,
}

impl Committer {
    /// Starts the task.
    pub fn start(link: Link, numbers: Arc<Numbers>) -> Self {
        let (jobs, waiting) = mpsc::unbounded_channel();
        tokio::spawn(work(Writer { link, numbers, head: None }, waiting));
        Self { jobs, room: Room::new() }
    }

    /// Commits a change set.
    ///
    /// # Errors
    /// See [`CommitError`].
    pub async fn commit(&self, set: ChangeSet) -> Answer {
        let plan = Plan::of(&set)?;
        let share = self.room.take(&set)?;
        let touched = touched(&plan, &set);
        let (answer, answered) = oneshot::channel();
        self.jobs.send(Job { set, plan, touched, answer, share }).map_err(|_| gone())?;
        answered.await.unwrap_or_else(|_| Err(gone()))
    }
}

fn gone() -> CommitError {
    StoreError::Failed("the committer has ended".to_owned()).into()
}

async fn work(mut writer: Writer, mut waiting: mpsc::UnboundedReceiver<Job>) {
    let mut queue = VecDeque::new();
    loop {
        if queue.is_empty() {
            let Some(first) = waiting.recv().await else { return };
            queue.push_back(first);
        }
        let mut changes: usize = queue.iter().map(|job: &Job| job.share.weight()).sum();
        while changes < MAX_GROUP {
            let Ok(job) = waiting.try_recv() else { break };
            changes += job.share.weight();
            queue.push_back(job);
        }
        let group = take_group(&mut queue);
        writer.settle(group).await;
    }
}

/// Takes those that go together with the first; the others keep their order.
fn take_group(queue: &mut VecDeque<Job>) -> Vec<Job> {
    let (mut group, mut together) = (Vec::new(), Touched::new());
    for _ in 0..queue.len() {
        let Some(job) = queue.pop_front() else { break };
        if join(&mut together, &job.touched) {
            group.push(job);
        } else {
            queue.push_back(job);
        }
    }
    group
}

fn answer(jobs: impl IntoIterator<Item = Job>, said: &Answer) {
    for job in jobs {
        // Nobody waiting any more is fine: the message will be sent again, and find its answer in the log.
        let _ = job.answer.send(said.clone());
    }
}

/// What became of a transaction.
enum Outcome {
    /// It is stored.
    Done,
    /// It is not: somebody else's changes are in the way.
    Clash(Vec<Key>),
    /// It is not, and this is why.
    Refused(Conflict),
}

/// The only writer of a chain of the journal.
struct Writer {
    link: Link,
    numbers: Arc<Numbers>,
    /// The last row of our chain; nothing before the first row, or where we cannot know.
    head: Option<ChainHead>,
}

impl Writer {
    /// Applies a group and answers each of its change sets.
    async fn settle(&mut self, mut group: Vec<Job>) {
        let mut alone = Vec::new();
        while !group.is_empty() {
            match self.apply(&group).await {
                Ok(Outcome::Clash(keys)) if group.len() > 1 => {
                    let in_the_way = |job: &Job| keys.iter().any(|key| job.touched.contains_key(key));
                    let (suspects, others) = group.into_iter().partition::<Vec<Job>, _>(in_the_way);
                    // A clash over what nobody touched would go on for ever.
                    let known = !suspects.is_empty();
                    alone.extend(suspects);
                    if known {
                        group = others;
                    } else {
                        group = Vec::new();
                        alone.extend(others);
                    }
                }
                outcome => {
                    answer(group.drain(..), &as_answer(outcome));
                }
            }
        }
        for job in alone {
            let outcome = self.apply(std::slice::from_ref(&job)).await;
            answer([job], &as_answer(outcome));
        }
    }

    /// Applies a group, as often as the database asks for it.
    async fn apply(&mut self, group: &[Job]) -> Result<Outcome, CommitError> {
        for tries in 0..MAX_TRIES {
            match self.attempt(group).await {
                Ok(outcome) => return Ok(outcome),
                Err(Failure::Again(error)) => {
                    tracing::debug!(%error, "a transaction is repeated");
                    tokio::time::sleep(pause(tries)).await;
                }
                Err(Failure::Busy) => return Err(CommitError::Busy),
                Err(failure) => {
                    // Whether our last rows are there is not known; a chain of our own is quickly had.
                    self.head = None;
                    let error = failure.into_error();
                    tracing::error!(%error, "a commit failed");
                    return Err(error.into());
                }
            }
        }
        Err(CommitError::Busy)
    }

    async fn attempt(&mut self, group: &[Job]) -> Result<Outcome, Failure> {
        let client = self.link.client().await?;
        let head = match self.head {
            Some(head) => head,
            None => *self.head.insert(new_chain(&client).await?),
        };
        let sets: Vec<&ChangeSet> = group.iter().map(|job| &job.set).collect();
        let sums = Sums::of(group.iter().map(|job| (&job.plan, &job.set)));
        let script = Script::of(&sets, &sums, head, self.numbers.given())?;
        let outcome = match send(&client, &script.commands).await {
            Ok(clashes) if clashes.is_empty() => {
                client.batch_execute("COMMIT").await.map_err(|error| Failure::of_commit(&error))?;
                self.head = Some(script.head);
                return Ok(Outcome::Done);
            }
            Ok(clashes) => match group {
                [job] => why::refused(&client, &job.plan, &job.set, &clashes).await.map(Outcome::Refused),
                _ => Ok(Outcome::Clash(clashes)),
            },
            Err(failure) => Err(failure),
        };
        roll_back(client).await;
        outcome
    }
}

/// Sends the beginning of a transaction and its statements without waiting in between; yields what they clash over.
async fn send(client: &Object, commands: &[Command<'_>]) -> Result<Vec<Key>, Failure> {
    let mut statements = Vec::with_capacity(commands.len());
    for command in commands {
        let prepared = client.prepare_cached(command.sql).await;
        statements.push(prepared.map_err(|error| Failure::of(&error))?);
    }
    let run = try_join_all(commands.iter().zip(&statements).map(|(command, statement)| command.run(client, statement)));
    // Polled in this order, and what is polled is sent.
    let (begun, ran) = tokio::join!(biased; client.batch_execute("BEGIN"), run);
    begun.map_err(|error| Failure::of(&error))?;
    match ran {
        Ok(clashes) => Ok(clashes.into_iter().flatten().collect()),
        Err(RunError::Sql(error)) => Err(Failure::of(&error)),
        Err(RunError::Row(error)) => Err(Failure::Never(error)),
    }
}

async fn roll_back(client: Object) {
    if let Err(error) = client.batch_execute("ROLLBACK").await {
        tracing::debug!(error = %said(&error), "a connection is given up");
        // Nobody else shall get it as it is.
        drop(Object::take(client));
    }
}

/// A chain of the journal that nobody else writes (see `chain`).
async fn new_chain(client: &Object) -> Result<ChainHead, Failure> {
    let sql = "INSERT INTO journal_chain (chain, number, hash)
               SELECT COALESCE(MAX(chain), 0) + 1, 0, $1::bytea FROM journal_chain
               ON CONFLICT DO NOTHING RETURNING chain";
    let empty = ChainHead::empty(0);
    for _ in 0..CHAIN_TRIES {
        let made = client.query_opt(sql, &[&empty.hash.as_slice()]).await.map_err(|error| Failure::of(&error))?;
        if let Some(row) = made {
            let chain: i64 = row.try_get(0).map_err(StoreError::from)?;
            let chain = u32::try_from(chain).map_err(|_| StoreError::Failed("there are too many chains".to_owned()))?;
            return Ok(ChainHead::empty(chain));
        }
    }
    Err(Failure::Never(StoreError::Failed("no chain is to be had".to_owned())))
}

fn as_answer(outcome: Result<Outcome, CommitError>) -> Answer {
    match outcome? {
        Outcome::Done => Ok(()),
        Outcome::Refused(conflict) => Err(conflict.into()),
        // Alone, a change set is told why; this would be a clash over nothing.
        Outcome::Clash(_) => Err(CommitError::Busy),
    }
}

/// How long to wait before a repetition: a random part of a time that doubles, so that racers come apart.
fn pause(tries: u32) -> Duration {
    let longest = PAUSE * 2_u32.pow(tries);
    longest.mul_f64(rand::random_range(0.5..1.0))
}
