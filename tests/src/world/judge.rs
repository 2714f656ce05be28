//! The judge: what must be true of money, whatever happens. It knows nothing of how the product keeps its books; it reads
//! what is stored and what is said, and keeps sums of its own.
//!
//! | number | what |
//! | --- | --- |
//! | I1 | what personas hold, and what fees and exchange hold, is what was loaded less what was unloaded |
//! | I2 | the balances of a currency sum to zero; nothing that belongs to somebody is below zero |
//! | I3 | a session's opening, and what it took in, is what it paid, returned and holds; uses stay within the limit; nothing after its end |
//! | I4 | what a payer is debited is what a payee is credited, and the fee |
//! | I5 | an index of a session has one effect at most, and an order of a merchant as well |
//! | I6 | the same bytes have the same answer |
//! | I7 | the journal only grows |
//! | I8 | at rest, wallets, tills and server agree |
//! | I9 | no secret travels or lies about in the clear |
//! | I10 | a restore loses what came after its backup, once, and nothing else; nothing of it is done again |
//! | I11 | a message in which a bit flipped on its way is taken by nobody |
//!
//! After a restore (`past`), I1 to I7 go on from the backup: what was answered since is gone from the books, and the judge's
//! sums with it. Everything older stays: rows of the journal, and answers to the same bytes. What is lost stays known here:
//!
//! - what each persona held at the backup, in containers and sessions, it holds afterwards, and every session has ended;
//! - a number of a session is given once, whatever was lost;
//! - a payment that was lost is not collected again;
//! - for a day of the server's clock, nothing leaves for the bank;
//! - I8: a wallet or till may show what was lost as done, each payment and refund of it once; in all else, balances above all,
//!   it comes to show what the server has.

use std::collections::hash_map::{self, DefaultHasher};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{Hash, Hasher as _};
use std::rc::Rc;

use protocol::date::Date;
use protocol::persona::PersonaId;
use server_stub::store::record::{Container, Entry, Reason, Session, SessionStatus, Transaction};
use server_stub::store::{Account, BookRow, Books, Refund};

use super::{CANARY_ACCOUNT, CANARY_AUTOCLOSE, CANARY_PASSPHRASE};

mod past;
#[cfg(test)]
mod tests;

pub use past::Lost;
use past::Past;

/// What must not be seen in the clear.
const CANARIES: [&str; 3] = [CANARY_PASSPHRASE, CANARY_ACCOUNT, CANARY_AUTOCLOSE];

/// A lie, in words: number of the invariant, and what is wrong.
pub type Lie = String;

/// The server's books, as they lie on its disk.
#[derive(Clone, Default)]
pub struct Ledger {
    /// Every entry, in order.
    pub journal: Vec<Entry>,
    /// Every container, with its owner.
    pub containers: Vec<(PersonaId, Container)>,
    /// Every session.
    pub sessions: Vec<Session>,
    /// Every collected payment.
    pub transactions: Vec<Transaction>,
    /// Every refund.
    pub refunds: Vec<Refund>,
    /// The operator's accounts, minor units.
    pub house: Vec<(Account, i64)>,
}

impl Ledger {
    /// Reads the books, wherever they lie.
    ///
    /// # Errors
    /// They cannot be read, or a row holds what it cannot hold.
    pub async fn read(books: &dyn Books) -> Result<Self, Lie> {
        let mut ledger = Self::default();
        let mut unreadable = None;
        let mut see = |row| match row {
            BookRow::Entry(_, entry) => ledger.journal.push(entry),
            BookRow::Container(owner, container) => ledger.containers.push((owner, container)),
            BookRow::Session { session, .. } => ledger.sessions.push(*session),
            BookRow::Payment(payment) => ledger.transactions.push(*payment),
            BookRow::House(account, balance) => ledger.house.push((account, balance)),
            BookRow::Refund(refund) => ledger.refunds.push(*refund),
            BookRow::Charge(_)
            | BookRow::Movement(..)
            | BookRow::Head(_)
            | BookRow::Persona(_)
            | BookRow::Answered(..) => {}
            BookRow::Unreadable { row, why } => unreadable = Some(format!("{row}: {why}")),
        };
        books.show(&mut see).await.map_err(|fault| fault.to_string())?;
        unreadable.map_or(Ok(ledger), Err)
    }
}

