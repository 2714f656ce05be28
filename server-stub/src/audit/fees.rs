//! Fees that belong to no payment, against the journal. Those of payments are looked at with them.

use std::collections::BTreeMap;

use protocol::date::Date;
use protocol::money::{Currency, Money};
use protocol::persona::PersonaId;
use protocol::value::Value as _;

use super::payments::payment_of;
use super::{Lie, journal_row, tell};
use crate::store::record::{Charge, Entry, Reason};
use crate::store::{Account, ChainHead};

/// Who gave a fee, when, in what and how much, and for what.
type Key = (PersonaId, Date, Currency, i64, String);

/// The fees that the journal moved, and how often. There are few for each session and load, and what is told of as well is
/// forgotten.
#[derive(Default)]
pub struct Fees {
    moved: BTreeMap<Key, u32>,
}

impl Fees {
    /// A journal entry.
    pub fn entry(&mut self, head: &ChainHead, entry: &Entry, lies: &mut Vec<Lie>) {
        if entry.reason != Reason::Fee || payment_of(entry).is_some() {
            return;
        }
        let Entry { date, debit, credit, amount, reference, .. } = entry;
        match (debit, credit) {
            (Account::Container(owner, _) | Account::OnHold(owner, _), Account::Fees(_)) => {
                *self.moved.entry(key(owner, *date, *amount, reference)).or_default() += 1;
            }
            _ => tell(lies, journal_row(head), format!("a fee does not move from {debit} to {credit}")),
        }
    }

    /// A fee; its entry was seen before.
    pub fn charge(&mut self, charge: &Charge, lies: &mut Vec<Lie>) {
        let Charge { persona, date, amount, reference } = charge;
        let key = key(persona, *date, *amount, reference);
        match self.moved.get_mut(&key) {
            Some(1) => drop(self.moved.remove(&key)),
            Some(times) => *times -= 1,
            None => {
                let row = format!("fee of {persona} for {reference}, {}", date.text());
                tell(lies, row, format!("the journal does not move {amount} for it"));
            }
        }
    }

    /// Nothing else moved as a fee.
    pub fn finish(self, lies: &mut Vec<Lie>) {
        for ((persona, date, currency, minor, reference), _) in self.moved {
            let row = format!("journal, fee of {persona} for {reference}, {}", date.text());
            tell(lies, row, format!("there is no such fee of {}", Money::new(currency, minor)));
        }
    }
}

fn key(owner: &PersonaId, date: Date, amount: Money, reference: &str) -> Key {
    (owner.clone(), date, amount.currency, amount.minor, reference.to_owned())
}
