//! CA3: the verdicts on a collection, for the merchant and for each customer (process 3400, fig. 33).

use rand_core::CryptoRng;
use thiserror::Error;

use super::payer::{check_verdict, payer_receipt_items, refuse_ambiguous_remark};
use super::{AUTH_CODE, MERCHANT_OPAQUE, SessionFault, append_auth_code, check_auth_code, customer_label, expect};
use super::{opaque, open_in_session, seal_in_session, suffix, token};
use crate::envelope::Envelope;
use crate::fault::FormFault;
use crate::message::ErrorMessage;
use crate::message::payment::{
    BATCH_RECEIPT_TYPE, BatchEnd, BatchHead, BatchReceipt, FROM_SERVER_TYPE, MAX_PAYMENTS, PAYER_RECEIPT_TYPE,
    PayerReceipt, PayerReceiptHead, PaymentReceipt,
};
use crate::outcome::ResponseCode;
use crate::pairs::Pairs;
use crate::secret::SessionSecrets;
use crate::suite::{CryptoFault, Item, Protocol, SessionMessage};
use crate::template::{Record, push_hashed};
use crate::value::{Index, Reading, SessionId, Version1, from_base64, to_base64};

/// What the merchant is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdicts {
    /// Of the collection as a whole.
    pub batch: BatchReceipt,
    /// Of each payment, in the order of the CA2.
    pub payments: Vec<PaymentReceipt>,
}

/// What one customer is told, and under whose keys.
#[derive(Clone, Debug)]
pub struct CustomerPart<'a> {
    /// The payer's session.
    pub session_id: SessionId,
    /// The payer's index.
    pub index: Index,
    /// The payer's secrets.
    pub secrets: &'a SessionSecrets,
    /// The verdict.
    pub receipt: PayerReceipt,
}

/// Writes CA3. A payment whose payer session is unknown has no customer part.
///
/// # Errors
/// Secrets that are not of the protocol's suite.
pub fn write_receipts(
    protocol: Protocol,
    collection: &BatchHead,
    merchant: &SessionSecrets,
    verdicts: &Verdicts,
    customers: &[Option<CustomerPart<'_>>],
    rng: &mut dyn CryptoRng,
) -> Result<String, CryptoFault> {
    let mut transparent = Pairs::new();
    BatchHead { kind: token(FROM_SERVER_TYPE), ..collection.clone() }.write("", &mut transparent);
    let mut contents = Pairs::new();
    verdicts.batch.write("", &mut contents);
    for (n, payment) in verdicts.payments.iter().enumerate() {
        payment.write(&suffix(n), &mut contents);
    }
    BatchEnd { request_version: Version1 }.write("", &mut contents);
    let items = receipt_items(&transparent, &contents, verdicts.payments.len());
    let code = append_auth_code(protocol, merchant, &items);
    contents.push_base64(AUTH_CODE, code);
    let sealed =
        seal_in_session(protocol, merchant, SessionMessage::MerchantReceipt, collection.index, &contents, rng)?;
    transparent.push_base64(MERCHANT_OPAQUE, to_base64(&sealed));
    for (n, customer) in customers.iter().enumerate() {
        if let Some(customer) = customer {
            transparent.push_base64(customer_label(n), to_base64(&seal_customer(protocol, customer, rng)?));
        }
    }
    Ok(Envelope { protocol, pairs: transparent }.write())
}

/// Seals one customer's part; its auth-code covers what the CA4 will carry in the clear.
fn seal_customer(
    protocol: Protocol,
    customer: &CustomerPart<'_>,
    rng: &mut dyn CryptoRng,
) -> Result<Vec<u8>, CryptoFault> {
    let CustomerPart { session_id, index, secrets, receipt } = customer;
    let head = PayerReceiptHead {
        kind: token(PAYER_RECEIPT_TYPE),
        version: Version1,
        session_id: session_id.clone(),
        index: *index,
        order_id: receipt.order_id.clone(),
        service_category: None,
    };
    let mut transparent = Pairs::new();
    head.write("", &mut transparent);
    let mut contents = Pairs::new();
    PayerReceipt { auth_code: None, ..receipt.clone() }.write("", &mut contents);
    let code = append_auth_code(protocol, secrets, &payer_receipt_items(&transparent, &contents));
    contents.push_base64(AUTH_CODE, code);
    seal_in_session(protocol, secrets, SessionMessage::PayerReceipt, *index, &contents, rng)
}

/// What the auth-code of CA3 covers: the transparent part with version and service category, then the merchant part.
fn receipt_items<'a>(transparent: &'a Pairs, contents: &'a Pairs, payments: usize) -> Vec<Item<'a>> {
    let listed = BatchHead::FIELDS.iter().filter_map(|row| transparent.entry(row.label));
    let mut items: Vec<Item<'a>> = Vec::with_capacity(BatchHead::FIELDS.len() + contents.len());
    items.extend(listed);
    push_hashed(BatchReceipt::FIELDS, contents, "", &mut items);
    for n in 0..payments {
        push_hashed(PaymentReceipt::FIELDS, contents, &suffix(n), &mut items);
    }
    push_hashed(BatchEnd::FIELDS, contents, "", &mut items);
    items
}

/// Why an answer to CA2 holds no verdicts.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ReceiptFault {
    /// It is not authentic, or not of its form.
    #[error(transparent)]
    Session(#[from] SessionFault),
    /// It answers another collection.
    #[error("the receipt is for another collection")]
    NotOurs,
    /// The server answered `error`, which nothing authenticates.
    #[error("the server answered: {}", .0.problem)]
    Refused(Box<ErrorMessage>),
}

impl From<FormFault> for ReceiptFault {
    fn from(fault: FormFault) -> Self {
        Self::Session(fault.into())
    }
}

/// CA3 as the merchant reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipts {
    /// What the merchant is told.
    pub verdicts: Verdicts,
    /// What goes to each customer in a CA4, if the server sent something.
    pub customer_opaques: Vec<Option<Vec<u8>>>,
}

