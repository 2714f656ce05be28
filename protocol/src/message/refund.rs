//! Refund of a payment: RF1 and RF2 (docs/protocol.md, "Refunds"; an extension of the seed's payment 409, in 2.0 only).

use super::session::RecordNote;
use super::{Request, Sentence, SoftwareVersion, reply};
use crate::date::Date;
use crate::money::Money;
use crate::outcome::{Problem, ResponseCode};
use crate::record;
use crate::value::{AnyBytes, Index, OrderId, SessionId, Token};

record! {
    /// RF1: the payee of a collected payment gives all or part of it back.
    pub struct RefundPayment {
        /// As in LU1.
        hashed "server-date" server_date: Date,
        /// As in LU1.
        hashed "swversion" swversion: SoftwareVersion,
        /// The order that was paid (130N.3).
        hashed "order-id" order_id: OrderId,
        /// Which payment (130N.2).
        hashed "payer-session-id" payer_session_id: SessionId,
        /// Which payment (130N.5).
        hashed "payer-index" payer_index: Index,
        /// In the currency that was collected; absent: all that is left of the payment.
        hashed "amount" amount: Option<Money>,
        /// The payee's reason, for both sides to read.
        hashed "record-note" record_note: Option<RecordNote>,
        /// The name of the persona's key.
        hashed "key" key: AnyBytes,
        /// Over all of these.
        plain "signature" signature: Option<AnyBytes>,
    }
}

impl Request for RefundPayment {
    const TYPE: &'static str = "refund-payment";
    const SOURCE: &'static str = "RF1, docs/protocol.md \"Refunds\"";
    type Reply = RefundResponse;
}

record! {
    /// RF2: what went back, and what is left of the payment.
    pub struct RefundResponse {
        /// The server's clock.
        plain "server-date" server_date: Date,
        /// How it ended.
        plain "response-code" response_code: ResponseCode,
        /// Why not.
        plain "problem" problem: Option<Problem>,
        /// As in R2.
        plain "swseverity" swseverity: Option<Token<16>>,
        /// As in R2.
        plain "swmessage" swmessage: Option<Sentence>,
        /// A sentence for people.
        plain "message" message: Option<Sentence>,
        /// What the operator charged.
        plain "fee" fee: Option<Money>,
        /// What the payee gave.
        plain "amount" amount: Option<Money>,
        /// What the payer got, in the payer's currency, at the rate of the payment.
        plain "returned-amount" returned_amount: Option<Money>,
        /// What can still be refunded of the payment.
        plain "refundable" refundable: Option<Money>,
        /// The payee's container afterwards (120G.2).
        plain "balance" balance: Option<Money>,
    }
}

reply!(RefundResponse, "refund-response", "RF2, docs/protocol.md \"Refunds\"");
