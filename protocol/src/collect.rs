//! Payments inside sessions: CA1 to CA4 (payment 409, fig. 24).
//!
//! | who | what | the seed's process |
//! | --- | --- | --- |
//! | wallet | [`write_payment`] | assembly of CA1, fig. 27 |
//! | merchant | [`ReceivedPayment::read`], [`write_collection`] | unwrap of CA1, fig. 30; assembly of CA2, fig. 27 |
//! | server | [`Collection::read`], [`Collection::open`], [`OpenCollection::open_payment`] | 1660, fig. 32 |
//! | server | [`write_receipts`] | 3400, fig. 33 |
//! | merchant | [`Receipts::read`], [`write_payer_receipt`] | unwrap of CA3, fig. 35; 3100, fig. 36 |
//! | wallet | [`read_payer_receipt`] | unwrap of CA4, fig. 35 |

mod payer;
mod receipts;

use rand_core::CryptoRng;
use thiserror::Error;

pub use payer::{PayerReceiptFault, ReceivedPayment, read_payer_receipt, write_payer_receipt, write_payment};
pub use receipts::{CustomerPart, ReceiptFault, Receipts, Verdicts, write_receipts};

use crate::envelope::Envelope;
use crate::exchange::parse_contents;
use crate::fault::FormFault;
use crate::message::payment::{
    BatchHead, COLLECTION_TYPE, Collected, CollectionHead, MAX_PAYMENTS, PAYMENT_TYPE, Payment, PaymentBody,
};
use crate::money::Money;
use crate::outcome::Problem;
use crate::pairs::Pairs;
use crate::secret::{SessionSecrets, same};
use crate::suite::{CryptoFault, Item, KeyInput, Protocol, SessionMessage};
use crate::template::{Label, Record, push_hashed};
use crate::value::{Index, Reading, Token, Value, Version1, from_base64, to_base64};

const AUTH_CODE: &str = "auth-code";
const MERCHANT_OPAQUE: &str = "merchant-opaque";

/// Why a message in a session is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SessionFault {
    /// Not of its form.
    #[error("not of its form: {0}")]
    Form(#[from] FormFault),
    /// An opaque part cannot be opened.
    #[error("the opaque part cannot be opened")]
    BadOpaque,
    /// The auth-code does not fit.
    #[error("the auth-code does not fit")]
    BadAuthCode,
}

impl SessionFault {
    /// The problem code that says so.
    pub fn problem(&self) -> Problem {
        match self {
            Self::Form(_) => Problem::FORM,
            Self::BadOpaque => Problem::BAD_OPAQUE,
            Self::BadAuthCode => Problem::BAD_AUTH_CODE,
        }
    }
}

/// A text that is a token; for the constants of [`crate::message::payment`].
pub(crate) fn token<const N: usize>(text: &str) -> Token<N> {
    Token::of(text).expect("invariant: the protocol's own names are tokens")
}

/// Seals contents with their auth-code appended.
fn seal_in_session(
    protocol: Protocol,
    secrets: &SessionSecrets,
    message: SessionMessage,
    index: Index,
    contents: &Pairs,
    rng: &mut dyn CryptoRng,
) -> Result<Vec<u8>, CryptoFault> {
    let key = protocol.suite().message_key(secrets, KeyInput { message, version: Version1::NUMBER, index })?;
    protocol.suite().seal(&key, &[], contents.to_text().as_bytes(), rng)
}

/// Opens a value that was sealed in a session, without asking whether its auth-code fits: to look at, not to act upon.
///
/// # Errors
/// It is not one of this session, message and index.
pub fn open_in_session(
    protocol: Protocol,
    secrets: &SessionSecrets,
    message: SessionMessage,
    index: Index,
    sealed: &[u8],
) -> Result<Pairs, SessionFault> {
    let suite = protocol.suite();
    let key = suite
        .message_key(secrets, KeyInput { message, version: Version1::NUMBER, index })
        .map_err(|_| SessionFault::BadOpaque)?;
    let contents = suite.open(&key, &[], sealed).map_err(|_| SessionFault::BadOpaque)?;
    parse_contents(&contents).map_err(|_| SessionFault::BadOpaque)
}

