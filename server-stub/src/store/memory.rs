//! The store in memory: for tests and simulations. What it does is what the others must do.

mod lookup;
mod statement;
mod table;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use protocol::buggify::{Site, strikes};
use protocol::date::Date;
use protocol::money::{Currency, Money};
use protocol::persona::PersonaId;
use protocol::value::{Function, Index, OrderId, SessionId};

use self::table::{Table, Undo};
use super::books::{BookReader, BookRow, Books};
use super::chain::{ChainHead, EntryText};
use super::plan::{ContainerStep, Expected, Plan, SessionStep};
use super::record::{
    Attempts, Challenge, Charge, Container, Entry, Epoch, Instrument, InstrumentId, LogEntry, LogKey, Movement,
    PendingLoad, Persona, Report, Session, SessionStatus, Transaction,
};
use super::{
    Account, Change, ChangeSet, Collected, CommitError, Conflict, Logged, MAX_ATTEMPTS, MAX_SETTINGS, PersonaFile,
    Refund, Setting, Statement, Store, StoreError, Window, sign_of,
};

/// A store that forgets.
#[derive(Debug, Default)]
pub struct MemoryStore {
    tables: Mutex<Tables>,
}

#[derive(Clone, Debug, Default)]
struct Tables {
    personas: Table<PersonaId, Persona>,
    containers: Table<PersonaId, BTreeMap<Currency, Container>>,
    instruments: Table<PersonaId, BTreeMap<InstrumentId, Instrument>>,
    challenges: Table<PersonaId, BTreeMap<String, Challenge>>,
    movements: Table<(PersonaId, InstrumentId, u64), Movement>,
    pending: Table<u64, (PersonaId, PendingLoad)>,
    /// The open sessions of each persona.
    open: Table<PersonaId, BTreeSet<u64>>,
    /// The open sessions by their last millisecond.
    expiring: Table<(Date, u64), PersonaId>,
    sessions: Table<u64, Session>,
    collected: Table<(u64, u16), Transaction>,
    /// By payee's session and date: the payer's session and index.
    received: Table<(u64, i64, u64, u16), ()>,
    refunds: Table<(u64, u16, u32), Refund>,
    charges: Table<u64, Charge>,
    journal: Table<u64, (ChainHead, Entry)>,
    house: Table<Account, i64>,
    log: Table<LogKey, LogEntry>,
    reports: Table<[u8; 32], Report>,
    attempts: Table<PersonaId, Attempts>,
    epochs: Table<u64, Epoch>,
    settings: Table<(String, String), Setting>,
    last_session: u64,
}

/// The only chain: there is one writer.
const CHAIN: u32 = 1;

impl MemoryStore {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// A store that holds the same now, and nothing of what comes later: a backup.
    pub fn copied(&self) -> Self {
        Self { tables: Mutex::new(self.lock().clone()) }
    }

    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(|poisoned| {
            // A panic while the lock is held is a bug of ours; what it left half done is taken back.
            let mut tables = poisoned.into_inner();
            tables.all().into_iter().for_each(Undo::undo);
            tables
        })
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn persona(&self, id: &PersonaId) -> Result<Option<PersonaFile>, StoreError> {
        Ok(self.lock().persona(id))
    }