/// The judge.
#[derive(Default)]
pub struct Judge {
    /// What the books are measured by.
    sums: Sums,
    /// What became of books that were lost.
    past: Past,
}

impl Judge {
    /// Looks at the server's books.
    ///
    /// # Errors
    /// The first lie.
    pub fn look(&mut self, books: &Ledger) -> Result<(), Lie> {
        self.sums.look(books)?;
        self.past.look(books)
    }

    /// What the server answers to a message; whether it answered so before.
    ///
    /// # Errors
    /// It answered the same bytes otherwise before.
    pub fn hear(&mut self, message: &[u8], reply: &[u8]) -> Result<bool, Lie> {
        if super::server::is_error(reply) { Ok(false) } else { self.sums.answers.hear(message, reply) }
    }

    /// A backup is made of these books.
    ///
    /// # Errors
    /// The first lie in them.
    pub fn back_up(&mut self, books: &Ledger) -> Result<(), Lie> {
        self.look(books)?;
        self.past.keep(self.sums.clone(), books.clone());
        Ok(())
    }

    /// These books are lost; the last backup, if there is one, takes their place.
    ///
    /// # Errors
    /// The first lie in them.
    pub fn lose(&mut self, books: &Ledger) -> Result<(), Lie> {
        self.look(books)?;
        if let Some(sums) = self.past.lose(books) {
            self.sums = sums;
        }
        Ok(())
    }

    /// The backup is restored to these books, at a time of the server's clock.
    ///
    /// # Errors
    /// The restore has done what it must not, or left undone what it must.
    pub fn reopen(&mut self, books: &Ledger, began: Date) -> Result<(), Lie> {
        self.sums.read_again();
        self.look(books)?;
        self.past.reopen(books, began)
    }

    /// What was lost by restores.
    pub fn lost(&self) -> &Lost {
        self.past.lost()
    }
}

/// What the judge adds up, of books that only grow.
#[derive(Clone, Default)]
struct Sums {
    balances: BTreeMap<String, i64>,
    /// Loads less unloads, by currency.
    brought_in: BTreeMap<String, i64>,
    /// A digest of each journal row seen.
    rows: Vec<u64>,
    /// What went out of and came into sessions by payments.
    paid: HashMap<u64, (i64, i64)>,
    returned: HashMap<u64, i64>,
    /// What went out of sessions otherwise: refunds and fees.
    given: HashMap<u64, i64>,
    /// References of payments seen in the journal.
    references: HashSet<String>,
    /// What the entries of a payment move, by reference.
    flows: HashMap<String, Flow>,
    /// What the entries of a refund move from the payee and to the payer, by reference.
    given_back: HashMap<String, (i64, i64)>,
    answers: Answers,
    looks: u64,
}

/// What the entries of one payment move.
#[derive(Clone, Copy, Debug, Default)]
struct Flow {
    /// Out of the payer's session.
    out: i64,
    /// Into the payee's session.
    into: i64,
    /// Out of the payee's session again: the fee.
    fee: i64,
}

/// Old rows of the journal are read again every so many looks.
const WHOLE_JOURNAL: u64 = 64;

impl Sums {
    fn look(&mut self, books: &Ledger) -> Result<(), Lie> {
        self.read_journal(books)?;
        self.compare_balances(books)?;
        self.sum_up()?;
        for session in &books.sessions {
            self.check_session(session)?;
        }
        self.check_payments(&books.transactions, &books.sessions)?;
        self.check_refunds(&books.refunds, &books.transactions)
    }

    /// The next look goes over the whole journal.
    fn read_again(&mut self) {
        self.looks = WHOLE_JOURNAL - 1;
    }

