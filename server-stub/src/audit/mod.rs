//! `server-stub audit`: rebuilds every balance from the journal alone and compares.
//!
//! | what is looked at | what must be true |
//! | --- | --- |
//! | accounts | the stored balance is what the journal moved there; what customers own is not below zero |
//! | currencies | over all accounts the balances sum to zero |
//! | sessions | opened + earned = spent + returned + left; what has ended is empty and was left alone after; uses are within the limit |
//! | payments | the payer's session gave what was charged, the payee's received what was credited, once |
//! | refunds | the payee gave what is said, the payer got what is said; together they are within the payment |
//! | holds | what is on hold is the sum of the loads that have not cleared |

mod refunds;
mod sessions;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::process::ExitCode;

use protocol::money::{Currency, Money};

use crate::cli::Ending;
use crate::store::{Account, Books, Place};

/// Arguments of `server-stub audit`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Where the books are; the server may be running.
    #[command(flatten)]
    pub place: Place,
}

/// Something in the books that is not true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lie {
    /// Which row.
    pub row: String,
    /// What it says and what it should say.
    pub claim: String,
}

impl fmt::Display for Lie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.row, self.claim)
    }
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Everything that is not true.
    pub lies: Vec<Lie>,
    /// For each currency, what each kind of account holds, minor units.
    pub totals: BTreeMap<(Currency, &'static str), i128>,
}

/// Audits a data directory and prints what it finds.
///
/// # Errors
/// The books cannot be read.
pub async fn run(args: &Args) -> Ending {
    let books = args.place.books().await?;
    let Findings { lies, totals } = audit(&books);
    println!(
        "{} entries, {} sessions, {} payments",
        books.journal.len(),
        books.sessions.len(),
        books.transactions.len()
    );
    for ((currency, kind), minor) in &totals {
        println!("{currency} {kind:<12} {:>20}", decimal(*currency, *minor));
    }
    for lie in &lies {
        println!("{lie}");
    }
    Ok(if lies.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A sum as people read it; sums over everyone may be larger than an amount may be.
fn decimal(currency: Currency, minor: i128) -> String {
    i64::try_from(minor).map_or_else(|_| format!("{minor} minor units"), |minor| Money::new(currency, minor).decimal())
}

/// Audits the books.
pub fn audit(books: &Books) -> Findings {
    let proven = balances(books);
    let mut findings = Findings { totals: totals(&proven), ..Findings::default() };
    let lies = &mut findings.lies;
    compare(books, &proven, lies);
    check_sums(books, lies);
    check_holds(books, lies);
    sessions::check(books, lies);
    refunds::check(books, lies);
    findings
}

/// Says that a row is not true.
fn tell(lies: &mut Vec<Lie>, row: impl fmt::Display, claim: String) {
    lies.push(Lie { row: row.to_string(), claim });
}

/// Every balance, from the journal alone.
fn balances(books: &Books) -> BTreeMap<Account, i128> {
    let mut balances = BTreeMap::new();
    for (_, entry) in &books.journal {
        *balances.entry(entry.debit.clone()).or_default() -= i128::from(entry.amount.minor);
        *balances.entry(entry.credit.clone()).or_default() += i128::from(entry.amount.minor);
    }
    balances
}

fn totals(proven: &BTreeMap<Account, i128>) -> BTreeMap<(Currency, &'static str), i128> {
    let mut totals = BTreeMap::new();
    for (account, balance) in proven {
        *totals.entry((account.currency(), account.kind())).or_default() += balance;
    }
    totals
}

/// Every balance as it is stored.
fn stored(books: &Books) -> Vec<(Account, i64)> {
    let mut stored = books.house.clone();
    for (id, container) in &books.containers {
        let currency = container.available.currency;
        stored.push((Account::Container(id.clone(), currency), container.available.minor));
        stored.push((Account::OnHold(id.clone(), currency), container.on_hold.minor));
    }
    stored.extend(books.sessions.iter().map(|session| (session.account(), session.current.minor)));
    stored
}

fn compare(books: &Books, proven: &BTreeMap<Account, i128>, lies: &mut Vec<Lie>) {
    let mut unseen: BTreeSet<&Account> = proven.keys().collect();
    for (account, says) in &stored(books) {
        unseen.remove(account);
        let moved = proven.get(account).copied().unwrap_or_default();
        if i128::from(*says) != moved {
            let (says, moved) = (decimal(account.currency(), (*says).into()), decimal(account.currency(), moved));
            tell(lies, account, format!("the balance is {says}; the journal moved {moved}"));
        }
        if account.is_owned() && *says < 0 {
            tell(lies, account, "the balance is below zero".to_owned());
        }
    }
    for account in unseen.into_iter().filter(|account| proven.get(account).is_some_and(|moved| *moved != 0)) {
        tell(lies, account, "the journal moved money there, and there is no such account".to_owned());
    }
}

/// Entries are whole in themselves, and all stored balances of a currency sum to zero.
fn check_sums(books: &Books, lies: &mut Vec<Lie>) {
    for (row, entry) in &books.journal {
        let currency = entry.amount.currency;
        if entry.debit.currency() != currency || entry.credit.currency() != currency || entry.amount.minor < 0 {
            tell(lies, format!("journal {row}"), format!("{} cannot move between these accounts", entry.amount));
        }
    }
    for rows in books.journal.windows(2) {
        if rows[0].0 + 1 != rows[1].0 {
            tell(lies, format!("journal {}", rows[1].0), format!("the row after {} is missing", rows[0].0));
        }
    }
    let mut sums: BTreeMap<Currency, i128> = BTreeMap::new();
    for (account, balance) in stored(books) {
        *sums.entry(account.currency()).or_default() += i128::from(balance);
    }
    for (currency, sum) in sums.into_iter().filter(|(_, sum)| *sum != 0) {
        tell(lies, currency, format!("all balances sum to {}, not to nothing", decimal(currency, sum)));
    }
}

fn check_holds(books: &Books, lies: &mut Vec<Lie>) {
    let mut held: BTreeMap<Account, i128> = BTreeMap::new();
    for (id, load) in &books.pending {
        let account = Account::OnHold(id.clone(), load.amount.currency);
        *held.entry(account).or_default() += i128::from(load.amount.minor);
    }
    for (id, container) in &books.containers {
        let account = Account::OnHold(id.clone(), container.on_hold.currency);
        let pending = held.remove(&account).unwrap_or_default();
        if pending != i128::from(container.on_hold.minor) {
            let pending = decimal(account.currency(), pending);
            tell(lies, &account, format!("the balance is {}; loads of {pending} are on hold", container.on_hold));
        }
    }
    for (account, _) in held {
        tell(lies, account, "a load is on hold, and there is no such container".to_owned());
    }
}
