//! One run of the world: its schedule, its phases, its report, and the shortest schedule that still fails.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::atomic::Ordering;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::World;
use super::clockwork::{self, Tasks};
use super::fate::{self, Weather};
use super::genesis::Genesis;
use super::judge::{Ledger, Lie};
use super::logs;
use super::shopper::Script;

/// How long the calm lasts at most, milliseconds: longer than any session that hands open, and any pause of anybody.
const CALM_MILLIS: i64 = 30 * 60_000;

/// How long a story takes at most if nobody dies, milliseconds.
const STORY_MILLIS: i64 = 60_000;
/// How often it is looked whether everybody agrees by now, milliseconds.
const LOOK_MILLIS: i64 = 60_000;

/// What a run is made of; the same schedule gives the same run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Decides everything.
    pub seed: u64,
    /// How long things go wrong, milliseconds.
    pub busy_millis: i64,
    /// How wrong.
    pub weather: Weather,
    /// Moments at which the party concerned dies, whatever the weather.
    pub deaths: BTreeSet<u64>,
    /// Whether the operator takes fees.
    pub fees: bool,
}

impl Schedule {
    /// The schedule of a seed.
    pub fn of_seed(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed ^ 0x5ced_01e5);
        let weather = Weather::of(&mut rng);
        let busy_millis = rng.random_range(20_000..120_000);
        Self { seed, busy_millis, weather, deaths: BTreeSet::new(), fees: rng.random() }
    }

    /// A schedule in which nothing goes wrong but what is ordered.
    pub fn calm(seed: u64, busy_millis: i64, deaths: impl IntoIterator<Item = u64>) -> Self {
        Self { seed, busy_millis, weather: Weather::CALM, deaths: deaths.into_iter().collect(), fees: false }
    }

    /// A schedule in which the server's disk breaks now and then, and nothing else goes wrong but what is ordered.
    pub fn of_restores(seed: u64, busy_millis: i64, deaths: impl IntoIterator<Item = u64>) -> Self {
        let weather = Weather { restore: 20, ..Weather::CALM };
        Self { weather, ..Self::calm(seed, busy_millis, deaths) }
    }
}

/// What a run came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How many moments it had.
    pub moments: u64,
    /// Faults and events by name.
    pub counts: BTreeMap<&'static str, u64>,
    /// A digest of all that happened.
    pub trace: u64,
    /// Payments collected.
    pub payments: usize,
    /// Moments of the server in which its books were restored.
    pub restoring: Vec<u64>,
}

/// A run that the judge ended.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What is wrong.
    pub lie: Lie,
    /// What happened, if a diary was kept.
    pub diary: Vec<String>,
}

impl Genesis {
    /// Runs a schedule.
    ///
    /// # Errors
    /// What the judge found.
    pub fn run(&self, schedule: &Schedule, keep_diary: bool) -> Result<Report, Failure> {
        clockwork::begin(schedule.seed, self.millis());
        fate::begin(schedule.weather, schedule.deaths.clone(), keep_diary);
        report(logs::listening(|| self.phases(schedule)))
    }

    /// Everything once, from registration to unloading, between one shopper and one merchant, and a death at each of
    /// `deaths`.
    ///
    /// # Errors
    /// What the judge found.
    pub fn tell(&self, deaths: &[u64], keep_diary: bool) -> Result<Report, Failure> {
        clockwork::begin(1995, self.millis());
        fate::begin(Weather::CALM, deaths.iter().copied().collect(), keep_diary);
        let world = || self.world(Script::Story).for_two().begin();
        report(logs::listening(|| watch(&world(), self.millis() + STORY_MILLIS)))
    }

    /// The server's books at the end of a run.
    ///
    /// # Errors
    /// What the judge found.
    pub fn books_after(&self, schedule: &Schedule) -> Result<Ledger, Lie> {
        clockwork::begin(schedule.seed, self.millis());
        fate::begin(schedule.weather, schedule.deaths.clone(), false);
        self.phases(schedule)
    }

    fn phases(&self, schedule: &Schedule) -> Result<Ledger, Lie> {
        let busy_until = self.millis() + schedule.busy_millis;
        let world = self.world(Script::Anything(busy_until));
        let world = if schedule.fees { world.with_fees() } else { world };
        watch(&world.begin(), busy_until)
    }

    /// The shortest schedule that still fails, as far as `tries` runs find it: fewer faults, less time.
    pub fn shrink(&self, failing: Schedule, tries: usize) -> Schedule {
        let mut best = failing;
        let mut left = tries;
        loop {
            let shorter = Schedule { busy_millis: best.busy_millis / 2, ..best.clone() };
            let milder =
                best.weather.without_each().into_iter().map(|(_, weather)| Schedule { weather, ..best.clone() });
            let cheaper = best.fees.then(|| Schedule { fees: false, ..best.clone() });
            let candidates = std::iter::once(shorter).chain(milder).chain(cheaper);
            let found = candidates.take(left).find(|candidate| {
                left = left.saturating_sub(1);
                self.run(candidate, false).is_err()
            });
            match found {
                Some(found) if left > 0 => best = found,
                _ => return best,
            }
        }
    }
}

/// Lets things go wrong until `busy_until`, then waits until everybody agrees; yields the server's books.
pub(super) fn watch(world: &Rc<World>, busy_until: i64) -> Result<Ledger, Lie> {
    let mut tasks = Tasks::default();
    let mut seen = u64::MAX;
    let mut after_each = || {
        world.attend();
        // The books change with the server's writes only.
        let writes = world.office.writes.load(Ordering::Relaxed);
        if writes == seen {
            return Ok(());
        }
        seen = writes;
        world.look()
    };
    clockwork::run(&mut tasks, busy_until, &mut after_each)?;
    fate::calm_down();
    world.net.heal();
    let mut calm_until = busy_until;
    loop {
        calm_until += LOOK_MILLIS;
        clockwork::run(&mut tasks, calm_until, &mut after_each)?;
        match world.check_rest() {
            Ok(()) => break,
            Err(lie) if calm_until >= busy_until + CALM_MILLIS => return Err(lie),
            Err(_) => {}
        }
    }
    world.look()?;
    world.ledger()
}

fn report(result: Result<Ledger, Lie>) -> Result<Report, Failure> {
    let (moments, counts, trace, restoring) = (fate::moments(), fate::counts(), fate::trace(), fate::seen());
    let report = Report { moments, counts, trace, payments: 0, restoring };
    match result {
        Ok(books) => Ok(Report { payments: books.transactions.len(), ..report }),
        Err(lie) => Err(Failure { lie, diary: fate::diary() }),
    }
}
