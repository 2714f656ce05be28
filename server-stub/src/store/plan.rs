//! What a change set comes to, account by account: the part of a commit that every store does alike.

use std::collections::BTreeMap;

use protocol::date::Date;
use protocol::money::{Currency, Money};
use protocol::persona::PersonaId;

use super::account::Account;
use super::change::{Change, ChangeSet, CommitError, Condition, Conflict, StoreError};
use super::record::{Session, SessionEnd};

/// What is expected of a session before the change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expected {
    /// That it is open.
    #[default]
    Open,
    /// That it is open with exactly so many uses spent and so many minor units in it.
    Exactly(u32, i64),
    /// That it is open with fewer uses spent.
    UsesBelow(u32),
}

/// What a change set does to one session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionStep {
    /// What it must be before.
    pub expected: Expected,
    /// How many uses are spent.
    pub uses: u32,
    /// What its balance changes by, minor units.
    pub delta: i64,
    /// Whether it ends.
    pub end: Option<(Date, SessionEnd)>,
}

impl SessionStep {
    /// Why the step cannot be taken from where the session stands; nothing if it can.
    pub fn conflict(&self, number: u64, session: Option<&Session>) -> Option<Conflict> {
        let Some(session) = session.filter(|session| session.is_open()) else {
            return Some(Conflict::SessionChanged(number));
        };
        let as_expected = match self.expected {
            Expected::Open => true,
            Expected::Exactly(uses, minor) => session.uses == uses && session.current.minor == minor,
            Expected::UsesBelow(uses) => session.uses < uses,
        };
        if !as_expected || self.uses > session.uses_left() {
            return Some(Conflict::SessionChanged(number));
        }
        let after = session.current.minor + self.delta;
        if after < 0 {
            return Some(Conflict::Overdrawn(session.account()));
        }
        (self.end.is_some() && after != 0).then_some(Conflict::NotEmpty(number))
    }
}

/// What a change set does to one container, in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ContainerStep {
    /// 120G.2 changes by this.
    pub available: i64,
    /// 120G.3 changes by this.
    pub on_hold: i64,
}

/// The sums of a change set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Sessions by number.
    pub sessions: BTreeMap<u64, SessionStep>,
    /// Containers by owner and currency.
    pub containers: BTreeMap<(PersonaId, Currency), ContainerStep>,
    /// The operator's accounts.
    pub house: BTreeMap<Account, i64>,
    /// Revisions that must still stand.
    pub personas: Vec<(PersonaId, u64)>,
}

impl Plan {
    /// Sums a change set up.
    ///
    /// # Errors
    /// An entry that is not one: below zero, too large, or between two currencies. No procedure writes such a thing.
    pub fn of(set: &ChangeSet) -> Result<Self, CommitError> {
        let mut plan = Self::default();
        for condition in &set.conditions {
            plan.expect(condition);
        }
        for change in &set.changes {
            match change {
                Change::Use(session) => plan.sessions.entry(*session).or_default().uses += 1,
                Change::End(session, date, why) => {
                    plan.sessions.entry(*session).or_default().end = Some((*date, *why));
                }
                Change::Journal(entry) => {
                    check_entry(&entry.debit, &entry.credit, entry.amount)?;
                    plan.add(&entry.debit, -entry.amount.minor)?;
                    plan.add(&entry.credit, entry.amount.minor)?;
                }
                _ => {}
            }
        }
        Ok(plan)
    }

    fn expect(&mut self, condition: &Condition) {
        match condition {
            Condition::SessionIs { session, uses, current } => {
                self.sessions.entry(*session).or_default().expected = Expected::Exactly(*uses, current.minor);
            }
            Condition::SessionUsesBelow { session, uses } => {
                let expected = &mut self.sessions.entry(*session).or_default().expected;
                if *expected == Expected::Open {
                    *expected = Expected::UsesBelow(*uses);
                }
            }
            Condition::PersonaIs(id, revision) => self.personas.push((id.clone(), *revision)),
        }
    }