fn append_auth_code(protocol: Protocol, secrets: &SessionSecrets, items: &[Item<'_>]) -> String {
    to_base64(&protocol.suite().auth_code(secrets.salt.expose(), items))
}

fn check_auth_code(
    protocol: Protocol,
    secrets: &SessionSecrets,
    items: &[Item<'_>],
    contents: &Pairs,
) -> Result<(), SessionFault> {
    let code = contents.get(AUTH_CODE).and_then(from_base64).ok_or(SessionFault::BadAuthCode)?;
    let expected = protocol.suite().auth_code(secrets.salt.expose(), items);
    if same(&expected, &code) { Ok(()) } else { Err(SessionFault::BadAuthCode) }
}

/// Refuses a message whose label `label` is not `expected`.
fn expect(label: &'static str, expected: &'static str, found: &str) -> Result<(), FormFault> {
    if found == expected {
        return Ok(());
    }
    Err(FormFault::BadValue { label: label.to_owned(), kind: format!("{expected:?}") })
}

/// Writes CA2: what was promised to a merchant, for collection.
///
/// # Errors
/// Secrets that are not of the protocol's suite.
///
/// # Panics
/// More than [`MAX_PAYMENTS`] payments, or none: the caller decides what goes into a batch.
pub fn write_collection(
    protocol: Protocol,
    secrets: &SessionSecrets,
    head: &BatchHead,
    payments: &[(Collected, Vec<u8>)],
    rng: &mut dyn CryptoRng,
) -> Result<String, CryptoFault> {
    assert!((1..=MAX_PAYMENTS).contains(&payments.len()), "a collection holds 1 to {MAX_PAYMENTS} payments");
    let mut transparent = Pairs::new();
    head.write("", &mut transparent);
    let mut contents = Pairs::new();
    CollectionHead { kind: token(COLLECTION_TYPE), version: Version1 }.write("", &mut contents);
    for (n, (collected, _)) in payments.iter().enumerate() {
        collected.write(&suffix(n), &mut contents);
    }
    let code = append_auth_code(protocol, secrets, &collection_items(&transparent, &contents, payments.len()));
    contents.push_base64(AUTH_CODE, code);
    let sealed = seal_in_session(protocol, secrets, SessionMessage::Collection, head.index, &contents, rng)?;
    transparent.push_base64(MERCHANT_OPAQUE, to_base64(&sealed));
    for (n, (_, opaque)) in payments.iter().enumerate() {
        transparent.push_base64(customer_label(n), to_base64(opaque));
    }
    Ok(Envelope { protocol, pairs: transparent }.write())
}

/// `_1` for the first.
fn suffix(n: usize) -> String {
    format!("_{}", n + 1)
}

fn customer_label(n: usize) -> String {
    format!("customer-opaque{}", suffix(n))
}

/// What the auth-code of CA2 covers: transparent type, session and index, then the merchant part.
fn collection_items<'a>(transparent: &'a Pairs, contents: &'a Pairs, payments: usize) -> Vec<Item<'a>> {
    let mut items = Vec::with_capacity(BatchHead::FIELDS.len() + contents.len());
    push_hashed(BatchHead::FIELDS, transparent, "", &mut items);
    push_hashed(CollectionHead::FIELDS, contents, "", &mut items);
    for n in 0..payments {
        push_hashed(Collected::FIELDS, contents, &suffix(n), &mut items);
    }
    items
}

/// CA2 as the server reads it before it knows the session (steps 1662 to 1665).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collection {
    /// Which suite.
    pub protocol: Protocol,
    /// The transparent part.
    pub head: BatchHead,
    transparent: Pairs,
    merchant_opaque: Vec<u8>,
    customer_opaques: Vec<Vec<u8>>,
}

impl Collection {
    /// Reads the transparent part.
    ///
    /// # Errors
    /// The first thing that is not of its form.
    pub fn read(envelope: &Envelope) -> Result<Self, FormFault> {
        let Envelope { protocol, pairs } = envelope.clone();
        let head = BatchHead::read(&pairs, "", Reading::of(protocol))?;
        expect("type", COLLECTION_TYPE, head.kind.as_str())?;
        let merchant_opaque = opaque(&pairs, MERCHANT_OPAQUE)?;
        let mut customer_opaques = Vec::new();
        loop {
            let label = customer_label(customer_opaques.len());
            if pairs.get(&label).is_none() {
                break;
            }
            customer_opaques.push(opaque(&pairs, &label)?);
        }
        if !(1..=MAX_PAYMENTS).contains(&customer_opaques.len()) {
            return Err(FormFault::TooLong { what: "number of payments", limit: MAX_PAYMENTS });
        }
        Ok(Self { protocol, head, transparent: pairs, merchant_opaque, customer_opaques })
    }

    /// Opens the merchant's part (steps 1666 to 1670).
    ///
    /// # Errors
    /// The whole collection fails.
    pub fn open(self, secrets: &SessionSecrets) -> Result<OpenCollection, SessionFault> {
        let index = self.head.index;
        let message = SessionMessage::Collection;
        let contents = open_in_session(self.protocol, secrets, message, index, &self.merchant_opaque)?;
        let reading = Reading::of(self.protocol);
        expect("type", COLLECTION_TYPE, CollectionHead::read(&contents, "", reading)?.kind.as_str())?;
        let count = self.customer_opaques.len();
        if contents.get(&format!("type{}", suffix(count))).is_some() {
            return Err(FormFault::Contradiction("more payments than customer parts").into());
        }
        let read = |n: usize| {
            let collected = Collected::read(&contents, &suffix(n), reading)?;
            expect("type", PAYMENT_TYPE, collected.kind.as_str()).map(|()| collected)
        };
        let payments = (0..count).map(read).collect::<Result<_, _>>()?;
        check_auth_code(self.protocol, secrets, &collection_items(&self.transparent, &contents, count), &contents)?;
        Ok(OpenCollection { collection: self, contents, payments })
    }
}

fn opaque(pairs: &Pairs, label: &str) -> Result<Vec<u8>, FormFault> {
    let value = pairs.get(label).ok_or_else(|| FormFault::Missing(label.to_owned()))?;
    let fault = || FormFault::BadValue { label: label.to_owned(), kind: "base64".to_owned() };
    from_base64(value).ok_or_else(fault)
}

/// CA2 whose merchant part was opened and is authentic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenCollection {
    collection: Collection,
    contents: Pairs,
    /// The payments, in order.
    pub payments: Vec<Collected>,
}

