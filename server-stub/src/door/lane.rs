//! The lane of public-key operations: threads of their own that stand back for everything else, and a bound on what may
//! wait, so that no flood of registrations and openings takes the processors away from payments.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::metrics;

/// How much the threads stand back (nice(2)): where a payment and an opening want the same processor, the payment gets
/// ten times as much of it, and gets it at once; where nobody else wants it, openings have all of it.
const NICENESS: i32 = 10;

/// Something to do.
type Job = Box<dyn FnOnce() + Send>;

/// A lane that is a few operations wide.
#[derive(Debug)]
pub struct Lane {
    /// The way to the threads, which end when this is dropped; nothing where whoever asks does it.
    jobs: Option<Sender<Job>>,
    /// Requests that are under way, running or not.
    places: Arc<Semaphore>,
    all_places: usize,
    operations: AtomicU64,
}

/// The place of a request that is under way.
#[derive(Debug)]
pub struct Place {
    permit: Option<OwnedSemaphorePermit>,
    places: Arc<Semaphore>,
    all_places: usize,
}

/// An operation came to no end: it panicked, or there is no thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost;

impl Lane {
    /// A lane `width` operations wide (0: as many as there are processors), with `waiting` places.
    pub fn new(width: usize, waiting: usize) -> Self {
        let width = if width == 0 { std::thread::available_parallelism().map_or(1, usize::from) } else { width };
        Self { jobs: Some(start(width)), ..Self::inline(waiting) }
    }

    /// A lane without threads, in which everyone does their own work: for simulations, which go by turns of their own.
    pub fn inline(waiting: usize) -> Self {
        let all_places = waiting.min(Semaphore::MAX_PERMITS);
        let places = Arc::new(Semaphore::new(all_places));
        Self { jobs: None, places, all_places, operations: AtomicU64::new(0) }
    }

    /// A place for a request; nothing if all are taken.
    pub fn place(&self) -> Option<Place> {
        let permit = self.places.clone().try_acquire_owned().ok()?;
        let place = Place { permit: Some(permit), places: self.places.clone(), all_places: self.all_places };
        place.tell();
        Some(place)
    }

    /// Whether all places are taken.
    pub fn is_full(&self) -> bool {
        self.places.available_permits() == 0
    }

    /// Runs an operation when it is its turn; who came first, comes first.
    ///
    /// # Errors
    /// See [`Lost`].
    pub async fn run<T: Send + 'static>(&self, operation: impl FnOnce() -> T + Send + 'static) -> Result<T, Lost> {
        self.operations.fetch_add(1, Ordering::Relaxed);
        let Some(jobs) = &self.jobs else { return Ok(operation()) };
        let (done, doing) = oneshot::channel();
        // Whoever does not wait any more has hung up.
        let job = move || drop(done.send(operation()));
        jobs.send(Box::new(job)).map_err(|_| Lost)?;
        doing.await.map_err(|_| Lost)
    }

    /// How many operations were begun.
    pub fn operations(&self) -> u64 {
        self.operations.load(Ordering::Relaxed)
    }
}

/// Starts so many threads. Where the system gives none, nobody listens, and every operation is [`Lost`].
fn start(width: usize) -> Sender<Job> {
    let (jobs, waiting) = mpsc::channel();
    let waiting = Arc::new(Mutex::new(waiting));
    for n in 0..width {
        let (name, waiting) = (format!("public-key-{n}"), waiting.clone());
        if let Err(error) = std::thread::Builder::new().name(name).spawn(move || work(&waiting)) {
            tracing::error!(%error, "no thread for public-key work");
        }
    }
    jobs
}

fn work(waiting: &Mutex<Receiver<Job>>) {
    stand_back();
    loop {
        // One thread waits for a job, the others for that one.
        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else { break };
        // A panic is told where it happens; whoever waits learns that the operation is lost, and the thread lives on.
        let _ = catch_unwind(AssertUnwindSafe(job));
    }
}

/// Gives this thread the lower priority.
fn stand_back() {
    // On Linux each thread has a priority of its own; elsewhere this would be the whole process's.
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::warn!(%error, "public-key work has the same priority as payments");
    }
}

impl Place {
    fn tell(&self) {
        metrics::waiting(self.all_places - self.places.available_permits());
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.permit.take();
        self.tell();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[test]
    fn places_are_bounded_and_come_back() {
        let lane = Lane::new(1, 2);
        let (first, second) = (lane.place(), lane.place());
        assert!(first.is_some() && second.is_some());
        assert!(lane.place().is_none() && lane.is_full(), "two places");
        drop(first);
        assert!(!lane.is_full() && lane.place().is_some());
    }

    #[tokio::test]
    async fn no_more_run_at_once_than_the_lane_is_wide() {
        let (lane, running, most) = (Arc::new(Lane::new(2, 64)), Arc::new(AtomicUsize::new(0)), AtomicUsize::new(0));
        let most = Arc::new(most);
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..64 {
            let (lane, running, most) = (lane.clone(), running.clone(), most.clone());
            tasks.spawn(async move {
                let operation = move || {
                    most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    std::thread::yield_now();
                    running.fetch_sub(1, Ordering::SeqCst);
                };
                lane.run(operation).await
            });
        }
        assert!(tasks.join_all().await.iter().all(Result::is_ok));
        assert!((1..=2).contains(&most.load(Ordering::SeqCst)));
        assert_eq!(lane.operations(), 64);
    }

    #[tokio::test]
    async fn an_operation_that_panics_is_lost_and_the_next_one_is_done() {
        let lane = Lane::new(1, 1);
        assert_eq!(lane.run(|| panic!("a rehearsal")).await, Err::<(), _>(Lost));
        assert_eq!(lane.run(|| 7).await, Ok(7));
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn the_threads_stand_back_and_nobody_else_does() {
        let niceness = || rustix::process::getpriority_process(None).expect("a priority");
        let ours = niceness();
        let theirs = Lane::new(1, 1).run(niceness).await;
        assert_eq!((theirs, niceness()), (Ok(NICENESS), ours));
    }
}
