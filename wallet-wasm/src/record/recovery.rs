//! What ways back to one's money leave behind: an autoclose that waits (AC1), and entries of statements (ST2).

use protocol::Protocol;
use protocol::date::Date;
use protocol::money::Money;
use protocol::persona::PersonaId;
use serde::{Deserialize, Serialize};

use super::{Field, Stored};
use crate::vault::{Sealed, VaultRecord};

/// An AC1 that waits for its answer. A new wallet has no vault: its secrets are sealed under the very passphrase that is in
/// the message, so that typing it again opens them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingAutoclose {
    /// Transaction number.
    pub transaction: u64,
    /// By our clock.
    pub at: Date,
    /// Base URL of the server.
    pub server: String,
    /// Whose cash is sent home.
    pub persona: PersonaId,
    /// The suite.
    pub protocol: Protocol,
    /// Opens `original`.
    pub lock: VaultRecord,
    /// The message with the key that opens the reply: a `StoredRequest` as JSON.
    pub original: Sealed,
}

impl Stored for PendingAutoclose {
    const TABLE: &'static str = "257-pending-autoclose";

    fn key(&self) -> String {
        Self::KEY.to_owned()
    }
}

impl PendingAutoclose {
    /// One at a time.
    pub const KEY: &'static str = "autoclose";
    /// The message.
    pub const ORIGINAL: Field = Field { table: Self::TABLE, name: "original" };
}

/// An entry of a statement that the wallet did not know: a refund, or what happened before a restore.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatementEntry {
    /// By the server's clock.
    pub at: Date,
    /// As it stands on the wire: `load`, `refund-received` ...
    pub kind: String,
    /// Tells entries of one kind apart.
    pub number: u64,
    /// Positive: in.
    pub amount: Money,
    /// The payment it belongs to, if any.
    pub payment: Option<OfPayment>,
}

/// A payment, as an entry names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfPayment {
    /// The payer's session, base64.
    pub session: String,
    /// The payer's index.
    pub index: u16,
    /// The other party.
    pub other: PersonaId,
    /// The order.
    pub order: String,
}

impl Stored for StatementEntry {
    const TABLE: &'static str = "268-statement";

    fn key(&self) -> String {
        let Self { kind, number, payment, .. } = self;
        let of = payment.as_ref().map(|of| format!("|{}|{}", of.session, of.index)).unwrap_or_default();
        format!("{kind}|{number}{of}")
    }
}

impl StatementEntry {
    /// A merchant gave something back.
    pub const REFUND: &'static str = "refund-received";

    /// Whether it belongs to that payment.
    pub fn is_of(&self, session: &str, index: u16) -> bool {
        self.payment.as_ref().is_some_and(|of| of.session == session && of.index == index)
    }
}
