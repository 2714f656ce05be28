//! The payer's side: CA1 and CA4, as wallet and merchant see them.

use rand_core::CryptoRng;
use thiserror::Error;

use super::{
    AUTH_CODE, SessionFault, append_auth_code, check_auth_code, expect, opaque, open_in_session, seal_in_session,
};
use super::{text_of, token};
use crate::envelope::Envelope;
use crate::fault::FormFault;
use crate::message::ErrorMessage;
use crate::message::payment::{PAYER_RECEIPT_TYPE, PAYMENT_TYPE, PayerReceipt, PayerReceiptHead, Payment, PaymentBody};
use crate::money::{Currency, Money};
use crate::outcome::{Problem, ResponseCode};
use crate::pairs::Pairs;
use crate::secret::SessionSecrets;
use crate::suite::{CryptoFault, Item, Protocol, SessionMessage};
use crate::template::{Record, hashed_items};
use crate::value::{Reading, Version1, to_base64};

const OPAQUE: &str = "opaque";

/// Writes CA1: the payer's promise of `amount` for what `payment` names.
///
/// # Errors
/// Secrets that are not of the protocol's suite.
pub fn write_payment(
    protocol: Protocol,
    secrets: &SessionSecrets,
    payment: &Payment,
    amount: Money,
    rng: &mut dyn CryptoRng,
) -> Result<String, CryptoFault> {
    let mut transparent = Pairs::new();
    payment.write("", &mut transparent);
    let mut contents = Pairs::new();
    contents.push_text("amount", text_of(&amount));
    let code = {
        let mut items = hashed_items(Payment::FIELDS, &transparent, "");
        items.extend(hashed_items(PaymentBody::FIELDS, &contents, ""));
        append_auth_code(protocol, secrets, &items)
    };
    contents.push_base64(AUTH_CODE, code);
    let sealed = seal_in_session(protocol, secrets, SessionMessage::Payment, payment.index, &contents, rng)?;
    transparent.push_base64(OPAQUE, to_base64(&sealed));
    Ok(Envelope { protocol, pairs: transparent }.write())
}

/// CA1 as a merchant reads it; what is sealed in it is for the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedPayment {
    /// Which suite.
    pub protocol: Protocol,
    /// The transparent part.
    pub payment: Payment,
    /// Goes into CA2 as it is (step 1646).
    pub opaque: Vec<u8>,
}

impl ReceivedPayment {
    /// Reads CA1.
    ///
    /// # Errors
    /// The first thing that is not of its form.
    pub fn read(bytes: &[u8]) -> Result<Self, FormFault> {
        let Envelope { protocol, pairs } = Envelope::parse(bytes)?;
        let payment = Payment::read(&pairs, "", Reading::of(protocol))?;
        expect("type", PAYMENT_TYPE, payment.kind.as_str())?;
        Ok(Self { protocol, payment, opaque: opaque(&pairs, OPAQUE)? })
    }
}

/// Writes CA4: the customer's part of CA3, handed on (process 3100).
pub fn write_payer_receipt(payment: &ReceivedPayment, customer_opaque: &[u8]) -> String {
    let Payment { session_id, index, order_id, service_category, .. } = payment.payment.clone();
    let kind = token(PAYER_RECEIPT_TYPE);
    let head = PayerReceiptHead { kind, version: Version1, session_id, index, order_id, service_category };
    let mut pairs = Pairs::new();
    head.write("", &mut pairs);
    pairs.push_base64(OPAQUE, to_base64(customer_opaque));
    Envelope { protocol: payment.protocol, pairs }.write()
}

/// Why an answer to CA1 is no receipt.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PayerReceiptFault {
    /// It is not authentic, or not of its form: nothing is known of the payment.
    #[error(transparent)]
    Session(#[from] SessionFault),
    /// It is for another payment.
    #[error("the receipt is for another payment")]
    NotOurs,
    /// The merchant answered `error`, which nothing authenticates: nothing is known of the payment.
    #[error("the merchant answered: {}", .0.problem)]
    Refused(Box<ErrorMessage>),
}

