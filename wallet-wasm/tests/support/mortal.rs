//! Death at any step: a worker that is killed stops where it waits, and never comes back.

use std::pin::pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use protocol::store::{ChangeSet, CommitFault, MemoryStore, Row, Rows, Store, StoreFault};

/// Counts the steps left to live; nothing means forever.
#[derive(Clone, Debug, Default)]
pub struct Life(Arc<Mutex<Option<usize>>>);

impl Life {
    /// Dies at the step of that number.
    pub fn ends_at(&self, step: usize) {
        *self.0.lock().expect("one thread") = Some(step);
    }

    /// Lives forever.
    pub fn goes_on(&self) {
        *self.0.lock().expect("one thread") = None;
    }

    /// One step: it is survived, or nothing ever follows.
    pub async fn step(&self) {
        let dies = {
            let mut left = self.0.lock().expect("one thread");
            match &mut *left {
                None => false,
                Some(0) => true,
                Some(left) => {
                    *left -= 1;
                    false
                }
            }
        };
        if dies {
            std::future::pending::<()>().await;
        }
    }
}

/// Runs a future whose every wait is a death. Nothing: it died, and is dropped with all it held.
pub fn lives<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// A store whose user may die before or after each commit.
#[derive(Clone, Debug)]
pub struct MortalStore {
    pub store: MemoryStore,
    pub life: Life,
}

#[async_trait]
impl Store for MortalStore {
    async fn load(&self, table: &'static str, key: &str) -> Result<Option<Row>, StoreFault> {
        self.store.load(table, key).await
    }

    async fn snapshot(&self, tables: &[&'static str]) -> Result<Vec<Rows>, StoreFault> {
        self.store.snapshot(tables).await
    }

    async fn commit(&self, changes: ChangeSet) -> Result<(), CommitFault> {
        self.life.step().await;
        let done = self.store.commit(changes).await;
        self.life.step().await;
        done
    }
}
