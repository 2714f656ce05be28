//! Records 261 to 267 (figs 5N to 5T): what was answered.

use protocol::date::Date;
use protocol::money::Money;
use protocol::persona::PersonaId;
use serde::{Deserialize, Serialize};

use super::pending::order_key;
use super::{Page, Stored};

/// What answers have in common (A to G).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Transaction-Number (B), which is the record's key.
    pub transaction: u64,
    /// Transaction-Date/Time (C): when it began, by our clock.
    pub at: Date,
    /// Software-Severity-Code (D).
    pub severity: Option<String>,
    /// Software-Message (E).
    pub software: Option<String>,
    /// Response-Code (F): none for a success, else the problem.
    pub problem: Option<String>,
    /// Response-Message (G).
    pub message: Option<String>,
}

/// Implements [`Stored`] for a log record with an [`Answer`].
macro_rules! by_transaction {
    ($name:ident, $table:literal) => {
        impl Stored for $name {
            const TABLE: &'static str = $table;

            fn key(&self) -> String {
                self.answer.transaction.to_string()
            }
        }
    };
}

/// Record 261: registration response (fig. 5N).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistrationLog {
    /// 261A to G.
    pub answer: Answer,
    /// 261H.
    pub requested_id: String,
    /// 261I: the persona's id, or the one suggested.
    pub response_id: Option<PersonaId>,
    /// 261J.
    pub email: String,
    /// 261A: it was a modification, of the persona's key.
    #[serde(default)]
    pub update: bool,
}
by_transaction!(RegistrationLog, "261-registration");

/// Record 262: link instrument response (fig. 5O).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BindingLog {
    /// 262A to G.
    pub answer: Answer,
    /// 262H.
    pub persona: PersonaId,
    /// The last four of 262I.
    pub last_digits: String,
    /// 262J.
    pub kind: String,
}
by_transaction!(BindingLog, "262-binding");

/// Record 263: cash payment response (fig. 5P). One an order: its key names the order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentLog {
    /// 263B and C, D and E.
    pub answer: Answer,
    /// 263F.
    pub persona: PersonaId,
    /// 263G.
    pub order: String,
    /// 263H.
    pub merchant: PersonaId,
    /// 263I: the merchant's words on the order.
    pub note: String,
    /// What the merchant asked.
    pub price: Money,
    /// 263J: what was charged; for a refusal, what would have been.
    pub amount: Money,
    /// 263L.
    pub session: String,
    /// 263M.
    pub index: u16,
    /// True for protocol 1.0.
    pub historic: bool,
    /// Which approval it was.
    pub approval: String,
    /// Who asked.
    pub page: Page,
    /// PR1, CA1 and CA4 as they travelled, for a dispute. CA4 is empty where a session's log settled it.
    pub messages: [String; 3],
    /// By a rule, without asking.
    #[serde(default)]
    pub silent: bool,
    /// What the merchant said against the server's word.
    #[serde(default)]
    pub merchant_said: Option<String>,
}

impl Stored for PaymentLog {
    const TABLE: &'static str = "263-payment";

    fn key(&self) -> String {
        order_key(&self.merchant, &self.order)
    }
}

impl PaymentLog {
    /// Whether it was promised under that index of that session.
    pub fn is_at(&self, session: &str, index: u16) -> bool {
        self.session == session && self.index == index
    }
}

/// Record 264: load or unload response (fig. 5Q).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FundsLog {
    /// 264A to G.
    pub answer: Answer,
    /// 264H.
    pub persona: PersonaId,
    /// The last four of 264I.
    pub last_digits: String,
    /// 264J; negative: unload.
    pub amount: Money,
    /// 264K.
    pub fee: Option<Money>,
    /// 264L.
    pub balance: Option<Money>,
    /// 264M.
    pub on_hold: Option<Money>,
}
by_transaction!(FundsLog, "264-funds");

/// Record 265: open session response (fig. 5R).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpeningLog {
    /// 265A to G.
    pub answer: Answer,
    /// 265H.
    pub persona: PersonaId,
    /// 265I.
    pub amount: Money,
    /// 265J and K: uses and minutes.
    pub limits: Option<(u32, u32)>,
    /// 265L.
    pub session: Option<String>,
    /// 265M.
    pub note: String,
    /// 265N.
    pub fee: Option<Money>,
    /// 265O.
    pub balance: Option<Money>,
}
by_transaction!(OpeningLog, "265-opening");

/// Record 266: payment request (fig. 5S): the offer that a payment answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferLog {
    /// 266A.
    pub merchant: PersonaId,
    /// 266B.
    pub order: String,
    /// 266C.
    pub amount: Money,
    /// 266D.
    pub accepts: Option<String>,
    /// 266E.
    pub note: String,
    /// 266F.
    pub url_pay_to: String,
    /// When it came, by our clock.
    pub at: Date,
}

impl Stored for OfferLog {
    const TABLE: &'static str = "266-offer";

    fn key(&self) -> String {
        order_key(&self.merchant, &self.order)
    }
}

/// Record 267: close session response (fig. 5T).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosingLog {
    /// 267A to G.
    pub answer: Answer,
    /// 267H.
    pub persona: PersonaId,
    /// Which session.
    pub session: String,
    /// 267I: what returned to the container.
    pub amount: Money,
    /// 267J.
    pub log: Vec<String>,
    /// 267K.
    pub fee: Option<Money>,
}
by_transaction!(ClosingLog, "267-closing");