impl From<FormFault> for PayerReceiptFault {
    fn from(fault: FormFault) -> Self {
        Self::Session(fault.into())
    }
}

/// Reads CA4: what the server, and nobody else, says of the payment.
///
/// # Errors
/// See [`PayerReceiptFault`].
pub fn read_payer_receipt(
    bytes: &[u8],
    protocol: Protocol,
    secrets: &SessionSecrets,
    payment: &Payment,
) -> Result<PayerReceipt, PayerReceiptFault> {
    let envelope = Envelope::parse(bytes)?;
    let reading = Reading::of(envelope.protocol);
    if envelope.pairs.get("type") == Some(ErrorMessage::TYPE) {
        let error = ErrorMessage::read(&envelope.pairs, "", reading)?.check()?;
        return Err(PayerReceiptFault::Refused(Box::new(error)));
    }
    let head = PayerReceiptHead::read(&envelope.pairs, "", reading)?;
    expect("type", PAYER_RECEIPT_TYPE, head.kind.as_str())?;
    let ours = head.session_id == payment.session_id && head.index == payment.index;
    if envelope.protocol != protocol || !ours {
        return Err(PayerReceiptFault::NotOurs);
    }
    let sealed = opaque(&envelope.pairs, OPAQUE)?;
    let contents = open_in_session(protocol, secrets, SessionMessage::PayerReceipt, payment.index, &sealed)?;
    let receipt = PayerReceipt::read(&contents, "", reading)?;
    check_auth_code(protocol, secrets, &payer_receipt_items(&envelope.pairs, &contents), &contents)?;
    if receipt.order_id != payment.order_id {
        return Err(PayerReceiptFault::NotOurs);
    }
    check_payer_receipt(protocol, &receipt)?;
    Ok(receipt)
}

/// What the receipt's auth-code covers: what CA4 carries in the clear, then the customer's part.
pub(super) fn payer_receipt_items<'a>(transparent: &'a Pairs, contents: &'a Pairs) -> Vec<Item<'a>> {
    let mut items = hashed_items(PayerReceiptHead::FIELDS, transparent, "");
    items.extend(hashed_items(PayerReceipt::FIELDS, contents, ""));
    items
}

/// Checks what rows cannot: a success says how much, a refusal says why.
fn check_payer_receipt(protocol: Protocol, receipt: &PayerReceipt) -> Result<(), FormFault> {
    check_verdict(receipt.response_code, receipt.problem.as_ref(), receipt.amount)?;
    let limits = receipt.session_balance.is_some() || receipt.uses_left.is_some() || receipt.seconds_left.is_some();
    if protocol == Protocol::V1 && limits {
        // 1.0 hashes values without labels: these could not be told apart.
        return Err(FormFault::Unexpected("session-balance, uses-left or seconds-left".to_owned()));
    }
    if protocol == Protocol::V1 && receipt.foreign_exchange.is_some() && receipt.amount.is_none() {
        // One rate alone hashes like an amount alone.
        return Err(FormFault::Ambiguous("foreign-exchange".to_owned()));
    }
    refuse_ambiguous_remark(protocol, receipt.remark.as_ref().map(super::super::value::Text::as_str))
}

/// A verdict is either a success with an amount or a refusal with a problem.
pub(super) fn check_verdict(
    response: ResponseCode,
    problem: Option<&Problem>,
    amount: Option<Money>,
) -> Result<(), FormFault> {
    match (response, problem, amount) {
        (ResponseCode::Success, Some(_), _) => Err(FormFault::Contradiction("a success with a problem")),
        (ResponseCode::Success, None, None) => Err(FormFault::Contradiction("a success without an amount")),
        (ResponseCode::Success, None, Some(_)) | (_, Some(_), _) => Ok(()),
        (_, None, _) => Err(FormFault::Contradiction("a refusal without a problem")),
    }
}

