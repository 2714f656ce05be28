//! Records 251 to 256 (figs 5G to 5L), and 258 of our own: what was sent and waits for its answer.
//!
//! A pending record is written before its message leaves, holds the message as it was sent (Original-Transaction-String),
//! and goes when an authentic answer is stored.

use protocol::date::Date;
use protocol::money::{Currency, Money};
use protocol::persona::PersonaId;
use serde::{Deserialize, Serialize};

use super::{Field, Page, Stored};
use crate::vault::Sealed;

/// What the five messages under a server key have in common (A to D, and the message itself).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Common {
    /// Transaction-Number (B), which is the record's key.
    pub transaction: u64,
    /// Transaction-Date/Time (C), by our clock.
    pub at: Date,
    /// Software-Version (D).
    pub software: String,
    /// Original-Transaction-String, with the key that opens the reply: a `StoredRequest` as JSON.
    pub original: Sealed,
    /// What was last heard of it, if anything.
    #[serde(default)]
    pub heard: Option<Heard>,
}

/// An answer that settles nothing: `retry`, or one that is not authentic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    /// Its problem code.
    pub problem: String,
    /// Its sentence for people.
    pub message: Option<String>,
}

/// A pending record with [`Common`] fields: all but a payment, whose message goes to the merchant.
pub trait Pending: Stored {
    /// Original-Transaction-String.
    const ORIGINAL: Field = Field { table: Self::TABLE, name: "original" };

    /// The common part.
    fn common(&self) -> &Common;

    /// The common part, to write to.
    fn common_mut(&mut self) -> &mut Common;
}

/// Implements [`Pending`] for a record under its transaction's number.
macro_rules! by_transaction {
    ($name:ident, $table:literal) => {
        impl Stored for $name {
            const TABLE: &'static str = $table;

            fn key(&self) -> String {
                self.common.transaction.to_string()
            }
        }

        impl Pending for $name {
            fn common(&self) -> &Common {
                &self.common
            }

            fn common_mut(&mut self) -> &mut Common {
                &mut self.common
            }
        }
    };
}

/// Record 251: pending persona registration (fig. 5G).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingRegistration {
    /// 251A to D, J.
    pub common: Common,
    /// 251E.
    pub language: String,
    /// 251F.
    pub currency: Currency,
    /// 251G, in lower case.
    pub requested_id: String,
    /// 251H.
    pub email: String,
    /// 251I, sealed as the persona's (220D) that it becomes.
    pub autoclose_passphrase: Option<Sealed>,
    /// What was agreed to.
    pub agreements: Vec<u32>,
    /// Sealed as the persona's (220H) that it becomes.
    pub private_key: Sealed,
    /// 220C.
    pub public_key: String,
}
by_transaction!(PendingRegistration, "251-pending-registration");

/// Record 252: pending link of an instrument (fig. 5H). Name and address are in the message alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingBinding {
    /// 252A to D, W.
    pub common: Common,
    /// 252E.
    pub persona: PersonaId,
    /// 252F.
    pub number: Sealed,
    /// 252T.
    pub kind: String,
    /// 252V.
    pub autoclose: bool,
    /// What the issuer wants to know (BI2); then the record waits for the shopper, not for the server.
    pub challenge: Option<Challenge>,
}
by_transaction!(PendingBinding, "252-pending-binding");

impl PendingBinding {
    /// 252F.
    pub const NUMBER: Field = Field { table: Self::TABLE, name: "number" };
}

/// BI2's questions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    /// Given back in BI3.
    pub id: String,
    /// In order.
    pub questions: Vec<String>,
}

/// Record 253: pending cash payment (fig. 5I). Its key names the order, so that no order is paid twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingPayment {
    /// 253B: tells a second attempt at the same order from the first.
    pub transaction: u64,
    /// 253C, by our clock.
    pub at: Date,
    /// 253D.
    pub software: String,
    /// 253E.
    pub persona: PersonaId,
    /// 253F.
    pub order: String,
    /// 253G.
    pub merchant: PersonaId,
    /// What the merchant asks.
    pub price: Money,
    /// 253H: what the session is charged.
    pub amount: Money,
    /// The merchant's words.
    pub note: String,
    /// 253J.
    pub url_pay_to: String,
    /// 253K.
    pub session: String,
    /// 253L.
    pub index: u16,
    /// 253M: CA1.
    pub original: String,
    /// PR1 with the merchant's signature, for a dispute. It holds 253N to P.
    pub offer: String,
    /// Which approval it was.
    pub approval: String,
    /// Who asked, and waits for the outcome.
    pub page: Page,
    /// What was last heard of it.
    #[serde(default)]
    pub heard: Option<Heard>,
    /// By a rule, without asking.
    #[serde(default)]
    pub silent: bool,
}

impl Stored for PendingPayment {
    const TABLE: &'static str = "253-pending-payment";

    fn key(&self) -> String {
        order_key(&self.merchant, &self.order)
    }
}

/// The key of an order: neither half can hold the bar.
pub fn order_key(merchant: &PersonaId, order: &str) -> String {
    format!("{merchant}|{order}")
}

/// Record 254: pending load or unload of funds (fig. 5J).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingFunds {
    /// 254A to D, I.
    pub common: Common,
    /// 254E.
    pub persona: PersonaId,
    /// Which instrument: record 230, which holds 254F and H.
    pub instrument: String,
    /// 254G; negative: unload.
    pub amount: Money,
}
by_transaction!(PendingFunds, "254-pending-funds");

/// Record 255: pending open session (fig. 5K).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingOpening {
    /// 255A to D, K.
    pub common: Common,
    /// 255E.
    pub persona: PersonaId,
    /// 255F; its currency is 255J.
    pub amount: Money,
    /// 255G.
    pub use_limit: u16,
    /// 255H, minutes.
    pub lifetime_minutes: u32,
    /// 255I.
    pub note: String,
}
by_transaction!(PendingOpening, "255-pending-opening");

/// Record 256: pending close session (fig. 5L).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingClosing {
    /// 256A to D, I.
    pub common: Common,
    /// 256E.
    pub persona: PersonaId,
    /// 256F: asked for where payments of the session are still open.
    pub log: bool,
    /// 256G.
    pub session: String,
}
by_transaction!(PendingClosing, "256-pending-closing");

/// Record 258: pending change of the persona's key (ours; the seed has it in 251 as "modification").
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingKey {
    /// As 251A to D, J.
    pub common: Common,
    /// Whose key.
    pub persona: PersonaId,
    /// Sealed as the persona's (220H) that it becomes.
    pub private_key: Sealed,
    /// 220C.
    pub public_key: String,
}
by_transaction!(PendingKey, "258-pending-key");
