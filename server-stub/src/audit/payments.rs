//! Payments, beside what the journal moved for them.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};

use protocol::date::Date;
use protocol::money::Money;
use protocol::value::Value as _;

use super::{Lie, tell};
use crate::store::record::{Entry, Reason, Transaction};
use crate::store::{Account, BookRow};

/// A payer's session and index.
pub type Key = (u64, u16);

/// What one entry of a payment moves, and when.
type Move = (Reason, Account, Account, Money, Date);

/// Hashes of moves under a key of this run, so that no books can be made to fit.
#[derive(Default)]
pub struct Fingerprints(RandomState);

impl Fingerprints {
    /// Of what the journal moved.
    pub fn entry(&self, key: Key, entry: &Entry) -> u64 {
        self.0.hash_one((key, entry.reason, &entry.debit, &entry.credit, entry.amount, entry.date))
    }

    /// Of what a payment says; the sum over its entries.
    pub fn payment(&self, transaction: &Transaction) -> u64 {
        let key = key_of(transaction);
        let moves = moves_of(transaction).into_iter();
        let hashes = moves
            .map(|(reason, debit, credit, amount, date)| self.0.hash_one((key, reason, &debit, &credit, amount, date)));
        hashes.fold(0, u64::wrapping_add)
    }
}

/// The payment that an entry belongs to.
pub fn payment_of(entry: &Entry) -> Option<Key> {
    let (session, index) = entry.reference.split_once('/')?;
    let key = (session.parse().ok()?, index.parse().ok()?);
    (reference(key) == entry.reference).then_some(key)
}

/// As the journal refers to a payment.
fn reference((session, index): Key) -> String {
    format!("{session}/{index}")
}

/// What names a payment.
pub fn key_of(transaction: &Transaction) -> Key {
    (transaction.payer_session.number(), transaction.payer_index.get())
}

/// A payment's name.
pub fn payment_row(key: Key) -> String {
    format!("transaction_130n {}", reference(key))
}

/// What the journal has to move for a payment.
fn moves_of(transaction: &Transaction) -> Vec<Move> {
    let Transaction { payer_session, payee_session, charged, credited, fee, date, .. } = transaction;
    let payer = Account::Session(payer_session.number(), charged.currency);
    let payee = Account::Session(payee_session.number(), credited.currency);
    let mut moves = if charged == credited {
        vec![(Reason::Payment, payer, payee.clone(), *charged, *date)]
    } else {
        // Between currencies; within one, two amounts are a lie, and no entries fit.
        vec![
            (Reason::Payment, payer, Account::Exchange(charged.currency), *charged, *date),
            (Reason::Payment, Account::Exchange(credited.currency), payee.clone(), *credited, *date),
        ]
    };
    if fee.minor != 0 {
        moves.push((Reason::Fee, payee, Account::Fees(fee.currency), *fee, *date));
    }
    moves
}

/// The payments of some sessions, one by one.
pub struct Details {
    sessions: BTreeSet<u64>,
    moved: BTreeMap<Key, Vec<Move>>,
    lies: Vec<Lie>,
}

impl Details {
    /// Looks at the payments from these sessions.
    pub fn of(sessions: BTreeSet<u64>) -> Self {
        Self { sessions, moved: BTreeMap::new(), lies: Vec::new() }
    }

    /// Looks at a row.
    pub fn see(&mut self, row: &BookRow) {
        match row {
            BookRow::Entry(_, entry) if matches!(entry.reason, Reason::Payment | Reason::Fee) => {
                if let Some(key) = payment_of(entry).filter(|(session, _)| self.sessions.contains(session)) {
                    let moved = (entry.reason, entry.debit.clone(), entry.credit.clone(), entry.amount, entry.date);
                    self.moved.entry(key).or_default().push(moved);
                }
            }
            BookRow::Payment(transaction) if self.sessions.contains(&transaction.payer_session.number()) => {
                self.compare(transaction);
            }
            _ => {}
        }
    }

    fn compare(&mut self, transaction: &Transaction) {
        let key = key_of(transaction);
        let mut found = self.moved.remove(&key).unwrap_or_default();
        let mut expected = moves_of(transaction);
        let by_accounts = |(_, debit, credit, ..): &Move| (debit.clone(), credit.clone());
        found.sort_by_key(by_accounts);
        expected.sort_by_key(by_accounts);
        if found != expected {
            let moves: Vec<_> =
                expected.iter().map(|(_, from, to, amount, _)| format!("{amount} from {from} to {to}")).collect();
            let claim = format!("the journal does not move {}, once, {}", moves.join(" and "), transaction.date.text());
            tell(&mut self.lies, payment_row(key), claim);
        }
    }

    /// Tells what was found.
    pub fn finish(mut self, lies: &mut Vec<Lie>) {
        for key in self.moved.into_keys() {
            let row = format!("journal, payment {}", reference(key));
            tell(&mut self.lies, row, "there is no such payment".to_owned());
        }
        for Lie { row, claim } in self.lies {
            tell(lies, row, claim);
        }
    }
}
