//! Change sets that share a transaction: which can, and what they come to together.
//!
//! Two change sets can be applied as one where the order between them does not matter: both add to or take from the same
//! session or container, say. Where one of them needs a thing as it was, or makes it what it was not, it has that thing
//! for itself.

use std::collections::{BTreeMap, HashMap};

use protocol::date::Date;
use protocol::money::Currency;
use protocol::persona::PersonaId;

use super::super::plan::{Expected, Plan, SessionStep};
use super::super::record::{LogKey, SessionEnd};
use super::super::{Account, Change, ChangeSet};

/// Something that change sets can clash over.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    /// A persona, or what is its own.
    Persona(PersonaId),
    /// A session.
    Session(u64),
    /// A container.
    Container(PersonaId, Currency),
    /// A payer's index.
    Index(u64, u16),
    /// A refund of a payment.
    Refund(u64, u16, u32),
    /// A key of the message log: its columns.
    Log(i64, String, i64),
    /// A load on hold.
    Load(u64),
    /// Wrong passphrases for an id.
    Attempts(PersonaId),
    /// Something that the operator sets.
    Setting(String, String),
    /// The beginning of an epoch.
    Epoch(u64),
}

/// The key of a log entry. A number that no column can hold clashes with nothing, and is refused when it is stored.
pub fn log_key(key: &LogKey) -> Key {
    super::super::row::log_key(key)
        .map_or_else(|_| Key::Log(-1, format!("{key:?}"), 0), |(kind, owner, number)| Key::Log(kind, owner, number))
}

/// How a change set touches a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touch {
    /// Others may touch it as well.
    Shared,
    /// Nobody else may.
    Alone,
}

/// What a change set touches.
pub type Touched = HashMap<Key, Touch>;

/// What a change set touches.
pub fn touched(plan: &Plan, set: &ChangeSet) -> Touched {
    let mut touched = Touched::new();
    for (session, step) in &plan.sessions {
        let shared = step.end.is_none() && !matches!(step.expected, Expected::Exactly(..));
        touched.insert(Key::Session(*session), if shared { Touch::Shared } else { Touch::Alone });
    }
    for (owner, currency) in plan.containers.keys() {
        touched.insert(Key::Container(owner.clone(), *currency), Touch::Shared);
    }
    let conditions = plan.personas.iter().map(|(id, _)| Key::Persona(id.clone()));
    let changes = set.changes.iter().filter_map(alone);
    touched.extend(conditions.chain(changes).map(|key| (key, Touch::Alone)));
    touched
}

/// What a change must have for itself.
fn alone(change: &Change) -> Option<Key> {
    Some(match change {
        Change::Register(persona) | Change::Update(persona) => Key::Persona(persona.id.clone()),
        Change::Revise(id)
        | Change::PutInstrument(id, _)
        | Change::PutChallenge(id, _)
        | Change::RemoveChallenge(id, _) => Key::Persona(id.clone()),
        Change::Cleared(load) => Key::Load(*load),
        Change::Open(session) => Key::Session(session.id.number()),
        Change::Memo(session, _) => Key::Session(*session),
        Change::Collect(t) => Key::Index(t.payer_session.number(), t.payer_index.get()),
        Change::Refund(refund) => Key::Refund(refund.payer_session.number(), refund.payer_index.get(), refund.number),
        Change::Log(entry) => log_key(&entry.key),
        Change::Attempts { id, .. } => Key::Attempts(id.clone()),
        Change::Set(setting) => Key::Setting(setting.topic.clone(), setting.name.clone()),
        Change::Unset(topic, name) => Key::Setting(topic.clone(), name.clone()),
        Change::Epoch(epoch) => Key::Epoch(epoch.number),
        // These add up, or add rows that nobody else can have.
        Change::Move(_)
        | Change::Charge(_)
        | Change::Use(_)
        | Change::End(..)
        | Change::Journal(_)
        | Change::Report(_)
        | Change::RemoveReport(_)
        | Change::Trial => return None,
    })
}

/// Takes a change set into a group, if it can share a transaction with those that are in it.
pub fn join(group: &mut Touched, newcomer: &Touched) -> bool {
    let shared = |key, touch| group.get(key).is_none_or(|had| (*had, touch) == (Touch::Shared, Touch::Shared));
    if !newcomer.iter().all(|(key, touch)| shared(key, *touch)) {
        return false;
    }
    group.extend(newcomer.iter().map(|(key, touch)| (key.clone(), *touch)));
    true
}

/// What a group does to one session, and what must be true for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionSum {
    /// What its balance changes by.
    pub delta: i64,
    /// The lowest that the balance gets on the way, from where it is.
    pub lowest: i64,
    /// How many uses are spent.
    pub uses: u32,
    /// What uses and balance must be.
    pub exactly: Option<(u32, i64)>,
    /// What the uses must be below; nothing where they may be anything.
    pub uses_below: Option<i64>,
    /// Whether it ends.
    pub end: Option<(Date, SessionEnd)>,
}