    /// I7, and the judge's own balances.
    fn read_journal(&mut self, books: &Ledger) -> Result<(), Lie> {
        if books.journal.len() < self.rows.len() {
            return Err(format!("I7: the journal shrank from {} rows to {}", self.rows.len(), books.journal.len()));
        }
        self.looks += 1;
        let known = if self.looks.is_multiple_of(WHOLE_JOURNAL) { 0 } else { self.rows.len() };
        for (at, entry) in books.journal.iter().enumerate().skip(known) {
            let digest = digest_of(&format!("{entry:?}"));
            match self.rows.get(at) {
                Some(known) if *known == digest => {}
                Some(_) => return Err(format!("I7: journal row {at} changed: {entry:?}")),
                None => {
                    self.rows.push(digest);
                    self.post(entry)?;
                }
            }
        }
        Ok(())
    }

    fn post(&mut self, entry: &Entry) -> Result<(), Lie> {
        let (debit, credit, minor) = (entry.debit.to_string(), entry.credit.to_string(), entry.amount.minor);
        let currency = entry.amount.currency.code().to_owned();
        if minor < 0 || !debit.ends_with(&currency) || !credit.ends_with(&currency) {
            return Err(format!("I2: an entry moves {} from {debit} to {credit}", entry.amount));
        }
        *self.balances.entry(debit.clone()).or_default() -= minor;
        *self.balances.entry(credit.clone()).or_default() += minor;
        match entry.reason {
            Reason::Load => *self.brought_in.entry(currency).or_default() += minor,
            Reason::Unload | Reason::Cancel => *self.brought_in.entry(currency).or_default() -= minor,
            Reason::Return => *self.returned.entry(session_of(&debit)?).or_default() += minor,
            Reason::Payment => self.post_payment(entry, &debit, &credit)?,
            reason => self.post_other(reason, entry, &debit, &credit),
        }
        Ok(())
    }

    /// Refunds, fees, and whatever else goes out of a session.
    fn post_other(&mut self, reason: Reason, entry: &Entry, debit: &str, credit: &str) {
        let minor = entry.amount.minor;
        if let Ok(session) = session_of(debit) {
            *self.given.entry(session).or_default() += minor;
            if let Some(flow) = self.flows.get_mut(&entry.reference).filter(|_| reason != Reason::Refund) {
                flow.fee += minor;
            }
        }
        if reason == Reason::Refund {
            let sums = self.given_back.entry(entry.reference.clone()).or_default();
            let is_owned = |account: &str| ["container/", "session/"].iter().any(|kind| account.starts_with(kind));
            sums.0 += if is_owned(debit) { minor } else { 0 };
            sums.1 += if is_owned(credit) { minor } else { 0 };
        }
    }

    fn post_payment(&mut self, entry: &Entry, debit: &str, credit: &str) -> Result<(), Lie> {
        let minor = entry.amount.minor;
        let flow = self.flows.entry(entry.reference.clone()).or_default();
        if let Ok(payer) = session_of(debit) {
            flow.out += minor;
            self.paid.entry(payer).or_default().0 += minor;
            if !self.references.insert(entry.reference.clone()) {
                return Err(format!("I5: {} was paid twice", entry.reference));
            }
        }
        if let Ok(payee) = session_of(credit) {
            flow.into += minor;
            self.paid.entry(payee).or_default().1 += minor;
        }
        Ok(())
    }

    fn balance(&self, account: &str) -> i64 {
        self.balances.get(account).copied().unwrap_or(0)
    }

    fn compare_balances(&self, books: &Ledger) -> Result<(), Lie> {
        let same = |account: String, stored: i64| {
            let ours = self.balance(&account);
            if ours == stored {
                Ok(())
            } else {
                Err(format!("I2: {account} is stored as {stored}, the journal says {ours}"))
            }
        };
        for (owner, container) in &books.containers {
            let currency = container.available.currency;
            same(format!("container/{owner}/{currency}"), container.available.minor)?;
            same(format!("on-hold/{owner}/{currency}"), container.on_hold.minor)?;
        }
        for session in &books.sessions {
            same(format!("session/{}/{}", session.id.number(), session.current.currency), session.current.minor)?;
        }
        books.house.iter().try_for_each(|(account, stored)| same(account.to_string(), *stored))
    }