impl OpenCollection {
    /// Which suite.
    pub fn protocol(&self) -> Protocol {
        self.collection.protocol
    }

    /// The transparent part.
    pub fn head(&self) -> &BatchHead {
        &self.collection.head
    }

    /// The customer's opaque value of payment `n` (from 0), as its CA1 carried it.
    pub fn customer_opaque(&self, n: usize) -> &[u8] {
        &self.collection.customer_opaques[n]
    }

    /// Opens payment `n` (from 0) with its payer's secrets and checks the payer's auth-code over what the merchant says
    /// (steps 1672 to 1676): the amount that the payer agreed to.
    ///
    /// # Errors
    /// This payment fails; the others stand.
    pub fn open_payment(&self, n: usize, payer: &SessionSecrets) -> Result<Money, SessionFault> {
        let (protocol, collected) = (self.collection.protocol, &self.payments[n]);
        let sealed = &self.collection.customer_opaques[n];
        let body = open_in_session(protocol, payer, SessionMessage::Payment, collected.payer_index, sealed)?;
        let record = PaymentBody::read(&body, "", Reading::of(protocol))?;
        check_auth_code(protocol, payer, &self.payer_items(n, &body), &body)?;
        Ok(record.amount)
    }

    /// What the payer's auth-code covers, put back under the names that CA1 uses.
    fn payer_items<'a>(&'a self, n: usize, body: &'a Pairs) -> Vec<Item<'a>> {
        let end = suffix(n);
        let said = |label: &str| self.contents.get(Label::of(label, &end).as_str());
        let value = |label: &'static str| -> Option<&'a str> {
            match label {
                "payee-currency" => said("merchant-amount")?.split([' ', '\t']).next(),
                "session-id" => said("payer-session-id"),
                "index" => said("payer-index"),
                _ => said(label),
            }
        };
        let hashed = Payment::FIELDS.iter().filter(|field| field.hashed);
        let mut items: Vec<Item<'a>> = Vec::with_capacity(Payment::FIELDS.len() + PaymentBody::FIELDS.len());
        items.extend(hashed.filter_map(|field| Some((field.label, value(field.label)?))));
        push_hashed(PaymentBody::FIELDS, body, "", &mut items);
        items
    }
}

/// The text of a value, for messages of which only a part is at hand.
pub(crate) fn text_of(value: &impl Value) -> String {
    value.text().into_owned()
}