    fn add(&mut self, account: &Account, delta: i64) -> Result<(), CommitError> {
        let sum = match account {
            Account::Session(session, _) => &mut self.sessions.entry(*session).or_default().delta,
            Account::Container(id, currency) => {
                &mut self.containers.entry((id.clone(), *currency)).or_default().available
            }
            Account::OnHold(id, currency) => &mut self.containers.entry((id.clone(), *currency)).or_default().on_hold,
            house => self.house.entry(house.clone()).or_default(),
        };
        *sum = sum.checked_add(delta).ok_or_else(|| StoreError::Failed("a sum is too large".to_owned()))?;
        Ok(())
    }
}

fn check_entry(debit: &Account, credit: &Account, amount: Money) -> Result<(), CommitError> {
    let fits = debit.currency() == amount.currency && credit.currency() == amount.currency;
    if fits && (0..=Money::MAX_MINOR).contains(&amount.minor) {
        return Ok(());
    }
    Err(StoreError::Failed(format!("{amount} cannot move from {debit} to {credit}")).into())
}

#[cfg(test)]
mod tests {
    use protocol::Protocol;
    use protocol::secret::SessionSecrets;
    use protocol::value::{Index, Reading, SessionId, Value as _};

    use super::super::record::SessionStatus;
    use super::*;

    const CHANGED: Option<Conflict> = Some(Conflict::SessionChanged(1));

    fn usd(minor: i64) -> Money {
        Money::new(Currency::of("usd").expect("a currency"), minor)
    }

    /// A session for three uses.
    fn session(uses: u32, minor: i64) -> Session {
        Session {
            id: SessionId::of_number(1),
            protocol: Protocol::V2,
            secrets: SessionSecrets { key: vec![5; 32].into(), salt: vec![6; 32].into() },
            opening: usd(7_000),
            current: usd(minor),
            opened: Date::from_millis(0),
            lifetime_minutes: 120,
            use_limit: Index::of(3).expect("an index"),
            uses,
            persona: PersonaId::parse("brianb-40", Reading::STRICT).expect("an id"),
            status: SessionStatus::Open,
            memo: String::new(),
        }
    }

    #[test]
    fn a_session_has_to_be_as_expected() {
        let verdict = |expected, uses, minor| {
            SessionStep { expected, ..SessionStep::default() }.conflict(1, Some(&session(uses, minor)))
        };
        for (uses, minor, expected) in [(1, 70, None), (2, 70, CHANGED), (1, 69, CHANGED), (2, 69, CHANGED)] {
            assert_eq!(verdict(Expected::Exactly(1, 70), uses, minor), expected, "{uses} uses, {minor}");
        }
        for (uses, expected) in [(0, None), (1, None), (2, CHANGED), (3, CHANGED)] {
            assert_eq!(verdict(Expected::UsesBelow(2), uses, 70), expected, "{uses} uses");
        }
        let step = SessionStep::default();
        let end = (Date::from_millis(1), SessionEnd::Closed);
        let ended = Session { status: SessionStatus::Ended(end.0, end.1), ..session(0, 0) };
        assert_eq!((step.conflict(1, None), step.conflict(1, Some(&ended))), (CHANGED, CHANGED));
    }

    #[test]
    fn a_session_gives_no_more_uses_and_no_more_money_than_it_has() {
        let uses = |uses| SessionStep { uses, ..SessionStep::default() }.conflict(1, Some(&session(1, 70)));
        assert_eq!([uses(1), uses(2), uses(3)], [None, None, CHANGED]);
        let moved = |delta| SessionStep { delta, ..SessionStep::default() }.conflict(1, Some(&session(1, 70)));
        let overdrawn = Some(Conflict::Overdrawn(session(1, 70).account()));
        assert_eq!([moved(-69), moved(-70), moved(-71)], [None, None, overdrawn]);
    }

    #[test]
    fn a_session_ends_with_nothing_in_it() {
        let end = Some((Date::from_millis(1), SessionEnd::Closed));
        let verdict =
            |end, delta| SessionStep { delta, end, ..SessionStep::default() }.conflict(1, Some(&session(1, 70)));
        assert_eq!(verdict(end, -70), None);
        assert_eq!(verdict(end, -69), Some(Conflict::NotEmpty(1)));
        assert_eq!(verdict(None, -69), None, "it does not end");
    }
}
