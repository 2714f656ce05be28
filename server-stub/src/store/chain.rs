//! The hash chain of the journal: each row carries the hash of itself and of all rows before it.
//!
//! A chain has one writer. A store with one committer has one chain; server processes that share a database have a chain
//! each, so that none waits for another's last row. Whoever wrote down a chain's number, row and hash (the audit prints
//! them) can tell later whether anything up to that row was changed, dropped or slipped in.
//!
//! `hash = SHA-256(hash of the row before, or 32 zeros | chain | number | date | amount | reason | debit | credit |
//! currency | reference)`: numbers are big-endian (32 bits for the chain, 64 for the others), texts follow their length in
//! bytes (32 bits).

use protocol::money::Currency;
use sha2::{Digest as _, Sha256};

use super::record::Entry;

/// The last row of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainHead {
    /// Which chain, from 1.
    pub chain: u32,
    /// The row's number, from 1; 0 where there is no row yet.
    pub number: u64,
    /// The row's hash.
    pub hash: [u8; 32],
}

/// A journal entry as its columns; what is hashed is what is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryText {
    /// When, milliseconds since 1970 UTC.
    pub date: i64,
    /// Why.
    pub reason: &'static str,
    /// Gives.
    pub debit: String,
    /// Receives.
    pub credit: String,
    /// In what.
    pub currency: Currency,
    /// Minor units.
    pub amount: i64,
    /// What it belongs to.
    pub reference: String,
}

impl ChainHead {
    /// A chain without rows.
    pub fn empty(chain: u32) -> Self {
        Self { chain, number: 0, hash: [0; 32] }
    }

    /// The head once `entry` is appended.
    #[must_use]
    pub fn next(&self, entry: &EntryText) -> Self {
        let number = self.number + 1;
        let mut hash = Sha256::new();
        hash.update(self.hash);
        hash.update(self.chain.to_be_bytes());
        hash.update(number.to_be_bytes());
        hash.update(entry.date.to_be_bytes());
        hash.update(entry.amount.to_be_bytes());
        for text in [entry.reason, &entry.debit, &entry.credit, entry.currency.code(), &entry.reference] {
            // A column is never near 4 GiB; one that were would only be hashed under a wrong length.
            hash.update(u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
            hash.update(text.as_bytes());
        }
        Self { chain: self.chain, number, hash: hash.finalize().into() }
    }
}

impl EntryText {
    /// The columns of an entry.
    pub fn of(entry: &Entry) -> Self {
        Self {
            date: entry.date.millis(),
            reason: entry.reason.name(),
            debit: entry.debit.to_string(),
            credit: entry.credit.to_string(),
            currency: entry.amount.currency,
            amount: entry.amount.minor,
            reference: entry.reference.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn currency(code: &str) -> Currency {
        Currency::of(code).expect("a currency")
    }

    fn entry() -> EntryText {
        let (debit, credit) = ("agency/usd".to_owned(), "container/brianb-40/usd".to_owned());
        let (reason, currency, reference) = ("load", currency("usd"), String::new());
        EntryText { date: 1_795_000_000_000, reason, debit, credit, currency, amount: 4_250, reference }
    }

    #[test]
    fn every_column_is_in_the_hash() {
        let head = ChainHead::empty(1);
        let changed = [
            head.next(&entry()),
            head.next(&EntryText { date: 1, ..entry() }),
            head.next(&EntryText { reason: "open", ..entry() }),
            head.next(&EntryText { debit: "bank/usd".to_owned(), ..entry() }),
            head.next(&EntryText { credit: "bank/usd".to_owned(), ..entry() }),
            head.next(&EntryText { currency: currency("cad"), ..entry() }),
            head.next(&EntryText { amount: 4_251, ..entry() }),
            head.next(&EntryText { reference: "1/1".to_owned(), ..entry() }),
            // The bytes of two columns together are the same.
            head.next(&EntryText {
                debit: "agency/usdc".to_owned(),
                credit: "ontainer/brianb-40/usd".to_owned(),
                ..entry()
            }),
            ChainHead::empty(2).next(&entry()),
            head.next(&entry()).next(&entry()),
        ];
        let hashes: std::collections::BTreeSet<_> = changed.iter().map(|head| head.hash).collect();
        assert_eq!(hashes.len(), changed.len());
    }
}
