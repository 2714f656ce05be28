//! The store in memory: for tests and simulations. What it does is what the others must do.

mod statement;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use protocol::date::Date;
use protocol::money::{Currency, Money};
use protocol::persona::PersonaId;
use protocol::value::{Index, SessionId};

use super::plan::{Expected, Plan, SessionStep};
use super::record::{
    Attempts, Challenge, Container, Entry, Instrument, InstrumentId, LogEntry, LogKey, Movement, PendingLoad, Persona,
    Report, Session, SessionStatus, Transaction,
};
use super::{
    Account, Books, Change, ChangeSet, Collected, CommitError, Conflict, Logged, MAX_ATTEMPTS, MAX_REPORTS,
    PersonaFile, Refund, Statement, Store, StoreError, Window,
};

/// A store that forgets.
#[derive(Debug, Default)]
pub struct MemoryStore {
    tables: Mutex<Tables>,
}

#[derive(Clone, Debug, Default)]
struct Tables {
    personas: BTreeMap<PersonaId, Persona>,
    containers: BTreeMap<(PersonaId, Currency), Container>,
    instruments: BTreeMap<(PersonaId, InstrumentId), Instrument>,
    challenges: BTreeMap<(PersonaId, String), Challenge>,
    movements: Vec<Movement>,
    pending: BTreeMap<u64, (PersonaId, PendingLoad)>,
    sessions: BTreeMap<u64, Session>,
    collected: BTreeMap<(u64, u16), Transaction>,
    refunds: BTreeMap<(u64, u16, u32), Refund>,
    journal: Vec<Entry>,
    house: BTreeMap<Account, i64>,
    log: HashMap<LogKey, LogEntry>,
    reports: Vec<Report>,
    attempts: BTreeMap<PersonaId, Attempts>,
    last_session: u64,
}

