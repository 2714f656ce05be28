//! The lane of public-key operations: a few at once, and a bound on what may wait, so that no flood of registrations and
//! openings takes the processors away from payments.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::metrics;

/// A lane that is a few operations wide.
#[derive(Debug)]
pub struct Lane {
    /// Operations that run.
    running: Semaphore,
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

impl Lane {
    /// A lane `width` operations wide (0: half the processors, one at the least), with `waiting` places.
    pub fn new(width: usize, waiting: usize) -> Self {
        let half = || std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).max(1));
        let width = if width == 0 { half() } else { width };
        let all_places = waiting.min(Semaphore::MAX_PERMITS);
        let running = Semaphore::new(width.min(Semaphore::MAX_PERMITS));
        Self { running, places: Arc::new(Semaphore::new(all_places)), all_places, operations: AtomicU64::new(0) }
    }

    /// A place for a request; nothing if all are taken.
    pub fn place(&self) -> Option<Place> {
        let permit = self.places.clone().try_acquire_owned().ok()?;
        let place = Place { permit: Some(permit), places: self.places.clone(), all_places: self.all_places };
        place.tell();
        Some(place)
    }

    /// Runs an operation when it is its turn; who came first, comes first.
    pub async fn run<T>(&self, operation: impl FnOnce() -> T) -> T {
        let turn = self.running.acquire().await;
        let done = operation();
        drop(turn);
        self.operations.fetch_add(1, Ordering::Relaxed);
        done
    }

    /// How many operations were done.
    pub fn operations(&self) -> u64 {
        self.operations.load(Ordering::Relaxed)
    }

    /// How many operations could start now.
    pub fn idle(&self) -> usize {
        self.running.available_permits()
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
        assert!(lane.place().is_none(), "two places");
        drop(first);
        assert!(lane.place().is_some());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn no_more_run_at_once_than_the_lane_is_wide() {
        let (lane, running, most) = (Arc::new(Lane::new(2, 64)), Arc::new(AtomicUsize::new(0)), AtomicUsize::new(0));
        let most = Arc::new(most);
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..64 {
            let (lane, running, most) = (lane.clone(), running.clone(), most.clone());
            tasks.spawn(async move {
                lane.run(|| {
                    most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    std::thread::yield_now();
                    running.fetch_sub(1, Ordering::SeqCst);
                })
                .await;
            });
        }
        tasks.join_all().await;
        assert!((1..=2).contains(&most.load(Ordering::SeqCst)));
        assert_eq!(lane.idle(), 2);
    }
}
