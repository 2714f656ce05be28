//! I10: what became of books that were lost, and of the backup that took their place.

use std::collections::{BTreeMap, HashMap, HashSet};

use protocol::date::Date;
use protocol::money::Currency;
use protocol::persona::PersonaId;
use server_stub::store::Refund;
use server_stub::store::record::{Entry, Reason, Session, Transaction};

use super::{Ledger, Lie, Sums};

/// For how long after a restore nothing leaves for the bank, seconds.
const CLOSED_SECS: i64 = 24 * 3_600;

/// What was lost by restores: known to those who were answered, and to nobody else.
#[derive(Debug, Default)]
pub struct Lost {
    /// How many restores there were.
    pub restores: usize,
    /// Payments, by number of the payer's session and index.
    pub payments: HashMap<(u64, u16), Transaction>,
    /// Refunds.
    pub refunds: Vec<Refund>,
}

/// The books as they were when a backup was made of them.
struct Backup {
    sums: Sums,
    books: Ledger,
}

/// What the judge remembers of books that are gone.
#[derive(Default)]
pub(super) struct Past {
    backup: Option<Backup>,
    lost: Lost,
    /// Whose each session is that ever was, and when it was opened.
    sessions: HashMap<u64, (PersonaId, Date)>,
    /// How many rows of the journal were looked at.
    rows: usize,
    /// Until when nothing leaves for the bank.
    closed_until: Option<Date>,
}

impl Past {
    /// See [`super::Judge::back_up`].
    pub(super) fn keep(&mut self, sums: Sums, books: Ledger) {
        self.backup = Some(Backup { sums, books });
    }

    /// See [`super::Judge::lose`]; yields what the books are measured by from now on.
    pub(super) fn lose(&mut self, books: &Ledger) -> Option<Sums> {
        let Backup { sums, books: kept } = self.backup.as_ref()?;
        let known: HashSet<_> = kept.transactions.iter().map(name_of).collect();
        let payments = books.transactions.iter().filter(|payment| !known.contains(&name_of(payment)));
        self.lost.payments.extend(payments.map(|payment| (name_of(payment), payment.clone())));
        let known: HashSet<_> = kept.refunds.iter().map(Refund::reference).collect();
        let refunds = books.refunds.iter().filter(|refund| !known.contains(&refund.reference()));
        self.lost.refunds.extend(refunds.cloned());
        self.lost.restores += 1;
        self.rows = kept.journal.len();
        Some(sums.clone())
    }

    /// See [`super::Judge::reopen`].
    pub(super) fn reopen(&mut self, books: &Ledger, began: Date) -> Result<(), Lie> {
        self.closed_until = Some(began.plus_secs(CLOSED_SECS));
        if let Some(session) = books.sessions.iter().find(|session| session.is_open()) {
            return Err(format!("I10: session {} is open after a restore", session.id.number()));
        }
        let Some(backup) = &self.backup else { return Ok(()) };
        let (held, holds) = (holdings(&backup.books), holdings(books));
        if held == holds { Ok(()) } else { Err(format!("I10: {held:?} were held at the backup, {holds:?} after it")) }
    }

    /// See [`super::Judge::look`].
    pub(super) fn look(&mut self, books: &Ledger) -> Result<(), Lie> {
        books.sessions.iter().try_for_each(|session| self.check_number(session))?;
        if let Some(payment) =
            books.transactions.iter().find(|payment| self.lost.payments.contains_key(&name_of(payment)))
        {
            return Err(format!("I10: {:?} was lost, and is collected again", name_of(payment)));
        }
        let news = books.journal.iter().skip(self.rows);
        let early = |entry: &&Entry| self.closed_until.is_some_and(|until| entry.date < until);
        let paid_out = news.filter(early).find(|entry| entry.reason == Reason::Unload);
        self.rows = books.journal.len();
        paid_out.map_or(Ok(()), |entry| Err(format!("I10: within a day of a restore, the bank gets {}", entry.amount)))
    }

    /// What was lost.
    pub(super) fn lost(&self) -> &Lost {
        &self.lost
    }

    /// A number belongs to one session, for ever.
    fn check_number(&mut self, session: &Session) -> Result<(), Lie> {
        let (number, is) = (session.id.number(), (session.persona.clone(), session.opened));
        let was = self.sessions.entry(number).or_insert_with(|| is.clone());
        if *was == is {
            return Ok(());
        }
        Err(format!("I10: number {number} of a session of {} is given to {} as well", was.0, is.0))
    }
}

fn name_of(payment: &Transaction) -> (u64, u16) {
    (payment.payer_session.number(), payment.payer_index.get())
}

/// What each persona holds of each currency, wherever it lies, minor units.
fn holdings(books: &Ledger) -> BTreeMap<(PersonaId, Currency), i64> {
    let mut held = BTreeMap::new();
    let containers = books.containers.iter();
    let kept = containers.flat_map(|(owner, container)| [(owner, container.available), (owner, container.on_hold)]);
    let in_sessions = books.sessions.iter().map(|session| (&session.persona, session.current));
    for (owner, amount) in kept.chain(in_sessions).filter(|(_, amount)| amount.minor != 0) {
        *held.entry((owner.clone(), amount.currency)).or_default() += amount.minor;
    }
    held
}
