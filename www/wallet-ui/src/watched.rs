//! What the worker holds, read again whenever it may have changed.

use leptos::{prelude::*, task::spawn_local};
use wallet_messages::{Action, Fault, Home, Phase, ReadState};

use crate::{browser, worker};

/// The output of a reading action, kept up to date.
pub struct Watched<A: Action<Output: Send + Sync + 'static> + Send + Sync + 'static> {
    action: StoredValue<A>,
    progress: StoredValue<Progress>,
    /// The last output; stays while a later reading fails.
    pub value: RwSignal<Option<A::Output>>,
    /// Why the last reading failed.
    pub fault: RwSignal<Option<Fault>>,
}

/// How far the reading is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    Idle,
    Asking,
    /// Something changed while the worker was asked: what it answers may already be old.
    AskAgain,
}

// Derived, these would ask for `A: Copy`.
impl<A: Action<Output: Send + Sync + 'static> + Send + Sync + 'static> Clone for Watched<A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A: Action<Output: Send + Sync + 'static> + Send + Sync + 'static> Copy for Watched<A> {}

impl<A> Watched<A>
where
    A: Action<Output: Clone + PartialEq + Send + Sync + 'static> + Clone + Send + Sync + 'static,
{
    /// Reads `action` now and after each change. For values that live as long as their page.
    pub fn new(action: A) -> Self {
        let watched = Self {
            action: StoredValue::new(action),
            progress: StoredValue::new(Progress::Idle),
            value: RwSignal::new(None),
            fault: RwSignal::new(None),
        };
        browser::on_change(move || watched.refresh());
        watched.refresh();
        watched
    }

    /// Reads something else from now on.
    pub fn ask(self, action: A) {
        self.action.set_value(action);
        self.refresh();
    }

    /// Reads again.
    pub fn refresh(self) {
        if self.progress.get_value() != Progress::Idle {
            self.progress.set_value(Progress::AskAgain);
            return;
        }
        self.progress.set_value(Progress::Asking);
        spawn_local(async move {
            let answer = worker::ask(&self.action.get_value()).await;
            self.take(answer);
            if self.progress.get_value() == Progress::AskAgain {
                self.progress.set_value(Progress::Idle);
                self.refresh();
            } else {
                self.progress.set_value(Progress::Idle);
            }
        });
    }

    /// Signals only what differs, so that a screen is not drawn anew under the shopper's hands.
    fn take(self, answer: Result<A::Output, Fault>) {
        let (value, fault) = match answer {
            Ok(value) => (Some(value), None),
            Err(fault) => (self.value.get_untracked(), Some(fault)),
        };
        if self.value.with_untracked(|old| *old != value) {
            self.value.set(value);
        }
        if self.fault.with_untracked(|old| *old != fault) {
            self.fault.set(fault);
        }
    }
}

/// The state of the wallet, as the pages share it.
pub type Wallet = Watched<ReadState>;

impl Wallet {
    /// Watches the wallet, for every component of this page.
    pub fn provide() -> Self {
        let wallet = Self::new(ReadState {});
        provide_context(wallet);
        wallet
    }

    /// The wallet that the page provided.
    pub fn here() -> Self {
        expect_context()
    }

    /// How far the wallet is; changes only when it really does.
    pub fn phase(self) -> Memo<Option<Phase>> {
        Memo::new(move |_| self.value.with(|state| state.as_ref().map(|state| state.phase)))
    }

    /// A part of the open wallet, or its default while it is not open; changes only when that part does.
    pub fn part<T>(self, part: impl Fn(&Home) -> T + Send + Sync + 'static) -> Memo<T>
    where
        T: Default + PartialEq + Send + Sync + 'static,
    {
        Memo::new(move |_| {
            self.value.with(|state| state.as_ref().and_then(|state| state.home.as_ref()).map(&part).unwrap_or_default())
        })
    }
}
