//! Accounts: what the journal moved, beside what is stored.

use std::collections::{BTreeMap, HashSet};

use protocol::money::Currency;
use protocol::persona::PersonaId;

use super::{Lie, decimal, journal_row, tell};
use crate::store::record::{Container, Entry, Movement, PendingLoad};
use crate::store::{Account, ChainHead, EntryText};

/// One account.
#[derive(Default)]
struct Balance {
    /// By the journal, minor units.
    moved: i128,
    /// Whether the journal names it at all.
    named: bool,
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
    personas: HashSet<PersonaId>,
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
        for (account, moved) in [(debit, -i128::from(amount.minor)), (credit, i128::from(amount.minor))] {
            let balance = self.of(account.clone());
            balance.moved += moved;
            balance.named = true;
        }
    }

    /// The last row of a chain, as it is known beside the journal; every entry was seen before.
    pub fn head(&self, head: &ChainHead, lies: &mut Vec<Lie>) {
        let last = self.chains.get(&head.chain).copied().unwrap_or_else(|| ChainHead::empty(head.chain));
        if last != *head {
            let claim = format!("the journal ends at row {} of that chain, or otherwise", last.number);
            tell(lies, format!("journal_chain {}", head.chain), claim);
        }
    }

    /// Somebody who can own something.
    pub fn persona(&mut self, id: &PersonaId) {
        self.personas.insert(id.clone());
    }

    /// Whatever `row` names belongs to somebody; all personas were seen before.
    pub fn check_owner(&self, id: &PersonaId, row: impl Fn() -> String, lies: &mut Vec<Lie>) {
        if !self.personas.contains(id) {
            tell(lies, row(), format!("there is no persona {id}"));
        }
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
    pub fn container(&mut self, id: &PersonaId, container: &Container, lies: &mut Vec<Lie>) {
        let currency = container.available.currency;
        self.check_owner(id, || format!("container_120g {id}/{currency}"), lies);
        self.store(Account::Container(id.clone(), currency), container.available.minor);
        self.store(Account::OnHold(id.clone(), currency), container.on_hold.minor);
    }

    /// A movement; what has not cleared of it is on hold.
    pub fn movement(&mut self, movement: &Movement) {
        let Movement { persona, amount, fee, clears, .. } = movement;
        if let Some(clears) = *clears {
            let held = PendingLoad { id: 0, amount: *amount, fee: *fee, clears }.held();
            self.of(Account::OnHold(persona.clone(), held.currency)).pending += i128::from(held.minor);
        }
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
            if balance.stored.is_some() && !self.is_named(account) {
                tell(lies, account, "the journal knows no such account".to_owned());
            }
            *sums.entry(account.currency()).or_default() += i128::from(balance.stored.unwrap_or_default());
        }
        for (currency, sum) in sums.into_iter().filter(|(_, sum)| *sum != 0) {
            tell(lies, currency, format!("all balances sum to {}, not to nothing", decimal(currency, sum)));
        }
    }

    /// Whether the journal names an account. A container's two halves are one row.
    fn is_named(&self, account: &Account) -> bool {
        let named = |account: &Account| self.balances.get(account).is_some_and(|balance| balance.named);
        named(account)
            || match account {
                Account::Container(id, currency) => named(&Account::OnHold(id.clone(), *currency)),
                Account::OnHold(id, currency) => named(&Account::Container(id.clone(), *currency)),
                _ => false,
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
    let Balance { moved, named, stored, pending } = *balance;
    let amount = |minor| decimal(account.currency(), minor);
    match stored.map(i128::from) {
        Some(says) if says != moved => {
            tell(lies, account, format!("the balance is {}; the journal moved {}", amount(says), amount(moved)));
        }
        None if named => {
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
