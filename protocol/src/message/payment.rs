//! Payment 409 (fig. 24): CA1 to CA4, under the keys of two sessions.

use super::{Sentence, ServiceCategory};
use crate::money::{Currency, Money, Rates};
use crate::outcome::{Problem, ResponseCode};
use crate::persona::PersonaId;
use crate::record;
use crate::value::{AnyBytes, Bytes, Count, Index, OrderId, SessionId, Token, Version1};

/// The most payments in one collection (protocol.md 6.8).
pub const MAX_PAYMENTS: usize = 255;
/// A hash of a note: 16 bytes in 1.0, 32 in 2.0.
pub type NoteHash = Bytes<16, 32>;
/// An auth-code: 16 bytes in 1.0, 32 in 2.0.
pub type AuthCode = Bytes<16, 32>;
/// Label `type` of CA1 and of the payments in CA2.
pub const PAYMENT_TYPE: &str = "cash-payment";
/// Label `type` of CA2 and of its merchant part.
pub const COLLECTION_TYPE: &str = "cash-collection";
/// Label `type` of CA3.
pub const FROM_SERVER_TYPE: &str = "from-server";
/// Label `subtype` of CA3's merchant part.
pub const BATCH_RECEIPT_TYPE: &str = "cash-batch-receipt";
/// Label `subtype_n` of the payments in CA3's merchant part.
pub const PAYMENT_RECEIPT_TYPE: &str = "cash-payment-receipt";
/// Label `type` of CA4.
pub const PAYER_RECEIPT_TYPE: &str = "cash-payer-receipt";

record! {
    /// CA1, transparent (fig. 28A).
    pub struct Payment {
        /// `cash-payment` (5113A).
        hashed "type" kind: Token<32>,
        /// 5113B.
        plain "version" version: Version1,
        /// The payer's session (5113C).
        hashed "session-id" session_id: SessionId,
        /// The payer's index (5113D).
        hashed "index" index: Index,
        /// 5113E.
        hashed "payee-currency" payee_currency: Currency,
        /// 5113F.
        hashed "note-hash" note_hash: NoteHash,
        /// 5113G.
        hashed "payee-id" payee_id: PersonaId,
        /// 5113H.
        hashed "order-id" order_id: OrderId,
        /// Not hashed.
        plain "service-category" service_category: Option<ServiceCategory>,
    }
}

record! {
    /// CA1, opaque (fig. 28B).
    pub struct PaymentBody {
        /// In the session's currency (5117A).
        hashed "amount" amount: Money,
        /// Over the transparent part and the amount (5117B).
        plain "auth-code" auth_code: AuthCode,
    }
}

record! {
    /// CA2 and CA3, transparent, but for their opaque values (figs 31A, 34A).
    pub struct BatchHead {
        /// `cash-collection` (5213A) or `from-server` (5313A).
        hashed "type" kind: Token<32>,
        /// Hashed in CA3 only; see [`crate::collect`].
        plain "version" version: Version1,
        /// The merchant's session (5213C).
        hashed "session-id" session_id: SessionId,
        /// The merchant's index (5213D).
        hashed "index" index: Index,
        /// Hashed in CA3 only.
        plain "service-category" service_category: Option<ServiceCategory>,
    }
}

record! {
    /// CA2, the merchant part's beginning (fig. 31B).
    pub struct CollectionHead {
        /// `cash-collection` (5217.1A).
        hashed "type" kind: Token<32>,
        /// 5217.1B.
        hashed "version" version: Version1,
    }
}

record! {
    /// CA2, one payment of the merchant part (fig. 31B): what the merchant says it was promised.
    pub struct Collected {
        /// `cash-payment` (5217.1C).
        hashed "type" kind: Token<32>,
        /// The version of the CA1 (5217.1D).
        hashed "subversion" subversion: Version1,
        /// 5217.1E.
        hashed "payer-session-id" payer_session_id: SessionId,
        /// 5217.1F.
        hashed "payer-index" payer_index: Index,
        /// 5217.1G.
        hashed "note-hash" note_hash: NoteHash,
        /// 5217.1H.
        hashed "payee-id" payee_id: PersonaId,
        /// 5217.1I.
        hashed "order-id" order_id: OrderId,
        /// The price (5217.1J).
        hashed "merchant-amount" merchant_amount: Money,
    }
}