impl SessionSum {
    const NOTHING: Self = Self { delta: 0, lowest: i64::MAX, uses: 0, exactly: None, uses_below: None, end: None };

    fn add(&mut self, step: &SessionStep) {
        match step.expected {
            Expected::Open => {}
            Expected::Exactly(uses, current) => self.exactly = Some((uses, current)),
            Expected::UsesBelow(bound) => {
                let bound = i64::from(bound) - i64::from(self.uses);
                self.uses_below = Some(self.uses_below.map_or(bound, |other| other.min(bound)));
            }
        }
        self.delta = self.delta.saturating_add(step.delta);
        self.lowest = self.lowest.min(self.delta);
        self.uses = self.uses.saturating_add(step.uses);
        self.end = step.end;
    }
}

/// What a group does to one side of a container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BalanceSum {
    /// What it changes by.
    pub delta: i64,
    /// The lowest that it gets on the way, from where it is.
    pub lowest: i64,
}

impl BalanceSum {
    fn add(&mut self, delta: i64) {
        self.delta = self.delta.saturating_add(delta);
        self.lowest = self.lowest.min(self.delta);
    }
}

/// What a group comes to, account by account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Sessions by number.
    pub sessions: BTreeMap<u64, SessionSum>,
    /// 120G.2 and 120G.3 by owner and currency.
    pub containers: BTreeMap<(PersonaId, Currency), (BalanceSum, BalanceSum)>,
    /// The operator's accounts.
    pub house: BTreeMap<Account, i64>,
    /// The revision that a persona must have, and by how much it grows.
    pub personas: BTreeMap<PersonaId, (Option<u64>, u64)>,
}

impl Sums {
    /// What change sets come to together.
    pub fn of<'a>(sets: impl IntoIterator<Item = (&'a Plan, &'a ChangeSet)>) -> Self {
        let mut sums = Self::default();
        for (plan, set) in sets {
            sums.add(plan, set);
        }
        sums
    }

    fn add(&mut self, plan: &Plan, set: &ChangeSet) {
        for (session, step) in &plan.sessions {
            self.sessions.entry(*session).or_insert(SessionSum::NOTHING).add(step);
        }
        for (container, step) in &plan.containers {
            let (available, on_hold) = self.containers.entry(container.clone()).or_default();
            available.add(step.available);
            on_hold.add(step.on_hold);
        }
        for (account, delta) in &plan.house {
            let sum = self.house.entry(account.clone()).or_default();
            *sum = sum.saturating_add(*delta);
        }
        for (id, revision) in &plan.personas {
            self.personas.entry(id.clone()).or_default().0 = Some(*revision);
        }
        for change in &set.changes {
            if let Change::Revise(id) = change {
                self.personas.entry(id.clone()).or_default().1 += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(delta: i64, uses: u32, expected: Expected) -> Plan {
        let step = SessionStep { expected, uses, delta, end: None };
        Plan { sessions: BTreeMap::from([(1, step)]), ..Plan::default() }
    }

    fn sums(plans: &[Plan]) -> SessionSum {
        let nothing_else = ChangeSet::default();
        Sums::of(plans.iter().map(|plan| (plan, &nothing_else))).sessions[&1]
    }

    #[test]
    fn a_balance_may_not_dip_on_the_way() {
        let sum = sums(&[step(-30, 1, Expected::Open), step(100, 1, Expected::Open), step(-20, 1, Expected::Open)]);
        assert_eq!((sum.delta, sum.lowest, sum.uses), (50, -30, 3));
        // What came in first can be spent after.
        assert_eq!(sums(&[step(100, 0, Expected::Open), step(-30, 0, Expected::Open)]).lowest, 70);
    }

    #[test]
    fn the_narrowest_bound_counts_from_where_the_session_stands() {
        let sum = sums(&[step(0, 2, Expected::UsesBelow(9)), step(0, 1, Expected::UsesBelow(9))]);
        assert_eq!((sum.uses, sum.uses_below), (3, Some(7)));
    }

    #[test]
    fn what_must_be_exactly_so_shares_with_nobody() {
        let touch = |plan: &Plan| touched(plan, &ChangeSet::default());
        let (open, exact) = (touch(&step(1, 0, Expected::Open)), touch(&step(1, 0, Expected::Exactly(0, 0))));
        let mut group = Touched::new();
        assert!(join(&mut group, &open) && join(&mut group, &open));
        assert!(!join(&mut group, &exact));
        let mut group = Touched::new();
        assert!(join(&mut group, &exact) && !join(&mut group, &open));
    }
}