    async fn taken(&self, ids: &[PersonaId]) -> Result<HashSet<PersonaId>, StoreError> {
        let tables = self.lock();
        Ok(ids.iter().filter(|id| tables.personas.holds(*id)).cloned().collect())
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
        let number = session.number();
        let paid = tables.collected.range((number, 0)..=(number, u16::MAX)).map(|(_, transaction)| transaction);
        let received = tables.received.range((number, i64::MIN, 0, 0)..=(number, i64::MAX, u64::MAX, u16::MAX));
        let received = received.filter_map(|((_, _, payer, index), ())| tables.collected.get(&(*payer, *index)));
        let mut all: Vec<_> = paid.chain(received.rev().take(limit)).cloned().collect();
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

    async fn charge(&self, persona: &PersonaId, date: Date, reference: &str) -> Result<Option<Charge>, StoreError> {
        let tables = self.lock();
        let found =
            tables.charges.values().find(|fee| (&fee.persona, fee.date, &*fee.reference) == (persona, date, reference));
        Ok(found.cloned())
    }

    async fn moved_since(
        &self,
        persona: &PersonaId,
        instrument: InstrumentId,
        currency: Currency,
        function: Function,
        since: Date,
    ) -> Result<i64, StoreError> {
        let tables = self.lock();
        let of = |id| (persona.clone(), instrument, id);
        let movements = tables.movements.range(of(0)..=of(u64::MAX)).map(|(_, movement)| movement);
        let counted = movements.filter(|m| m.amount.currency == currency && m.date >= since);
        let sign = sign_of(function);
        Ok(counted.map(|m| (m.amount.minor * sign).max(0)).sum())
    }

    async fn attempts(&self, id: &PersonaId) -> Result<Option<Attempts>, StoreError> {
        Ok(self.lock().attempts.get(id).copied())
    }

    async fn due(&self, now: Date, limit: usize) -> Result<Vec<PersonaId>, StoreError> {
        let tables = self.lock();
        let expired = tables.expiring.range(..(now, 0)).map(|(_, persona)| persona);
        let clearing = tables.pending.values().filter(|(_, load)| load.clears <= now).map(|(id, _)| id);
        // In one order always, so that a simulated run is the same when it is run again.
        let due: BTreeSet<&PersonaId> = expired.chain(clearing).collect();
        Ok(due.into_iter().take(limit).cloned().collect())
    }

    async fn epoch(&self) -> Result<Option<Epoch>, StoreError> {
        Ok(self.lock().epochs.values().next_back().copied())
    }

    async fn new_session_id(&self) -> Result<SessionId, StoreError> {
        let mut tables = self.lock();
        tables.last_session += 1;
        Ok(SessionId::of_number(tables.last_session))
    }

    async fn payments_of(
        &self,
        order: &OrderId,
        payee: Option<&PersonaId>,
        after: (u64, u16),
        limit: usize,
    ) -> Result<Vec<Transaction>, StoreError> {
        Ok(self.lock().payments_of(order, payee, after, limit))
    }

    async fn reports(&self, after: (Date, [u8; 32]), limit: usize) -> Result<Vec<Report>, StoreError> {
        Ok(self.lock().reports(after, limit))
    }

    async fn report(&self, hash: &[u8; 32]) -> Result<Option<Report>, StoreError> {
        Ok(self.lock().reports.get(hash).cloned())
    }

    async fn settings(&self) -> Result<Vec<Setting>, StoreError> {
        Ok(self.lock().settings.values().take(MAX_SETTINGS).cloned().collect())
    }

    async fn commit(&self, set: ChangeSet) -> Result<(), CommitError> {
        let plan = Plan::of(&set)?;
        if strikes(Site::CommitQueueFull) {
            return Err(CommitError::Busy);
        }
        let mut tables = self.lock();
        let applied = tables.apply(&plan, set);
        for table in tables.all() {
            if applied.is_ok() { table.keep() } else { table.undo() }
        }
        applied
    }
}

#[async_trait]
impl Books for MemoryStore {
    async fn show(&self, see: &mut BookReader<'_>) -> Result<(), StoreError> {
        let tables = self.lock();
        for (head, entry) in tables.journal.values() {
            see(BookRow::Entry(*head, entry.clone()));
        }
        tables.personas.values().for_each(|persona| see(BookRow::Persona(persona.id.clone())));
        for (id, containers) in tables.containers.iter() {
            for container in containers.values() {
                see(BookRow::Container(id.clone(), *container));
            }
        }
        for session in tables.sessions.values() {
            see(BookRow::Session { session: Box::new(session.clone()), expires: session.expires() });
        }
        tables.refunds.values().for_each(|refund| see(BookRow::Refund(Box::new(refund.clone()))));
        tables.collected.values().for_each(|transaction| see(BookRow::Payment(Box::new(transaction.clone()))));
        for key in tables.log.iter().map(|(key, _)| key) {
            if let LogKey::Collection(session, index) = key {
                see(BookRow::Answered(*session, *index));
            }
        }
        tables.charges.values().for_each(|fee| see(BookRow::Charge(fee.clone())));
        for ((_, _, number), movement) in tables.movements.iter() {
            let clears = tables.pending.get(number).map(|(_, load)| load.clears);
            see(BookRow::Movement(*number, Movement { clears, ..movement.clone() }));
        }
        tables.house.iter().for_each(|(account, balance)| see(BookRow::House(account.clone(), *balance)));
        Ok(())
    }
}

impl Tables {
    /// Every table, so that all are kept or undone; taken apart by name, so that none can be forgotten.
    fn all(&mut self) -> [&mut dyn Undo; 20] {
        let Self {
            personas,
            containers,
            instruments,
            challenges,
            movements,
            pending,
            open,
            expiring,
            sessions,
            collected,
            received,
            refunds,
            charges,
            journal,
            house,
            log,
            reports,
            attempts,
            epochs,
            settings,
            last_session: _,
        } = self;
        [
            personas,
            containers,
            instruments,
            challenges,
            movements,
            pending,
            open,
            expiring,
            sessions,
            collected,
            received,
            refunds,
            charges,
            journal,
            house,
            log,
            reports,
            attempts,
            epochs,
            settings,
        ]
    }

