//! Accounts: what the journal moved, beside what is stored.

use std::collections::BTreeMap;

use protocol::money::{Currency, Money};
use protocol::persona::PersonaId;

use super::{Lie, decimal, journal_row, tell};
use crate::store::record::{Container, Entry};
use crate::store::{Account, ChainHead, EntryText};

/// One account.
#[derive(Default)]
struct Balance {
    /// By the journal, minor units.
    moved: i128,
    /// As it is stored, minor units.
    stored: Option<i64>,
    /// The loads that have not cleared, minor units.
    pending: i128,
}

/// Every account, and the chains of the journal.
#[derive(Default)]
pub struct Accounts {
    balances: BTreeMap<Account, Balance>,
    chains: BTreeMap<u32, ChainHead>,
}

impl Accounts {
    fn of(&mut self, account: Account) -> &mut Balance {
        self.balances.entry(account).or_default()
    }

    /// A journal entry.
    pub fn entry(&mut self, head: &ChainHead, entry: &Entry, lies: &mut Vec<Lie>) {
        self.link(head, entry, lies);
        let Entry { debit, credit, amount, .. } = entry;
        if debit.currency() != amount.currency || credit.currency() != amount.currency || amount.minor < 0 {
            tell(lies, journal_row(head), format!("{amount} cannot move between these accounts"));
        }
        self.of(debit.clone()).moved -= i128::from(amount.minor);
        self.of(credit.clone()).moved += i128::from(amount.minor);
    }

    /// The row follows the one before it in its chain. After a row that does not, the chain goes on from what is stored.
    fn link(&mut self, head: &ChainHead, entry: &Entry, lies: &mut Vec<Lie>) {
        let last = self.chains.entry(head.chain).or_insert_with(|| ChainHead::empty(head.chain));
        let next = last.next(&EntryText::of(entry));
        if next.number != head.number {
            tell(lies, journal_row(head), format!("the row after {} is missing", last.number));
        } else if next.hash != head.hash {
            tell(lies, journal_row(head), "its hash is not that of this row and of those before it".to_owned());
        }
        *last = *head;
    }

    /// A container.
    pub fn container(&mut self, id: &PersonaId, container: &Container) {
        let currency = container.available.currency;
        self.store(Account::Container(id.clone(), currency), container.available.minor);
        self.store(Account::OnHold(id.clone(), currency), container.on_hold.minor);
    }

    /// What is on hold of a load.
    pub fn pending(&mut self, id: &PersonaId, held: Money) {
        self.of(Account::OnHold(id.clone(), held.currency)).pending += i128::from(held.minor);
    }

    /// A stored balance.
    pub fn store(&mut self, account: Account, minor: i64) {
        self.of(account).stored = Some(minor);
    }

    /// Compares them all.
    pub fn check(&self, lies: &mut Vec<Lie>) {
        let mut sums: BTreeMap<Currency, i128> = BTreeMap::new();
        for (account, balance) in &self.balances {
            check(account, balance, lies);
            *sums.entry(account.currency()).or_default() += i128::from(balance.stored.unwrap_or_default());
        }
        for (currency, sum) in sums.into_iter().filter(|(_, sum)| *sum != 0) {
            tell(lies, currency, format!("all balances sum to {}, not to nothing", decimal(currency, sum)));
        }
    }

    /// For each currency, what each kind of account holds by the journal.
    pub fn totals(&self) -> BTreeMap<(Currency, &'static str), i128> {
        let mut totals = BTreeMap::new();
        for (account, balance) in &self.balances {
            *totals.entry((account.currency(), account.kind())).or_default() += balance.moved;
        }
        totals
    }

    /// The last row of each chain.
    pub fn heads(&self) -> Vec<ChainHead> {
        self.chains.values().copied().collect()
    }
}

fn check(account: &Account, balance: &Balance, lies: &mut Vec<Lie>) {
    let Balance { moved, stored, pending } = *balance;
    let amount = |minor| decimal(account.currency(), minor);
    match stored.map(i128::from) {
        Some(says) if says != moved => {
            tell(lies, account, format!("the balance is {}; the journal moved {}", amount(says), amount(moved)));
        }
        None if moved != 0 => {
            tell(lies, account, "the journal moved money there, and there is no such account".to_owned());
        }
        _ => {}
    }
    let says = stored.map_or(0, i128::from);
    if account.is_owned() && says < 0 {
        tell(lies, account, "the balance is below zero".to_owned());
    }
    if matches!(account, Account::OnHold(..)) && says != pending {
        tell(lies, account, format!("the balance is {}; loads of {} are on hold", amount(says), amount(pending)));
    }
}