impl MemoryStore {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Every report, in order.
    pub fn reports(&self) -> Vec<Report> {
        self.lock().reports.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Tables> {
        // A panic while the lock is held is a bug of ours; the tables are replaced as a whole, so they are still sound.
        self.tables.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn persona(&self, id: &PersonaId) -> Result<Option<PersonaFile>, StoreError> {
        Ok(self.lock().persona(id))
    }

    async fn taken(&self, ids: &[PersonaId]) -> Result<HashSet<PersonaId>, StoreError> {
        let tables = self.lock();
        Ok(ids.iter().filter(|id| tables.personas.contains_key(*id)).cloned().collect())
    }

    async fn logged(&self, key: &LogKey) -> Result<Option<Logged>, StoreError> {
        let entry = self.lock().log.get(key).cloned();
        Ok(entry.map(|entry| Logged { message_hash: entry.message_hash, response: entry.response }))
    }

    async fn sessions(&self, ids: &[SessionId]) -> Result<HashMap<u64, Session>, StoreError> {
        let tables = self.lock();
        let found = |id: &SessionId| tables.sessions.get(&id.number()).map(|session| (id.number(), session.clone()));
        Ok(ids.iter().filter_map(found).collect())
    }

    async fn collected(&self, keys: &[(SessionId, Index)]) -> Result<Collected, StoreError> {
        let tables = self.lock();
        let found = |(session, index): &(SessionId, Index)| {
            let key = (session.number(), index.get());
            tables.collected.get(&key).map(|transaction| (key, transaction.clone()))
        };
        Ok(keys.iter().filter_map(found).collect())
    }

    async fn history(&self, session: &SessionId, limit: usize) -> Result<Vec<Transaction>, StoreError> {
        let tables = self.lock();
        let of = |t: &&Transaction| t.payer_session == *session || t.payee_session == *session;
        let mut all: Vec<_> = tables.collected.values().filter(of).cloned().collect();
        all.sort_by_key(|t| (t.date, t.payer_session.number(), t.payer_index));
        let start = all.len().saturating_sub(limit);
        Ok(all.split_off(start))
    }

    async fn refunds(&self, session: &SessionId, index: Index) -> Result<Vec<Refund>, StoreError> {
        Ok(self.lock().refunds_of(session.number(), index.get()).cloned().collect())
    }

    async fn statement(&self, id: &PersonaId, window: Window, limit: usize) -> Result<Option<Statement>, StoreError> {
        Ok(self.lock().statement(id, window, limit))
    }

    async fn loaded_since(
        &self,
        persona: &PersonaId,
        instrument: InstrumentId,
        currency: Currency,
        since: Date,
    ) -> Result<i64, StoreError> {
        let tables = self.lock();
        let counts = |m: &&Movement| {
            m.persona == *persona && m.instrument == instrument && m.amount.currency == currency && m.date >= since
        };
        Ok(tables.movements.iter().filter(counts).map(|m| m.amount.minor.max(0)).sum())
    }

    async fn attempts(&self, id: &PersonaId) -> Result<Option<Attempts>, StoreError> {
        Ok(self.lock().attempts.get(id).copied())
    }

    async fn due(&self, now: Date, limit: usize) -> Result<Vec<PersonaId>, StoreError> {
        let tables = self.lock();
        let expired = tables.sessions.values().filter(|s| s.is_open() && s.expires() < now).map(|s| &s.persona);
        let clearing = tables.pending.values().filter(|(_, load)| load.clears <= now).map(|(id, _)| id);
        let due: HashSet<&PersonaId> = expired.chain(clearing).collect();
        Ok(due.into_iter().take(limit).cloned().collect())
    }

    async fn new_session_id(&self) -> Result<SessionId, StoreError> {
        let mut tables = self.lock();
        tables.last_session += 1;
        Ok(SessionId::of_number(tables.last_session))
    }

    async fn books(&self) -> Result<Books, StoreError> {
        let tables = self.lock();
        Ok(Books {
            journal: (1..).zip(tables.journal.iter().cloned()).collect(),
            containers: tables.containers.iter().map(|((id, _), container)| (id.clone(), *container)).collect(),
            sessions: tables.sessions.values().cloned().collect(),
            transactions: tables.collected.values().cloned().collect(),
            refunds: tables.refunds.values().cloned().collect(),
            pending: tables.pending.values().cloned().collect(),
            house: tables.house.iter().map(|(account, balance)| (account.clone(), *balance)).collect(),
        })
    }

    async fn commit(&self, set: ChangeSet) -> Result<(), CommitError> {
        let plan = Plan::of(&set)?;
        let mut tables = self.lock();
        // A copy takes the changes, so that a conflict half-way leaves nothing behind.
        let mut next = tables.clone();
        next.apply(&plan, set)?;
        *tables = next;
        Ok(())
    }
}

impl Tables {
    fn persona(&self, id: &PersonaId) -> Option<PersonaFile> {
        let persona = self.personas.get(id)?.clone();
        let of = |(owner, _): &(&PersonaId, _)| *owner == id;
        let containers = self.containers.iter().map(|((owner, currency), c)| (owner, (*currency, *c)));
        let instruments = self.instruments.iter().map(|((owner, _), instrument)| (owner, instrument));
        let challenges = self.challenges.iter().map(|((owner, _), challenge)| (owner, challenge));
        let sessions = self.sessions.values().filter(|session| session.persona == *id && session.is_open());
        let pending = self.pending.values().filter(|(owner, _)| owner == id);
        Some(PersonaFile {
            persona,
            containers: containers.filter(|(owner, _)| *owner == id).map(|(_, container)| container).collect(),
            instruments: instruments.filter(|(owner, _)| *owner == id).map(|(_, i)| i.clone()).collect(),
            challenges: challenges.filter(of).map(|(_, challenge)| challenge.clone()).collect(),
            sessions: sessions.cloned().collect(),
            pending: pending.map(|(_, load)| load.clone()).collect(),
        })
    }

    fn apply(&mut self, plan: &Plan, set: ChangeSet) -> Result<(), CommitError> {
        for (id, revision) in &plan.personas {
            if self.personas.get(id).is_none_or(|persona| persona.revision != *revision) {
                return Err(Conflict::PersonaChanged(id.clone()).into());
            }
        }
        for change in set.changes {
            self.change(change)?;
        }
        for (id, step) in &plan.sessions {
            self.step(*id, step)?;
        }
        for ((id, currency), step) in &plan.containers {
            let container =
                self.containers.entry((id.clone(), *currency)).or_insert_with(|| Container::empty(*currency));
            container.available.minor += step.available;
            container.on_hold.minor += step.on_hold;
            if container.available.minor < 0 {
                return Err(Conflict::Overdrawn(Account::Container(id.clone(), *currency)).into());
            }
            if container.on_hold.minor < 0 {
                return Err(Conflict::Overdrawn(Account::OnHold(id.clone(), *currency)).into());
            }
        }
        for (account, delta) in &plan.house {
            *self.house.entry(account.clone()).or_default() += delta;
        }
        Ok(())
    }

    fn change(&mut self, change: Change) -> Result<(), CommitError> {
        match change {
            Change::Register(persona) => self.register(*persona)?,
            Change::Update(new) => self.update(*new)?,
            Change::Revise(id) => {
                let persona = self.personas.get_mut(&id).ok_or(Conflict::PersonaChanged(id))?;
                persona.revision += 1;
            }
            Change::PutInstrument(id, instrument) => {
                self.instruments.insert((id, instrument.id), *instrument);
            }
            Change::PutChallenge(id, challenge) => {
                self.challenges.insert((id, challenge.id.clone()), *challenge);
            }
            Change::RemoveChallenge(id, challenge) => {
                self.challenges.remove(&(id, challenge));
            }
            Change::Move(movement) => self.record(movement),
            Change::Cleared(id) => {
                self.pending.remove(&id).ok_or(Conflict::LoadCleared(id))?;
            }
            Change::Open(session) => self.open(*session)?,
            Change::Memo(id, memo) => {
                let session = self.sessions.get_mut(&id).ok_or(Conflict::SessionChanged(id))?;
                session.memo.push_str(&memo);
            }
            Change::Collect(transaction) => self.collect(*transaction)?,
            Change::Refund(refund) => self.give_back(*refund)?,
            Change::Journal(entry) => self.journal.push(entry),
            Change::Log(entry) => {
                if self.log.insert(entry.key.clone(), entry).is_some() {
                    return Err(Conflict::LogKeyUsed.into());
                }
            }
            Change::Report(report) => {
                let known = self.reports.iter().any(|known| known.message_hash == report.message_hash);
                if !known && self.reports.len() < MAX_REPORTS {
                    self.reports.push(*report);
                }
            }
            Change::Attempts { id, before, after } => self.count(id, before, after)?,
            // These are in the plan.
            Change::Use(_) | Change::End(..) => {}
        }
        Ok(())
    }

    fn register(&mut self, persona: Persona) -> Result<(), Conflict> {
        if self.personas.contains_key(&persona.id) {
            return Err(Conflict::PersonaExists(persona.id));
        }
        self.personas.insert(persona.id.clone(), persona);
        Ok(())
    }

    fn update(&mut self, new: Persona) -> Result<(), Conflict> {
        let persona = self.personas.get_mut(&new.id).ok_or(Conflict::PersonaChanged(new.id))?;
        let Persona { email, language, autoclose, agreements, status, .. } = new;
        (persona.email, persona.language, persona.autoclose) = (email, language, autoclose);
        (persona.agreements, persona.status) = (agreements, status);
        Ok(())
    }

    fn record(&mut self, movement: Movement) {
        let id = self.movements.len() as u64 + 1;
        if let Some(clears) = movement.clears {
            let load = PendingLoad { id, amount: movement.amount, clears };
            self.pending.insert(id, (movement.persona.clone(), load));
        }
        self.movements.push(movement);
    }

    fn open(&mut self, session: Session) -> Result<(), Conflict> {
        let number = session.id.number();
        if self.sessions.contains_key(&number) {
            return Err(Conflict::SessionExists(number));
        }
        self.last_session = self.last_session.max(number);
        self.sessions.insert(number, Session { current: Money::zero(session.current.currency), ..session });
        Ok(())
    }

    fn collect(&mut self, transaction: Transaction) -> Result<(), Conflict> {
        let key = (transaction.payer_session.number(), transaction.payer_index.get());
        if self.collected.contains_key(&key) {
            return Err(Conflict::IndexUsed(key.0, key.1));
        }
        self.collected.insert(key, transaction);
        Ok(())
    }

    fn step(&mut self, id: u64, step: &SessionStep) -> Result<(), Conflict> {
        let changed = || Conflict::SessionChanged(id);
        let session = self.sessions.get_mut(&id).filter(|session| session.is_open()).ok_or_else(changed)?;
        let as_expected = match step.expected {
            Expected::Open => true,
            Expected::Exactly(uses, minor) => session.uses == uses && session.current.minor == minor,
            Expected::UsesBelow(uses) => session.uses < uses,
        };
        if !as_expected || step.uses > session.uses_left() {
            return Err(changed());
        }
        session.uses += step.uses;
        session.current.minor += step.delta;
        if session.current.minor < 0 {
            return Err(Conflict::Overdrawn(session.account()));
        }
        if let Some((date, why)) = step.end {
            if session.current.minor != 0 {
                return Err(Conflict::NotEmpty(id));
            }
            session.status = SessionStatus::Ended(date, why);
        }
        Ok(())
    }

    fn count(&mut self, id: PersonaId, before: Option<Attempts>, after: Attempts) -> Result<(), Conflict> {
        if self.attempts.get(&id).copied() != before {
            return Err(Conflict::AttemptsChanged(id));
        }
        self.attempts.insert(id, after);
        while self.attempts.len() > MAX_ATTEMPTS {
            let oldest = self.attempts.iter().min_by_key(|(_, attempts)| attempts.since).map(|(id, _)| id.clone());
            oldest.map(|id| self.attempts.remove(&id));
        }
        Ok(())
    }
}