    fn persona(&self, id: &PersonaId) -> Option<PersonaFile> {
        let persona = self.personas.get(id)?.clone();
        let open = self.open.get(id).into_iter().flatten();
        let pending = self.pending.values().filter(|(owner, _)| owner == id);
        Some(PersonaFile {
            persona,
            containers: self.containers.get(id).cloned().unwrap_or_default(),
            instruments: self.instruments.get(id).into_iter().flat_map(BTreeMap::values).cloned().collect(),
            challenges: self.challenges.get(id).into_iter().flat_map(BTreeMap::values).cloned().collect(),
            sessions: open.filter_map(|number| self.sessions.get(number)).cloned().collect(),
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
            self.fill(id, *currency, step)?;
        }
        for (account, delta) in &plan.house {
            *self.house.change_or(account.clone(), i64::default) += delta;
        }
        Ok(())
    }

    fn fill(&mut self, id: &PersonaId, currency: Currency, step: &ContainerStep) -> Result<(), Conflict> {
        let containers = self.containers.change_or(id.clone(), BTreeMap::new);
        let container = containers.entry(currency).or_insert_with(|| Container::empty(currency));
        container.available.minor += step.available;
        container.on_hold.minor += step.on_hold;
        if container.available.minor < 0 {
            return Err(Conflict::Overdrawn(Account::Container(id.clone(), currency)));
        }
        if container.on_hold.minor < 0 {
            return Err(Conflict::Overdrawn(Account::OnHold(id.clone(), currency)));
        }
        Ok(())
    }

    fn change(&mut self, change: Change) -> Result<(), CommitError> {
        match change {
            Change::Register(persona) => self.register(*persona)?,
            Change::Update(new) => self.update(*new)?,
            Change::Revise(id) => {
                let persona = self.personas.change(&id).ok_or(Conflict::PersonaChanged(id))?;
                persona.revision += 1;
            }
            Change::PutInstrument(id, instrument) => {
                self.instruments.change_or(id, BTreeMap::new).insert(instrument.id, *instrument);
            }
            Change::PutChallenge(id, challenge) => {
                self.challenges.change_or(id, BTreeMap::new).insert(challenge.id.clone(), *challenge);
            }
            Change::RemoveChallenge(id, challenge) => {
                self.challenges.change_or(id, BTreeMap::new).remove(&challenge);
            }
            Change::Move(movement) => self.record(movement),
            Change::Cleared(id) => {
                if !self.pending.remove(&id) {
                    return Err(Conflict::LoadCleared(id).into());
                }
            }
            Change::Open(session) => self.open(*session)?,
            Change::Memo(id, memo) => {
                let session = self.sessions.change(&id).ok_or(Conflict::SessionChanged(id))?;
                session.memo.push_str(&memo);
            }
            Change::Collect(transaction) => self.collect(*transaction)?,
            Change::Refund(refund) => self.give_back(*refund)?,
            Change::Charge(fee) => self.charges.put(self.charges.len() as u64 + 1, fee),
            Change::Journal(entry) => self.append(entry),
            Change::Log(entry) => {
                if !self.log.insert(entry.key.clone(), entry) {
                    return Err(Conflict::LogKeyUsed.into());
                }
            }
            Change::Set(setting) => self.settings.put((setting.topic.clone(), setting.name.clone()), setting),
            Change::Unset(topic, name) => {
                self.settings.remove(&(topic, name));
            }
            Change::Report(report) => self.keep_report(*report),
            Change::RemoveReport(hash) => {
                self.reports.remove(&hash);
            }
            Change::Epoch(epoch) => {
                if !self.epochs.insert(epoch.number, epoch) {
                    return Err(Conflict::EpochBegan(epoch.number).into());
                }
                self.last_session = self.last_session.max(epoch.sessions_after());
            }
            Change::Attempts { id, before, after } => self.count(id, before, after)?,
            // The first two are in the plan, and memory does not fail.
            Change::Use(_) | Change::End(..) | Change::Trial => {}
        }
        Ok(())
    }

    fn register(&mut self, persona: Persona) -> Result<(), Conflict> {
        let id = persona.id.clone();
        if self.personas.insert(id.clone(), persona) { Ok(()) } else { Err(Conflict::PersonaExists(id)) }
    }

    fn update(&mut self, new: Persona) -> Result<(), Conflict> {
        let persona = self.personas.change(&new.id).ok_or(Conflict::PersonaChanged(new.id))?;
        let Persona { email, language, autoclose, agreements, status, public_key, key_name, .. } = new;
        (persona.email, persona.language, persona.autoclose) = (email, language, autoclose);
        (persona.agreements, persona.status) = (agreements, status);
        (persona.public_key, persona.key_name) = (public_key, key_name);
        Ok(())
    }

    fn record(&mut self, movement: Movement) {
        let id = self.movements.len() as u64 + 1;
        if let Some(clears) = movement.clears {
            let load = PendingLoad { id, amount: movement.amount, fee: movement.fee, clears };
            self.pending.put(id, (movement.persona.clone(), load));
        }
        self.movements.put((movement.persona.clone(), movement.instrument, id), movement);
    }

    fn open(&mut self, session: Session) -> Result<(), Conflict> {
        let number = session.id.number();
        let (owner, expires) = (session.persona.clone(), session.expires());
        if !self.sessions.insert(number, Session { current: Money::zero(session.current.currency), ..session }) {
            return Err(Conflict::SessionExists(number));
        }
        self.last_session = self.last_session.max(number);
        self.open.change_or(owner.clone(), BTreeSet::new).insert(number);
        self.expiring.put((expires, number), owner);
        Ok(())
    }

    fn append(&mut self, entry: Entry) {
        let last = self.journal.iter().next_back().map_or_else(|| ChainHead::empty(CHAIN), |(_, (head, _))| *head);
        let head = last.next(&EntryText::of(&entry));
        self.journal.put(head.number, (head, entry));
    }

    fn collect(&mut self, transaction: Transaction) -> Result<(), Conflict> {
        let key = (transaction.payer_session.number(), transaction.payer_index.get());
        let received = (transaction.payee_session.number(), transaction.date.millis(), key.0, key.1);
        if !self.collected.insert(key, transaction) {
            return Err(Conflict::IndexUsed(key.0, key.1));
        }
        self.received.put(received, ());
        Ok(())
    }

    fn step(&mut self, id: u64, step: &SessionStep) -> Result<(), Conflict> {
        let changed = || Conflict::SessionChanged(id);
        let session = self.sessions.change(&id).filter(|session| session.is_open()).ok_or_else(changed)?;
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
        let Some((date, why)) = step.end else { return Ok(()) };
        if session.current.minor != 0 {
            return Err(Conflict::NotEmpty(id));
        }
        session.status = SessionStatus::Ended(date, why);
        let (owner, expires) = (session.persona.clone(), session.expires());
        self.expiring.remove(&(expires, id));
        self.open.change_or(owner, BTreeSet::new).remove(&id);
        Ok(())
    }

    fn count(&mut self, id: PersonaId, before: Option<Attempts>, after: Attempts) -> Result<(), Conflict> {
        if self.attempts.get(&id).copied() != before {
            return Err(Conflict::AttemptsChanged(id));
        }
        self.attempts.put(id, after);
        while self.attempts.len() > MAX_ATTEMPTS {
            let oldest = self.attempts.iter().min_by_key(|(_, attempts)| attempts.since).map(|(id, _)| id.clone());
            oldest.map(|id| self.attempts.remove(&id));
        }
        Ok(())
    }
}