    /// I1 and I2.
    fn sum_up(&self) -> Result<(), Lie> {
        let mut zero = BTreeMap::<&str, i64>::new();
        let mut held = BTreeMap::<&str, i64>::new();
        for (account, balance) in &self.balances {
            let (kind, currency) = (account.split('/').next().unwrap_or(""), account.rsplit('/').next().unwrap_or(""));
            *zero.entry(currency).or_default() += balance;
            let is_owned = ["container", "on-hold", "session"].contains(&kind);
            if is_owned && *balance < 0 {
                return Err(format!("I2: {account} holds {balance}"));
            }
            if is_owned || ["fees", "exchange"].contains(&kind) {
                *held.entry(currency).or_default() += balance;
            }
        }
        if let Some((currency, sum)) = zero.iter().find(|(_, sum)| **sum != 0) {
            return Err(format!("I2: all accounts in {currency} sum to {sum}"));
        }
        for (currency, held) in held {
            let brought_in = self.brought_in.get(currency).copied().unwrap_or(0);
            if held != brought_in {
                return Err(format!("I1: {held} are held in {currency}, {brought_in} were brought in"));
            }
        }
        Ok(())
    }

    /// I3.
    fn check_session(&self, session: &Session) -> Result<(), Lie> {
        let number = session.id.number();
        let (paid, received) = self.paid.get(&number).copied().unwrap_or_default();
        let returned = self.returned.get(&number).copied().unwrap_or(0);
        let given = self.given.get(&number).copied().unwrap_or(0);
        let (opening, left) = (session.opening.minor, session.current.minor);
        if opening + received != paid + returned + given + left {
            return Err(format!(
                "I3: session {number} opened with {opening} and received {received}, but paid {paid}, returned \
                 {returned}, gave {given} and holds {left}"
            ));
        }
        if session.uses > u32::from(session.use_limit.get()) {
            return Err(format!("I3: session {number} was used {} times of {}", session.uses, session.use_limit.get()));
        }
        match session.status {
            SessionStatus::Ended(..) if left != 0 => Err(format!("I3: session {number} ended with {left} in it")),
            _ => Ok(()),
        }
    }

    /// I3 (nothing after the end), I4 and I5.
    fn check_payments(&self, payments: &[Transaction], sessions: &[Session]) -> Result<(), Lie> {
        let sessions: HashMap<u64, &Session> = sessions.iter().map(|session| (session.id.number(), session)).collect();
        let (mut indexes, mut orders) = (HashSet::new(), HashSet::new());
        for payment in payments {
            let key = (payment.payer_session.number(), payment.payer_index.get());
            let name = format!("{}/{}", key.0, key.1);
            if !indexes.insert(key) {
                return Err(format!("I5: index {name} has two effects"));
            }
            if !orders.insert((payment.payee.to_string(), payment.order_id.to_string())) {
                return Err(format!("I5: order {} of {} was paid twice", payment.order_id, payment.payee));
            }
            if !self.references.contains(&name) {
                return Err(format!("I4: payment {name} is not in the journal"));
            }
            self.check_flow(payment, &name)?;
            for session in [payment.payer_session.number(), payment.payee_session.number()] {
                let Some(session) = sessions.get(&session) else { return Err(format!("I3: {name} without a session")) };
                if let SessionStatus::Ended(end, _) = session.status
                    && payment.date.millis() > end.millis().max(session.expires().millis())
                {
                    return Err(format!("I3: payment {name} came after the end of session {}", session.id.number()));
                }
            }
        }
        if self.references.len() != payments.len() {
            return Err(format!(
                "I4: {} payments in the journal, {} in the table",
                self.references.len(),
                payments.len()
            ));
        }
        Ok(())
    }

