//! The merchant's offer: PR1 (fig. 25), sent in the clear and signed.

use super::SoftwareVersion;
use crate::date::Date;
use crate::money::{Amounts, Money};
use crate::persona::PersonaId;
use crate::record;
use crate::value::{AnyBytes, Lines, Names, OrderId, Url};

/// The merchant's words on the order (5013F).
pub type Note = Lines<2000>;

record! {
    /// PR1: who asks for how much, for what, and where to pay.
    pub struct PaymentRequest {
        /// The persona that will collect (5013B).
        hashed "merchant-id" merchant_id: PersonaId,
        /// 5013C.
        hashed "merchant-order-id" order_id: OrderId,
        /// 5013D.
        hashed "merchant-date" date: Date,
        /// 5013E.
        hashed "merchant-swversion" swversion: SoftwareVersion,
        /// 5013F.
        hashed "note" note: Note,
        /// The price (5013G).
        hashed "merchant-amount" amount: Money,
        /// Other ways to pay (5013H).
        hashed "accepts" accepts: Option<Names>,
        /// Where CA1 goes (5013I).
        hashed "url-pay-to" url_pay_to: Url,
        /// 5013J.
        hashed "url-cancel" url_cancel: Url,
        /// 5013K.
        hashed "url-success" url_success: Url,
        /// 5013L.
        hashed "url-failure" url_failure: Url,
        /// The name of the merchant's key (5013M).
        hashed "merchant-signed-hash-key" key: AnyBytes,
        /// 5013N.
        plain "merchant-signed-hash" signed_hash: Option<AnyBytes>,
        /// The price in other currencies; not signed.
        plain "merchant-amount2" other_amounts: Option<Amounts>,
    }
}

impl PaymentRequest {
    /// Label `type`.
    pub const TYPE: &'static str = "payment-request";
}