record! {
    /// CA3, the merchant part's beginning (fig. 34B).
    pub struct BatchReceipt {
        /// `cash-batch-receipt` (5317.1A).
        hashed "subtype" subtype: Token<32>,
        /// 5317.1B.
        hashed "subversion" subversion: Version1,
        /// Of the collection as a whole (5317.1C).
        hashed "response-code" response_code: ResponseCode,
        /// 5317.1D.
        hashed "fee" fee: Option<Money>,
        /// Why the collection failed as a whole.
        hashed "problem" problem: Option<Problem>,
        /// A sentence for people.
        hashed "remark" remark: Option<Sentence>,
    }
}

record! {
    /// CA3, one payment of the merchant part (fig. 34B): its verdict.
    pub struct PaymentReceipt {
        /// `cash-payment-receipt`.
        hashed "subtype" subtype: Token<32>,
        /// 1.
        hashed "subversion" subversion: Version1,
        /// Which payment.
        hashed "payer-session-id" payer_session_id: SessionId,
        /// Which payment.
        hashed "payer-index" payer_index: Index,
        /// The verdict.
        hashed "response-code" response_code: ResponseCode,
        /// A sentence for people.
        hashed "remark" remark: Option<Sentence>,
        /// What the merchant was credited.
        hashed "collected-amount" collected_amount: Option<Money>,
        /// Why not.
        hashed "problem" problem: Option<Problem>,
        /// 350A.
        hashed "order-id" order_id: OrderId,
    }
}

record! {
    /// CA3, the merchant part's end (fig. 34B).
    pub struct BatchEnd {
        /// The version of CA2 that was processed (5317.1P).
        hashed "request-version" request_version: Version1,
    }
}

record! {
    /// CA3, a customer's part, which is CA4's opaque value (figs 34C, 37B).
    pub struct PayerReceipt {
        /// The verdict (5317.2A).
        hashed "response-code" response_code: ResponseCode,
        /// A sentence for people.
        hashed "remark" remark: Option<Sentence>,
        /// The rate, where the currencies differ.
        hashed "foreign-exchange" foreign_exchange: Option<Rates>,
        /// What the payer was charged (5317.2D).
        hashed "amount" amount: Option<Money>,
        /// Why not.
        hashed "problem" problem: Option<Problem>,
        /// 5317.2F.
        hashed "order-id" order_id: OrderId,
        /// The version of CA1 that was processed (5317.2G).
        hashed "request-version" request_version: Version1,
        /// 2.0 only: what is left of the amount.
        hashed "session-balance" session_balance: Option<Money>,
        /// 2.0 only: how many payments are left.
        hashed "uses-left" uses_left: Option<Count>,
        /// 2.0 only: how long the session lives on.
        hashed "seconds-left" seconds_left: Option<Count>,
        /// Over what CA4 carries in the clear and these rows.
        plain "auth-code" auth_code: Option<AnyBytes>,
    }
}

record! {
    /// CA4, transparent, but for `opaque` (fig. 37A).
    pub struct PayerReceiptHead {
        /// `cash-payer-receipt`.
        hashed "type" kind: Token<32>,
        /// 1.
        hashed "version" version: Version1,
        /// The payer's session.
        hashed "session-id" session_id: SessionId,
        /// The payer's index.
        hashed "index" index: Index,
        /// 350A; the receipt's own order id is hashed, not this one.
        plain "order-id" order_id: OrderId,
        /// Copied.
        plain "service-category" service_category: Option<ServiceCategory>,
    }
}
