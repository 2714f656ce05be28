//! Movements between instruments and containers (LU1, AC1), which limits are counted from, against the journal.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use protocol::date::Date;
use protocol::money::{Currency, Money};
use protocol::persona::PersonaId;

use super::{Lie, journal_row, tell};
use crate::server::service::Service;
use crate::store::record::{Entry, Movement, Reason};
use crate::store::{Account, ChainHead};

/// What the journal moved, and has not been told of yet. Of each there is a keyed hash and a row that moved it.
#[derive(Default)]
pub struct Movements {
    moved: HashMap<u64, Vec<(u32, u64)>>,
    keys: RandomState,
}

impl Movements {
    fn key(&self, reason: Reason, owner: &PersonaId, date: Date, (currency, minor): (Currency, i64)) -> u64 {
        self.keys.hash_one((reason, owner, date, currency, minor))
    }

    /// A journal entry. One that names nobody's account is told of with the accounts.
    pub fn entry(&mut self, head: &ChainHead, entry: &Entry) {
        let of_funds = |name: &str| [Service::Load, Service::Unload].iter().any(|service| service.name() == name);
        let owned = match entry.reason {
            Reason::Load => &entry.credit,
            Reason::Unload => &entry.debit,
            Reason::Fee if of_funds(&entry.reference) => &entry.debit,
            _ => return,
        };
        if let Account::Container(owner, currency) | Account::OnHold(owner, currency) = owned {
            let key = self.key(entry.reason, owner, entry.date, (*currency, entry.amount.minor));
            self.moved.entry(key).or_default().push((head.chain, head.number));
        }
    }

    /// A movement; its entries were seen before.
    pub fn movement(&mut self, number: u64, movement: &Movement, lies: &mut Vec<Lie>) {
        let Movement { persona, date, amount: Money { currency, minor }, fee, .. } = movement;
        let reason = if *minor < 0 { Reason::Unload } else { Reason::Load };
        let mut told = vec![self.key(reason, persona, *date, (*currency, minor.saturating_abs()))];
        if fee.minor != 0 {
            told.push(self.key(Reason::Fee, persona, *date, (*currency, fee.minor)));
        }
        for key in told {
            let found = self.moved.get_mut(&key).and_then(Vec::pop);
            if found.is_none() {
                let claim = format!("the journal does not move {} with a fee of {fee}", movement.amount);
                tell(lies, format!("movement_405 {number}"), claim);
            }
        }
    }

    /// Nothing else was loaded or unloaded.
    pub fn finish(self, lies: &mut Vec<Lie>) {
        let mut left: Vec<_> = self.moved.into_values().flatten().collect();
        left.sort_unstable();
        for (chain, number) in left {
            let row = journal_row(&ChainHead { number, ..ChainHead::empty(chain) });
            tell(lies, row, "movement_405 does not tell of it".to_owned());
        }
    }
}