/// Protocol 1.0 hashes values without their labels and white space: a remark must not look like a value that may follow it.
pub(super) fn refuse_ambiguous_remark(protocol: Protocol, remark: Option<&str>) -> Result<(), FormFault> {
    let Some(remark) = remark.filter(|_| protocol == Protocol::V1) else { return Ok(()) };
    let stripped: String = remark.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    // Amounts and rates begin with a currency and a digit.
    let like_money = stripped.get(..3).is_some_and(|code| Currency::of(code).is_some())
        && stripped[3..].starts_with(|c: char| c.is_ascii_digit());
    let like_problem = Problem::ALL.iter().any(|problem| problem.code() == stripped);
    if like_money || like_problem || remark.contains('|') {
        return Err(FormFault::Ambiguous("remark".to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a wallet takes a receipt of these rows.
    fn taken(protocol: Protocol, rows: &[(&str, &str)]) -> bool {
        let rest = [("order-id", "x"), ("request-version", "1")];
        let pairs: Pairs = rows.iter().copied().chain(rest).collect();
        let receipt = PayerReceipt::read(&pairs, "", Reading::of(protocol)).expect("rows of their form");
        check_payer_receipt(protocol, &receipt).is_ok()
    }

    const SUCCESS: (&str, &str) = ("response-code", "success");
    const FAILURE: (&str, &str) = ("response-code", "failure");
    const AMOUNT: (&str, &str) = ("amount", "usd 1.00");
    const PROBLEM: (&str, &str) = ("problem", "busy");

    #[test]
    fn a_verdict_is_an_amount_or_a_problem() {
        for protocol in Protocol::ALL {
            for good in [&[SUCCESS, AMOUNT][..], &[FAILURE, PROBLEM], &[FAILURE, PROBLEM, AMOUNT]] {
                assert!(taken(protocol, good), "{good:?}");
            }
            for bad in [&[SUCCESS][..], &[SUCCESS, AMOUNT, PROBLEM], &[FAILURE], &[FAILURE, AMOUNT]] {
                assert!(!taken(protocol, bad), "{bad:?}");
            }
        }
    }

    #[test]
    fn classic_receipts_do_not_tell_what_is_left() {
        for limit in [("session-balance", "usd 2.00"), ("uses-left", "3"), ("seconds-left", "4")] {
            assert!(!taken(Protocol::V1, &[SUCCESS, AMOUNT, limit]), "{limit:?}");
            assert!(taken(Protocol::V2, &[SUCCESS, AMOUNT, limit]), "{limit:?}");
        }
    }

    #[test]
    fn a_rate_stands_with_an_amount_in_the_classic_protocol() {
        let rate = ("foreign-exchange", "cad 0.60");
        assert!(taken(Protocol::V1, &[SUCCESS, rate, AMOUNT]) && taken(Protocol::V1, &[FAILURE, PROBLEM]));
        assert!(taken(Protocol::V2, &[FAILURE, rate, PROBLEM]) && !taken(Protocol::V1, &[FAILURE, rate, PROBLEM]));
    }

    #[test]
    fn a_classic_remark_is_like_nothing_that_may_follow_it() {
        for bad in ["usd 1.00", "u sd1", "index-used", "a | b", "|"] {
            assert!(!taken(Protocol::V1, &[FAILURE, ("remark", bad), PROBLEM]), "{bad}");
            assert!(taken(Protocol::V2, &[FAILURE, ("remark", bad), PROBLEM]), "{bad}");
        }
        for good in ["usd only", "xyz 1.00", "it costs usd 1.00", "index-used up", "us"] {
            assert!(taken(Protocol::V1, &[FAILURE, ("remark", good), PROBLEM]), "{good}");
        }
    }
}