impl Receipts {
    /// Reads the answer to a collection of `payments` payments.
    ///
    /// # Errors
    /// See [`ReceiptFault`].
    pub fn read(
        bytes: &[u8],
        protocol: Protocol,
        secrets: &SessionSecrets,
        collection: &BatchHead,
        payments: usize,
    ) -> Result<Self, ReceiptFault> {
        let envelope = Envelope::parse(bytes)?;
        let reading = Reading::of(envelope.protocol);
        if envelope.pairs.get("type") == Some(ErrorMessage::TYPE) {
            let error = ErrorMessage::read(&envelope.pairs, "", reading)?.check()?;
            return Err(ReceiptFault::Refused(Box::new(error)));
        }
        let head = BatchHead::read(&envelope.pairs, "", reading)?;
        expect("type", FROM_SERVER_TYPE, head.kind.as_str())?;
        let ours = BatchHead { kind: collection.kind.clone(), ..head } == *collection;
        if envelope.protocol != protocol || !ours {
            return Err(ReceiptFault::NotOurs);
        }
        let sealed = opaque(&envelope.pairs, MERCHANT_OPAQUE)?;
        let message = SessionMessage::MerchantReceipt;
        let contents = open_in_session(protocol, secrets, message, collection.index, &sealed)?;
        let verdicts = Verdicts::read(protocol, &contents, payments)?;
        let items = receipt_items(&envelope.pairs, &contents, verdicts.payments.len());
        check_auth_code(protocol, secrets, &items, &contents)?;
        let opaque_of = |n: usize| envelope.pairs.get(&customer_label(n)).and_then(from_base64);
        let customer_opaques = (0..payments.min(MAX_PAYMENTS)).map(opaque_of).collect();
        Ok(Self { verdicts, customer_opaques })
    }
}

impl Verdicts {
    /// Reads the merchant part: a verdict for each payment, or a failure of the whole with none.
    fn read(protocol: Protocol, contents: &Pairs, payments: usize) -> Result<Self, FormFault> {
        let reading = Reading::of(protocol);
        let batch = BatchReceipt::read(contents, "", reading)?;
        expect("subtype", BATCH_RECEIPT_TYPE, batch.subtype.as_str())?;
        BatchEnd::read(contents, "", reading)?;
        refuse_ambiguous_remark(protocol, batch.remark.as_ref().map(super::super::value::Text::as_str))?;
        if batch.response_code != ResponseCode::Success && contents.get("subtype_1").is_none() {
            return Ok(Self { batch, payments: Vec::new() });
        }
        let read = |n: usize| {
            let receipt = PaymentReceipt::read(contents, &suffix(n), reading)?;
            check_verdict(receipt.response_code, receipt.problem.as_ref(), receipt.collected_amount)?;
            refuse_ambiguous_remark(protocol, receipt.remark.as_ref().map(super::super::value::Text::as_str))?;
            Ok(receipt)
        };
        let payments = (0..payments).map(read).collect::<Result<_, FormFault>>()?;
        Ok(Self { batch, payments })
    }
}
