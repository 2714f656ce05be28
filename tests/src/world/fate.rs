//! What goes wrong, when: the weather of a run, and the moments at which a party may die.
//!
//! Each durable write, each send and each receive of a party is a moment. Moments are numbered as they come, so that a
//! run can be repeated with a death at exactly one of them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;

use protocol::buggify;
use rand::RngExt as _;
use rand::rngs::StdRng;

use super::clockwork::{self, Owner, happens, now_millis};

/// How bad it gets; all chances in 1,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weather {
    /// A letter or its answer is lost.
    pub lost: u32,
    /// A letter arrives more than once.
    pub repeated: u32,
    /// A bit of a letter or its answer flips.
    pub altered: u32,
    /// The longest a letter takes, milliseconds. Letters that take different times overtake each other.
    pub delay_millis: u32,
    /// A link is cut when somebody looks for work to do, for up to half a minute.
    pub cut: u32,
    /// A party dies at a moment.
    pub death: u32,
    /// A write fails, and nothing of it is stored.
    pub write_fault: u32,
    /// A write is stored, and yet reported as failed.
    pub write_doubt: u32,
    /// A write takes long.
    pub slow_disk: u32,
    /// A party's clock jumps when somebody looks for work to do.
    pub clock_jump: u32,
    /// The server's clock jumps, likewise.
    pub server_clock: u32,
    /// The server's disk breaks for good, likewise, and its last backup takes its place. Backups are made where this is not 0.
    pub restore: u32,
    /// A branch is taken that is rare in earnest ([`protocol::buggify`]).
    pub rare: u32,
}

impl Weather {
    /// Nothing goes wrong.
    pub const CALM: Self = Self {
        lost: 0,
        repeated: 0,
        altered: 0,
        delay_millis: 20,
        cut: 0,
        death: 0,
        write_fault: 0,
        write_doubt: 0,
        slow_disk: 0,
        clock_jump: 0,
        server_clock: 0,
        restore: 0,
        rare: 0,
    };

    /// The weather of a seed: each kind of fault is away in one run of three, and up to its worst in the others.
    pub fn of(rng: &mut StdRng) -> Self {
        let mut up_to = |worst: u32| if rng.random_range(0..3) == 0 { 0 } else { rng.random_range(0..=worst) };
        Self {
            lost: up_to(300),
            repeated: up_to(500),
            altered: up_to(50),
            cut: up_to(60),
            death: up_to(15),
            write_fault: up_to(100),
            write_doubt: up_to(50),
            slow_disk: up_to(100),
            clock_jump: up_to(20),
            delay_millis: up_to(5_000).max(20),
            server_clock: up_to(10),
            restore: up_to(20),
            rare: up_to(150),
        }
    }

    /// Each fault under its name.
    pub(super) fn faults(&mut self) -> [(&'static str, &mut u32); 13] {
        [
            ("lost", &mut self.lost),
            ("repeated", &mut self.repeated),
            ("altered", &mut self.altered),
            ("delay", &mut self.delay_millis),
            ("cut", &mut self.cut),
            ("death", &mut self.death),
            ("write-fault", &mut self.write_fault),
            ("write-doubt", &mut self.write_doubt),
            ("slow-disk", &mut self.slow_disk),
            ("clock-jump", &mut self.clock_jump),
            ("server-clock", &mut self.server_clock),
            ("restore", &mut self.restore),
            ("rare", &mut self.rare),
        ]
    }

    /// The names of the faults that are not away, and this weather without each of them: what a shrinker tries.
    pub fn without_each(self) -> Vec<(&'static str, Self)> {
        let names = Self { ..Self::CALM }.faults().map(|(name, _)| name);
        let away = names.into_iter().map(|name| {
            let mut milder = self;
            milder.calm(name);
            (name, milder)
        });
        away.filter(|(_, milder)| *milder != self).collect()
    }

    /// A fault stays away.
    pub(super) fn calm(&mut self, name: &str) {
        let mut calm = Self::CALM;
        let faults = self.faults().into_iter().zip(calm.faults());
        faults.filter(|((own, _), _)| *own == name).for_each(|((_, fault), (_, calm))| *fault = *calm);
    }
}

/// The moment before a write: whoever dies at it has not written.
pub const WRITES: &str = "writes";
/// The moment after a write: whoever dies at it has written, and does not know.
pub const WROTE: &str = "wrote";

#[derive(Default)]
struct Fate {
    weather: Option<Weather>,
    /// As it was at the beginning.
    began: Option<Weather>,
    /// Deaths that are ordered, by number of moment.
    deaths: BTreeSet<u64>,
    moments: u64,
    /// Whose moments are written down.
    watched: Option<Owner>,
    /// Those moments.
    seen: Vec<u64>,
    dead: Vec<Owner>,
    /// What happened, by name.
    counts: BTreeMap<&'static str, u64>,
    /// A running digest of everything that happened, to tell whether two runs were the same.
    trace: u64,
    diary: Option<Vec<String>>,
}

thread_local! {
    static FATE: RefCell<Fate> = RefCell::default();
}

/// Begins a run. `deaths` are moments at which the party concerned dies, whatever the weather.
pub fn begin(weather: Weather, deaths: BTreeSet<u64>, keep_diary: bool) {
    let diary = keep_diary.then(Vec::new);
    FATE.set(Fate { weather: Some(weather), began: Some(weather), deaths, diary, ..Fate::default() });
    buggify::throw(Some(|site| strikes(site.name(), |weather| weather.rare)));
}

/// The weather at the beginning of the run.
pub fn began() -> Weather {
    FATE.with_borrow(|fate| fate.began.unwrap_or(Weather::CALM))
}

/// The weather now.
pub fn weather() -> Weather {
    FATE.with_borrow(|fate| fate.weather.unwrap_or(Weather::CALM))
}

/// Nothing goes wrong from now on.
pub fn calm_down() {
    FATE.with_borrow_mut(|fate| fate.weather = None);
}

/// Counts a thing that happened.
pub fn count(name: &'static str) {
    FATE.with_borrow_mut(|fate| *fate.counts.entry(name).or_default() += 1);
}

/// Counts a thing if it happened.
pub fn count_if(happened: bool, name: &'static str) {
    if happened {
        count(name);
    }
}

/// What happened how often.
pub fn counts() -> BTreeMap<&'static str, u64> {
    FATE.with_borrow(|fate| fate.counts.clone())
}

