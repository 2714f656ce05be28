//! The clockwork of a simulated world: one thread, a clock that jumps from event to event, and tasks in an order that a
//! seed decides.
//!
//! It lives in a thread-local, since futures of the server's store have to be `Send` and so can carry no handle of it.
//! Two worlds on two threads know nothing of each other.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// Whose a task is: a party of the world, or nobody's (the network).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner(pub u8);

type Task = Pin<Box<dyn Future<Output = ()>>>;

struct Clockwork {
    now_millis: i64,
    rng: StdRng,
    timers: BTreeMap<(i64, u64), Waker>,
    next_timer: u64,
    born: Vec<(Owner, Task)>,
    killed: Vec<Owner>,
}

thread_local! {
    static CLOCKWORK: RefCell<Option<Clockwork>> = const { RefCell::new(None) };
}

fn with<T>(work: impl FnOnce(&mut Clockwork) -> T) -> T {
    CLOCKWORK.with_borrow_mut(|clockwork| work(clockwork.as_mut().expect("invariant: a world is running")))
}

/// Begins a world on this thread; what was before is gone.
pub fn begin(seed: u64, now_millis: i64) {
    let rng = StdRng::seed_from_u64(seed);
    let fresh =
        Clockwork { now_millis, rng, timers: BTreeMap::new(), next_timer: 0, born: Vec::new(), killed: Vec::new() };
    CLOCKWORK.set(Some(fresh));
}

/// The true time, milliseconds since 1970; no party knows it.
pub fn now_millis() -> i64 {
    with(|clockwork| clockwork.now_millis)
}

/// Asks the seed.
pub fn random<T>(ask: impl FnOnce(&mut StdRng) -> T) -> T {
    with(|clockwork| ask(&mut clockwork.rng))
}

/// Whether something happens that does so in `per_mille` of 1,000 cases.
pub fn happens(per_mille: u32) -> bool {
    per_mille > 0 && random(|rng| rng.random_range(0..1_000) < per_mille)
}

/// A number of a range, both ends included.
pub fn between(low: i64, high: i64) -> i64 {
    random(|rng| rng.random_range(low..=high))
}

/// One of several.
pub fn one_of<T>(several: &[T]) -> &T {
    &several[random(|rng| rng.random_range(0..several.len()))]
}

/// Random numbers of one's own.
pub fn fork() -> StdRng {
    random(StdRng::from_rng)
}

/// Starts a task.
pub fn spawn(owner: Owner, task: impl Future<Output = ()> + 'static) {
    with(|clockwork| clockwork.born.push((owner, Box::pin(task))));
}

/// Ends all tasks of a party at the next opportunity, where they stand.
pub fn kill(owner: Owner) {
    with(|clockwork| clockwork.killed.push(owner));
}

/// Waits.
pub fn sleep(millis: i64) -> Sleep {
    Sleep { until: now_millis() + millis.max(0), armed: false }
}

/// See [`sleep`].
#[derive(Debug)]
pub struct Sleep {
    until: i64,
    armed: bool,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if now_millis() >= self.until && self.armed {
            return Poll::Ready(());
        }
        // A new waker each time: who polls may have changed. A wake too many is harmless.
        self.armed = true;
        let until = self.until;
        with(|clockwork| {
            clockwork.next_timer += 1;
            clockwork.timers.insert((until, clockwork.next_timer), context.waker().clone());
        });
        Poll::Pending
    }
}

struct Alarm(AtomicBool);

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

struct Running {
    owner: Owner,
    alarm: Arc<Alarm>,
    task: Task,
}

/// Runs the world until `until_millis`, or until nothing is left to do. `after_each` sees it after each step of any task.
///
/// # Errors
/// What `after_each` finds.
pub fn run<E>(tasks: &mut Tasks, until_millis: i64, mut after_each: impl FnMut() -> Result<(), E>) -> Result<(), E> {
    loop {
        tasks.settle();
        let ready: Vec<_> = (0..tasks.0.len()).filter(|at| tasks.0[*at].alarm.0.load(Ordering::Relaxed)).collect();
        if ready.is_empty() {
            if !advance(until_millis) {
                return Ok(());
            }
            continue;
        }
        let chosen = *one_of(&ready);
        tasks.poll(chosen);
        tasks.settle();
        after_each()?;
    }
}

/// Goes to the next event; false if there is none before the end.
fn advance(until_millis: i64) -> bool {
    with(|clockwork| {
        let Some((&(at, _), _)) = clockwork.timers.first_key_value() else { return false };
        if at > until_millis {
            clockwork.now_millis = clockwork.now_millis.max(until_millis);
            return false;
        }
        clockwork.now_millis = clockwork.now_millis.max(at);
        while let Some(entry) = clockwork.timers.first_entry() {
            if entry.key().0 > clockwork.now_millis {
                break;
            }
            entry.remove().wake();
        }
        true
    })
}

/// The tasks of a world.
#[derive(Default)]
pub struct Tasks(Vec<Running>);

impl Tasks {
    /// Takes in what was started, and drops what was killed. What a dropped task starts or kills is seen to as well.
    fn settle(&mut self) {
        loop {
            let (born, killed) = with(|work| (std::mem::take(&mut work.born), std::mem::take(&mut work.killed)));
            if born.is_empty() && killed.is_empty() {
                return;
            }
            let fresh = |(owner, task)| Running { owner, alarm: Arc::new(Alarm(AtomicBool::new(true))), task };
            self.0.extend(born.into_iter().map(fresh));
            self.0.retain(|running| !killed.contains(&running.owner));
        }
    }

    fn poll(&mut self, at: usize) {
        let Running { alarm, task, .. } = &mut self.0[at];
        alarm.0.store(false, Ordering::Relaxed);
        let waker = Waker::from(Arc::clone(alarm));
        if task.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
            drop(self.0.swap_remove(at));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;

    fn order_of(seed: u64) -> Vec<u32> {
        begin(seed, 0);
        let seen: Rc<RefCell<Vec<u32>>> = Rc::default();
        for number in 0..6 {
            let seen = Rc::clone(&seen);
            spawn(Owner(1), async move {
                sleep(10).await;
                seen.borrow_mut().push(number);
            });
        }
        run::<()>(&mut Tasks::default(), 1_000, || Ok(())).expect("nothing looks");
        seen.take()
    }

    #[test]
    fn one_seed_is_one_order() {
        assert_eq!(order_of(7), order_of(7));
        assert!((0..20).any(|seed| order_of(seed) != order_of(7)));
    }

    #[test]
    fn the_killed_do_not_go_on() {
        begin(1, 0);
        let seen: Rc<RefCell<Vec<i64>>> = Rc::default();
        for (owner, millis) in [(1, 5), (1, 50), (2, 50)] {
            let seen = Rc::clone(&seen);
            spawn(Owner(owner), async move {
                sleep(millis).await;
                seen.borrow_mut().push(now_millis());
            });
        }
        spawn(Owner(3), async {
            sleep(20).await;
            kill(Owner(1));
        });
        run::<()>(&mut Tasks::default(), 1_000, || Ok(())).expect("nothing looks");
        assert_eq!(seen.take(), [5, 50]);
    }
}