    /// I4: what the payer is debited is what the payee is credited, and the fee; and the table says what the journal says.
    fn check_flow(&self, payment: &Transaction, name: &str) -> Result<(), Lie> {
        let flow = self.flows.get(name).copied().unwrap_or_default();
        let (charged, credited) = (payment.charged, payment.credited);
        if (flow.out, flow.into, flow.fee) != (charged.minor, credited.minor, payment.fee.minor) {
            return Err(format!("I4: payment {name} is {charged} for {credited}, the journal says {flow:?}"));
        }
        let net = flow.into - flow.fee;
        if net < 0 || (charged.currency == credited.currency && flow.out != net + flow.fee) {
            return Err(format!("I4: payment {name} takes {charged} and gives {net} and a fee of {}", flow.fee));
        }
        Ok(())
    }

    /// I4 of refunds: what goes back is what the payee gives, and never more than was paid.
    fn check_refunds(&self, refunds: &[Refund], payments: &[Transaction]) -> Result<(), Lie> {
        let key = |session: &protocol::value::SessionId, index: u16| (session.number(), index);
        let paid: HashMap<_, _> =
            payments.iter().map(|paid| (key(&paid.payer_session, paid.payer_index.get()), paid)).collect();
        let mut sums = HashMap::<_, (i64, i64)>::new();
        for refund in refunds {
            let (name, of) = (refund.reference(), key(&refund.payer_session, refund.payer_index.get()));
            let Some(paid) = paid.get(&of) else { return Err(format!("I4: refund {name} of no payment")) };
            let sum = sums.entry(of).or_default();
            *sum = (sum.0 + refund.given.minor, sum.1 + refund.returned.minor);
            if sum.0 > paid.credited.minor || sum.1 > paid.charged.minor {
                return Err(format!("I4: refund {name}: {sum:?} go back of {} and {}", paid.credited, paid.charged));
            }
            let journal = self.given_back.get(&name).copied().unwrap_or_default();
            if journal != (refund.given.minor, refund.returned.minor) {
                return Err(format!(
                    "I4: refund {name} is {} for {}, the journal says {journal:?}",
                    refund.given, refund.returned
                ));
            }
        }
        if self.given_back.len() != refunds.len() {
            return Err(format!(
                "I4: {} refunds in the journal, {} in the table",
                self.given_back.len(),
                refunds.len()
            ));
        }
        Ok(())
    }
}

/// What was answered to which bytes.
#[derive(Clone, Default)]
pub struct Answers(HashMap<u64, Rc<[u8]>>);

impl Answers {
    /// I6: an answer that stands; whether it was given before.
    ///
    /// # Errors
    /// The same bytes were answered otherwise before.
    pub fn hear(&mut self, message: &[u8], reply: &[u8]) -> Result<bool, Lie> {
        match self.0.entry(digest_of(message)) {
            hash_map::Entry::Vacant(place) => {
                place.insert(reply.into());
                Ok(false)
            }
            hash_map::Entry::Occupied(known) if **known.get() == *reply => Ok(true),
            hash_map::Entry::Occupied(known) => {
                let (known, reply) = (String::from_utf8_lossy(known.get()), String::from_utf8_lossy(reply));
                Err(format!("I6: one message, two answers:\n{known}\n{reply}"))
            }
        }
    }
}

/// I9: a letter or a record.
///
/// # Errors
/// It shows what it must not.
pub fn inspect(what: &str, bytes: &[u8]) -> Result<(), Lie> {
    let shows = |canary: &str| bytes.windows(canary.len()).any(|window| window == canary.as_bytes());
    match CANARIES.iter().find(|canary| shows(canary)) {
        Some(canary) => Err(format!("I9: {what} shows {canary}")),
        None => Ok(()),
    }
}

fn session_of(account: &str) -> Result<u64, Lie> {
    let mut parts = account.split('/');
    let number = (parts.next() == Some("session")).then(|| parts.next()?.parse().ok()).flatten();
    number.ok_or_else(|| format!("I3: {account} is not a session"))
}

fn digest_of(value: &(impl Hash + ?Sized)) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
