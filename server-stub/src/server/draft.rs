//! A change set in the making, and a persona as it will be after it.

use protocol::date::Date;
use protocol::money::{Currency, Money, MoneyFault};
use protocol::outcome::Problem;

use super::language::Words;
use super::refusal::Refusal;
use crate::store::record::{Charge, Container, Entry, Reason, Session, SessionEnd};
use crate::store::{Account, Change, ChangeSet, Condition, PersonaFile};

/// A persona's file with changes, and the change set that makes them.
#[derive(Clone, Debug)]
pub struct Draft {
    /// As it will be.
    pub file: PersonaFile,
    /// What makes it so.
    pub changes: ChangeSet,
    now: Date,
}

impl Draft {
    /// Takes a file as it is stored, and brings it up to date: expired sessions end, loads clear.
    ///
    /// # Errors
    /// The sums would be larger than an amount may be.
    pub fn settled(file: PersonaFile, now: Date) -> Result<Self, MoneyFault> {
        let mut changes = ChangeSet::default();
        changes.require(Condition::PersonaIs(file.persona.id.clone(), file.persona.revision));
        let mut draft = Self { file, changes, now };
        draft.clear_loads()?;
        draft.end_sessions(SessionEnd::Expired, |session| session.expires() < now)?;
        Ok(draft)
    }

    /// Whether the draft changes anything.
    pub fn is_idle(&self) -> bool {
        self.changes.is_empty()
    }

    /// The finished change set: the persona's revision grows.
    pub fn finish(mut self) -> ChangeSet {
        self.changes.push(Change::Revise(self.file.persona.id));
        self.changes
    }

    /// The container of a currency, an empty one if there is none.
    pub fn container(&self, currency: Currency) -> Container {
        self.file.containers.get(&currency).copied().unwrap_or_else(|| Container::empty(currency))
    }

    /// The sum of the opening amounts of all open sessions of a currency.
    ///
    /// # Errors
    /// It is larger than an amount may be.
    pub fn session_funds(&self, currency: Currency) -> Result<Money, MoneyFault> {
        let sessions = self.file.sessions.iter().filter(|session| session.opening.currency == currency);
        sessions.map(|session| session.opening).try_fold(Money::zero(currency), Money::plus)
    }

    /// The account of the persona's available money.
    pub fn available(&self, currency: Currency) -> Account {
        Account::Container(self.file.persona.id.clone(), currency)
    }

    /// The account of the persona's money on hold.
    pub fn on_hold(&self, currency: Currency) -> Account {
        Account::OnHold(self.file.persona.id.clone(), currency)
    }

    /// Moves money; both the file and the change set take note of it.
    ///
    /// # Errors
    /// A balance would be larger than an amount may be.
    pub fn transfer(
        &mut self,
        reason: Reason,
        debit: Account,
        credit: Account,
        amount: Money,
        reference: String,
    ) -> Result<(), MoneyFault> {
        self.add(&debit, amount.negated())?;
        self.add(&credit, amount)?;
        self.changes.push(Change::Journal(Entry { date: self.now, reason, debit, credit, amount, reference }));
        Ok(())
    }

    /// Takes a fee; one of nothing leaves no trace.
    ///
    /// # Errors
    /// As [`Draft::transfer`].
    pub fn charge(&mut self, from: Account, fee: Money, reference: String) -> Result<(), MoneyFault> {
        if fee.minor == 0 {
            return Ok(());
        }
        let (persona, date) = (self.file.persona.id.clone(), self.now);
        self.transfer(Reason::Fee, from, Account::Fees(fee.currency), fee, reference.clone())?;
        self.changes.push(Change::Charge(Charge { persona, date, amount: fee, reference }));
        Ok(())
    }

    fn add(&mut self, account: &Account, amount: Money) -> Result<(), MoneyFault> {
        let balance = match account {
            Account::Container(id, currency) if *id == self.file.persona.id => {
                &mut self.file.containers.entry(*currency).or_insert_with(|| Container::empty(*currency)).available
            }
            Account::OnHold(id, currency) if *id == self.file.persona.id => {
                &mut self.file.containers.entry(*currency).or_insert_with(|| Container::empty(*currency)).on_hold
            }
            _ => return Ok(()),
        };
        *balance = balance.plus(amount)?;
        Ok(())
    }

    /// Ends those open sessions that `which` picks; what is left in them returns to the container.
    ///
    /// # Errors
    /// The container would hold more than an amount may be.
    pub fn end_sessions(
        &mut self,
        why: SessionEnd,
        which: impl Fn(&Session) -> bool,
    ) -> Result<Vec<Session>, MoneyFault> {
        let (ending, open) = std::mem::take(&mut self.file.sessions).into_iter().partition(which);
        self.file.sessions = open;
        for session in &ending {
            self.end_session(session, why)?;
        }
        Ok(ending)
    }

    fn end_session(&mut self, session: &Session, why: SessionEnd) -> Result<(), MoneyFault> {
        let (number, left) = (session.id.number(), session.current);
        self.changes.require(Condition::SessionIs { session: number, uses: session.uses, current: left });
        let container = self.available(left.currency);
        self.transfer(Reason::Return, session.account(), container, left, number.to_string())?;
        self.changes.push(Change::End(number, self.now, why));
        Ok(())
    }

    /// Takes loads back that have not cleared: the bank keeps what it had promised, and the operator keeps no fee of it.
    ///
    /// # Errors
    /// None that loads on hold can cause.
    pub fn cancel_loads(&mut self) -> Result<(), MoneyFault> {
        for load in std::mem::take(&mut self.file.pending) {
            let (from, to) = (self.on_hold(load.amount.currency), Account::Bank(load.amount.currency));
            self.transfer(Reason::Cancel, from, to.clone(), load.held(), String::new())?;
            if load.fee.minor > 0 {
                let fees = Account::Fees(load.fee.currency);
                self.transfer(Reason::Cancel, fees, to, load.fee, String::new())?;
            }
            self.changes.push(Change::Cleared(load.id));
        }
        Ok(())
    }

    fn clear_loads(&mut self) -> Result<(), MoneyFault> {
        let now = self.now;
        let (cleared, pending): (Vec<_>, _) =
            std::mem::take(&mut self.file.pending).into_iter().partition(|load| load.clears <= now);
        self.file.pending = pending;
        for load in cleared {
            let currency = load.amount.currency;
            let (from, to) = (self.on_hold(currency), self.available(currency));
            self.transfer(Reason::Clearing, from, to, load.held(), String::new())?;
            // The bank has delivered what it had promised.
            let (agency, bank) = (Account::Agency(currency), Account::Bank(currency));
            self.transfer(Reason::Clearing, agency, bank, load.amount, String::new())?;
            self.changes.push(Change::Cleared(load.id));
        }
        Ok(())
    }
}

impl From<MoneyFault> for Refusal {
    fn from(_: MoneyFault) -> Self {
        Self::because(
            Problem::LIMIT_EXCEEDED,
            Words::new("The sum is larger than an amount may be.", "Die Summe ist größer, als ein Betrag sein darf."),
        )
    }
}
