//! One thing that is being asked of the worker: at most once at a time, with what went wrong.

use leptos::{prelude::*, task::spawn_local};
use wallet_messages::{Action, Fault};

use crate::worker;

/// The state of a button: whether it works, and what went wrong last.
#[derive(Clone, Copy)]
pub struct Task {
    /// True while the worker is asked.
    pub busy: RwSignal<bool>,
    /// What went wrong the last time.
    pub fault: RwSignal<Option<Fault>>,
}

impl Task {
    /// A task that was not started yet.
    pub fn new() -> Self {
        Self { busy: RwSignal::new(false), fault: RwSignal::new(None) }
    }

    /// Asks for `action`, then calls `then` with its output. Does nothing while the task runs: a double click asks once.
    pub fn run<A: Action + 'static>(self, action: A, then: impl FnOnce(A::Output) + 'static) {
        if self.busy.get_untracked() {
            return;
        }
        self.busy.set(true);
        self.fault.set(None);
        spawn_local(async move {
            let answer = worker::ask(&action).await;
            // The screen may be gone by now, and its signals with it.
            if self.busy.try_set(false).is_some() {
                return;
            }
            match answer {
                Ok(output) => then(output),
                Err(fault) => self.fault.set(Some(fault)),
            }
        });
    }
}
