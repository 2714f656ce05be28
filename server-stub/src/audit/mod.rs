//! `server-stub audit`: rebuilds every balance from the journal alone and compares.
//!
//! | what is looked at | what must be true |
//! | --- | --- |
//! | journal | each row's hash is that of itself and of all rows before it; no row is missing |
//! | accounts | the stored balance is what the journal moved there; what customers own is not below zero, and is a persona's |
//! | currencies | over all accounts the balances sum to zero |
//! | sessions | opened + earned = spent + returned + left; the journal opened it for its owner, then; its lifetime is what it ended by; what has ended is empty and was left alone after; uses are within the limit, and as many as were made |
//! | payments | the payer's session gave what was charged, the payee's received what was credited and gave the fee, once, then; each collection has one date and one answer |
//! | fees | each was taken from whoever is said to have given it, once; what the operator has taken is somebody's fee |
//! | refunds | the payee gave what is said, the payer got what is said, then; together they are within the payment, and of its order |
//! | movements | the journal loaded or unloaded as much, then, with that fee, once |
//! | holds | what is on hold is the sum of the loads that have not cleared |
//!
//! What it cannot tell (who may do what, keys, words) is listed in `tests/audit/columns.rs` column by column, each with its reason.
//!
//! The books are read row by row. What is kept in memory grows with the number of accounts and collections, not with the
//! journal and the payments: those are compared as sums of keyed hashes, session by session, and only where a sum does
//! not fit are they read a second time, to name the rows.

mod accounts;
mod fees;
mod movements;
mod payments;
mod refunds;
mod sessions;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::process::ExitCode;

use protocol::money::{Currency, Money};
use protocol::value::to_base64;

use self::accounts::Accounts;
use self::fees::Fees;
use self::movements::Movements;
use self::payments::Details;
use self::refunds::Refunds;
use self::sessions::Sessions;
use crate::cli::Ending;
use crate::store::{BookRow, Books, ChainHead, Place, StoreError};

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
    /// What is not true, at most [`MAX_LIES`].
    pub lies: Vec<Lie>,
    /// For each currency, what each kind of account holds, minor units.
    pub totals: BTreeMap<(Currency, &'static str), i128>,
    /// The last row of each chain of the journal.
    pub heads: Vec<ChainHead>,
    /// How many rows were read: journal entries, sessions, payments.
    pub read: Read,
}

/// How many rows were read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Read {
    /// Journal entries.
    pub entries: u64,
    /// Sessions.
    pub sessions: u64,
    /// Payments.
    pub payments: u64,
}

/// How many lies are told: enough to see what is wrong, few enough to be read and kept.
pub const MAX_LIES: usize = 1_000;

/// Audits the books and prints what it finds.
///
/// # Errors
/// The books cannot be read.
pub async fn run(args: &Args) -> Ending {
    let Findings { lies, totals, heads, read } = audit(&*args.place.books()?).await?;
    println!("{} entries, {} sessions, {} payments", read.entries, read.sessions, read.payments);
    for ((currency, kind), minor) in &totals {
        println!("{currency} {kind:<12} {:>20}", decimal(*currency, *minor));
    }
    for ChainHead { chain, number, hash } in &heads {
        println!("journal {chain}/{number} {}", to_base64(hash));
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
///
/// # Errors
/// They cannot be read.
pub async fn audit(books: &dyn Books) -> Result<Findings, StoreError> {
    let mut auditor = Auditor::default();
    books.show(&mut |row| auditor.see(&row)).await?;
    let (mut findings, suspects) = auditor.finish();
    if !suspects.is_empty() {
        let mut details = Details::of(suspects);
        books.show(&mut |row| details.see(&row)).await?;
        details.finish(&mut findings.lies);
    }
    Ok(findings)
}

/// Everything that is kept of the rows.
#[derive(Default)]
struct Auditor {
    accounts: Accounts,
    sessions: Sessions,
    refunds: Refunds,
    fees: Fees,
    movements: Movements,
    read: Read,
    lies: Vec<Lie>,
}

impl Auditor {
    fn see(&mut self, row: &BookRow) {
        let Self { accounts, sessions, refunds, fees, movements, read, lies } = self;
        match row {
            BookRow::Entry(head, entry) => {
                read.entries += 1;
                accounts.entry(head, entry, lies);
                sessions.entry(head, entry, lies);
                refunds.entry(entry);
                fees.entry(head, entry, lies);
                movements.entry(head, entry);
            }
            BookRow::Head(head) => accounts.head(head, lies),
            BookRow::Persona(id) => accounts.persona(id),
            BookRow::Container(id, container) => accounts.container(id, container, lies),
            BookRow::Session { session, expires } => {
                read.sessions += 1;
                accounts.store(session.account(), session.current.minor);
                accounts.check_owner(&session.persona, || session_row(session.id.number()), lies);
                sessions.session(session, *expires, lies);
            }
            BookRow::Payment(transaction) => {
                read.payments += 1;
                sessions.payment(transaction, lies);
                refunds.payment(transaction, lies);
            }
            BookRow::Refund(refund) => refunds.refund(refund, lies),
            BookRow::Answered(session, index) => sessions.answered(*session, *index),
            BookRow::Charge(charge) => fees.charge(charge, lies),
            BookRow::Movement(number, movement) => {
                accounts.movement(movement);
                movements.movement(*number, movement, lies);
            }
            BookRow::House(account, balance) => accounts.store(account.clone(), *balance),
            BookRow::Unreadable { row, why } => tell(lies, row, why.clone()),
        }
    }

    /// What was found, and the sessions whose payments have to be looked at one by one.
    fn finish(self) -> (Findings, BTreeSet<u64>) {
        let Self { accounts, sessions, refunds, fees, movements, read, mut lies } = self;
        accounts.check(&mut lies);
        refunds.finish(&mut lies);
        fees.finish(&mut lies);
        movements.finish(&mut lies);
        let suspects = sessions.finish(&mut lies);
        (Findings { lies, totals: accounts.totals(), heads: accounts.heads(), read }, suspects)
    }
}

/// Says that a row is not true.
fn tell(lies: &mut Vec<Lie>, row: impl fmt::Display, claim: String) {
    if lies.len() < MAX_LIES {
        lies.push(Lie { row: row.to_string(), claim });
    }
}

/// A journal row's name.
fn journal_row(head: &ChainHead) -> String {
    format!("journal {}/{}", head.chain, head.number)
}

/// A session's name.
fn session_row(number: u64) -> String {
    format!("session_130 {number}")
}
