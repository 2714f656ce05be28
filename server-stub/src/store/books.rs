//! The books as the audit reads them: row by row, so that they may be larger than memory.

use async_trait::async_trait;
use protocol::date::Date;
use protocol::persona::PersonaId;
use protocol::value::Index;

use super::account::Account;
use super::chain::ChainHead;
use super::record::{Charge, Container, Entry, Movement, Session, Transaction};
use super::{Refund, StoreError};

/// A row of the books.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BookRow {
    /// A journal entry, and the head of its chain after it, as it is stored.
    Entry(ChainHead, Entry),
    /// The last row of a chain, where the store keeps it beside the journal.
    Head(ChainHead),
    /// Somebody who can own something.
    Persona(PersonaId),
    /// A container, with its owner.
    Container(PersonaId, Container),
    /// A session, open or not.
    Session {
        /// All of it.
        session: Box<Session>,
        /// When its lifetime is over, as it is stored for the sweep.
        expires: Date,
    },
    /// A refund.
    Refund(Box<Refund>),
    /// A collected payment.
    Payment(Box<Transaction>),
    /// A collection that was answered for good: the payee's session and index.
    Answered(u64, Index),
    /// A fee of no payment.
    Charge(Charge),
    /// A movement between an instrument and a container, with its number.
    Movement(u64, Movement),
    /// The balance of one of the operator's accounts, minor units.
    House(Account, i64),
    /// A row that holds what it cannot hold.
    Unreadable {
        /// Table and key.
        row: String,
        /// What is wrong with it.
        why: String,
    },
}

/// Whoever looks at rows.
pub type BookReader<'a> = dyn FnMut(BookRow) + Send + 'a;

/// Books that can be read.
#[async_trait]
pub trait Books: Send + Sync {
    /// Shows every row once, all of one moment: first the journal, each chain in its order, then the rest in the order of
    /// [`BookRow`]. A row that cannot be read is shown as such.
    async fn show(&self, see: &mut BookReader<'_>) -> Result<(), StoreError>;

    /// Whether there is no row in them.
    async fn are_empty(&self) -> Result<bool, StoreError> {
        let mut empty = true;
        self.show(&mut |_| empty = false).await?;
        Ok(empty)
    }
}