/// How many moments there were.
pub fn moments() -> u64 {
    FATE.with_borrow(|fate| fate.moments)
}

/// From now on, the moments of a party are written down; or nobody's.
pub fn watch(party: Option<Owner>) {
    FATE.with_borrow_mut(|fate| fate.watched = party);
}

/// The moments that were written down.
pub fn seen() -> Vec<u64> {
    FATE.with_borrow(|fate| fate.seen.clone())
}

/// A digest of the run so far.
pub fn trace() -> u64 {
    FATE.with_borrow(|fate| fate.trace)
}

/// Notes what happened; the words are only made where a diary is kept.
pub fn note(party: Owner, what: &'static str, words: impl FnOnce() -> String) {
    let now = now_millis();
    FATE.with_borrow_mut(|fate| {
        let news = what.bytes().fold(u64::from(party.0) ^ now.unsigned_abs(), |sum, byte| {
            sum.wrapping_mul(0x0100_0000_01b3) ^ u64::from(byte)
        });
        fate.trace = fate.trace.rotate_left(5).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ news;
        let moments = fate.moments;
        if let Some(diary) = &mut fate.diary {
            diary.push(format!("{now} #{moments} party {} {what} {}", party.0, words()));
        }
    });
}

/// The diary, if one was kept.
pub fn diary() -> Vec<String> {
    FATE.with_borrow_mut(|fate| fate.diary.take().unwrap_or_default())
}

/// Those who died since this was last asked.
pub fn take_dead() -> Vec<Owner> {
    FATE.with_borrow_mut(|fate| std::mem::take(&mut fate.dead))
}

/// Whether a fault of this chance happens; counts it if so.
pub fn strikes(name: &'static str, chance: impl FnOnce(&Weather) -> u32) -> bool {
    let strikes = happens(chance(&weather()));
    if strikes {
        count(name);
    }
    strikes
}

/// A party dies where it stands.
pub fn die(party: Owner) {
    note(party, "dies", String::new);
    count("deaths");
    clockwork::kill(party);
    FATE.with_borrow_mut(|fate| fate.dead.push(party));
}

/// A moment at which `party` may die; then this never returns.
pub async fn moment(party: Owner, what: &'static str) {
    let ordered = FATE.with_borrow_mut(|fate| {
        fate.moments += 1;
        if fate.watched == Some(party) {
            let moment = fate.moments;
            fate.seen.push(moment);
        }
        fate.deaths.contains(&fate.moments)
    });
    note(party, what, String::new);
    if ordered || happens(weather().death) {
        match what {
            WRITES => count("writes lost with the dead"),
            WROTE => count("writes of the dead"),
            _ => {}
        }
        die(party);
        pending::<()>().await;
    }
}
