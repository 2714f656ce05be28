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

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{Hash, Hasher as _};

use protocol::persona::PersonaId;
use server_stub::store::Account;
use server_stub::store::record::{Container, Entry, Reason, Session, SessionStatus, Transaction};

use super::{CANARY_ACCOUNT, CANARY_AUTOCLOSE, CANARY_PASSPHRASE};

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
    /// The operator's accounts, minor units.
    pub house: Vec<(Account, i64)>,
}

/// The judge.
#[derive(Default)]
pub struct Judge {
    balances: BTreeMap<String, i64>,
    /// Loads less unloads, by currency.
    brought_in: BTreeMap<String, i64>,
    /// A digest of each journal row seen.
    rows: Vec<u64>,
    /// What went out of and came into sessions by payments.
    paid: HashMap<u64, (i64, i64)>,
    returned: HashMap<u64, i64>,
    /// References of payments seen in the journal.
    references: HashSet<String>,
    answers: HashMap<u64, Vec<u8>>,
    looks: u64,
}

/// Old rows of the journal are read again every so many looks.
const WHOLE_JOURNAL: u64 = 64;

impl Judge {
    /// Looks at the server's books.
    ///
    /// # Errors
    /// The first lie.
    pub fn look(&mut self, books: &Ledger) -> Result<(), Lie> {
        self.read_journal(books)?;
        self.compare_balances(books)?;
        self.sum_up()?;
        for session in &books.sessions {
            self.check_session(session)?;
        }
        self.check_payments(&books.transactions, &books.sessions)
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
            _ => {}
        }
        Ok(())
    }

    fn post_payment(&mut self, entry: &Entry, debit: &str, credit: &str) -> Result<(), Lie> {
        let minor = entry.amount.minor;
        if let Ok(payer) = session_of(debit) {
            self.paid.entry(payer).or_default().0 += minor;
            if !self.references.insert(entry.reference.clone()) {
                return Err(format!("I5: {} was paid twice", entry.reference));
            }
        }
        if let Ok(payee) = session_of(credit) {
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
        let (opening, left) = (session.opening.minor, session.current.minor);
        if opening + received != paid + returned + left {
            return Err(format!(
                "I3: session {number} opened with {opening} and received {received}, but paid {paid}, returned \
                 {returned} and holds {left}"
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
            let (charged, credited) = (payment.charged, payment.credited);
            if charged.currency == credited.currency && charged.minor < credited.minor {
                return Err(format!("I4: payment {name} takes {charged} and gives {credited}"));
            }
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

    /// I6: what the server answers to a message.
    ///
    /// # Errors
    /// It answered the same bytes otherwise before.
    pub fn hear(&mut self, message: &[u8], reply: &[u8]) -> Result<(), Lie> {
        let name = digest_of(message);
        if super::server::is_error(reply) {
            return Ok(());
        }
        match self.answers.get(&name) {
            None => drop(self.answers.insert(name, reply.to_vec())),
            Some(known) if known == reply => {}
            Some(known) => {
                let (known, reply) = (String::from_utf8_lossy(known), String::from_utf8_lossy(reply));
                return Err(format!("I6: one message, two answers:\n{known}\n{reply}"));
            }
        }
        Ok(())
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

#[cfg(test)]
mod tests {
    use super::super::{Genesis, Schedule};
    use super::*;

    /// What a judge who sees these books for the first time says.
    fn verdict(books: &Ledger) -> Result<(), Lie> {
        Judge::default().look(books)
    }

    type Tampering = (&'static str, fn(&mut Ledger));

    const TAMPERINGS: [Tampering; 7] = [
        ("I2", |books| books.containers[0].1.available.minor += 1),
        ("I2", |books| books.journal[0].amount.minor += 1),
        ("I1", |books| {
            let load = books.journal.iter_mut().find(|entry| entry.reason == Reason::Load);
            load.expect("a load").reason = Reason::Open;
        }),
        ("I3", |books| books.sessions[0].uses = u32::from(books.sessions[0].use_limit.get()) + 1),
        ("I3", |books| books.sessions[0].opening.minor += 1),
        ("I4", |books| drop(books.transactions.pop())),
        ("I5", |books| books.transactions.push(books.transactions[0].clone())),
    ];

    #[test]
    fn tampering_is_seen() {
        let genesis = Genesis::settled().expect("everybody moves in");
        let books = genesis.books_after(&Schedule::calm(7, 60_000, [])).expect("a good world");
        assert_eq!(verdict(&books), Ok(()));
        for (number, tamper) in TAMPERINGS {
            let mut tampered = books.clone();
            tamper(&mut tampered);
            let lie = verdict(&tampered).expect_err(number);
            assert!(lie.starts_with(number), "{number}: {lie}");
        }
    }

    #[test]
    fn a_journal_that_forgets_is_seen() {
        let genesis = Genesis::settled().expect("everybody moves in");
        let mut books = genesis.books_after(&Schedule::calm(7, 20_000, [])).expect("a good world");
        let mut judge = Judge::default();
        assert_eq!(judge.look(&books), Ok(()));
        books.journal.pop();
        assert!(judge.look(&books).expect_err("a row is gone").starts_with("I7"));
    }

    #[test]
    fn two_answers_and_secrets_are_seen() {
        let mut judge = Judge::default();
        assert_eq!(judge.hear(b"a question", b"an answer"), Ok(()));
        assert!(judge.hear(b"a question", b"another").expect_err("two answers").starts_with("I6"));
        assert!(inspect("a letter", CANARY_ACCOUNT.as_bytes()).expect_err("a secret").starts_with("I9"));
    }
}
