//! Refunds: giving back what was collected for an order (RF1 and RF2, docs/protocol.md "Refunds").
//!
//! ```text
//!   paid order ──begin──► attempt ──concluded──► success
//!                          ▲  │        └───────► failure
//!             no RF2 ──────┘  └──stale──► retry ──again──► attempt
//! ```
//!
//! | found after a crash | recovery |
//! | --- | --- |
//! | attempt | the same RF1 again, byte for byte: the server repeats its RF2 |
//! | retry | a new RF1: the server did nothing with the last one |

use protocol::Protocol;
use protocol::date::Date;
use protocol::message::refund::{RefundPayment, RefundResponse};
use protocol::message::session::RecordNote;
use protocol::money::Money;
use protocol::outcome::Problem;
use protocol::suite::CryptoFault;
use protocol::value::{Num, OrderId, Token};
use thiserror::Error;

use super::change::Version;
use super::conversation::{AnswerFault, request};
use super::order::order_id;
use super::record::{CollectionLog, Flag, LogStatus, Order, Pending, Persona, Purpose};
use super::setup::key_name;
use super::{Change, ChangeSet, Moment, software_version};

/// Names a refund, as hard to guess as an order's id.
pub type RefundId = Token<64>;

/// Merchant cash log, refunds: one RF1 and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundLog {
    /// See [`Version`].
    pub version: Version,
    /// Which.
    pub id: RefundId,
    /// The order that was paid.
    pub order_id: OrderId,
    /// The CA1 that paid it; see [`super::payment::name_of`].
    pub payment: String,
    /// What goes back, in the order's currency.
    pub amount: Money,
    /// The reason, for both sides to read.
    pub note: Option<RecordNote>,
    /// How it stands.
    pub status: LogStatus,
    /// The request that carries it.
    pub transaction: Num,
    /// What the payer got, in the payer's currency.
    pub returned: Option<Money>,
    /// Why not.
    pub result: Option<Problem>,
    /// When it was asked for.
    pub asked: Date,
    /// When it was decided.
    pub done: Option<Date>,
}

/// What is to be given back.
#[derive(Clone, Debug, Default)]
pub struct NewRefund {
    /// How much; everything that is left where nothing is said.
    pub amount: Option<Money>,
    /// The reason.
    pub note: Option<RecordNote>,
}

/// Why no refund begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RefundFault {
    /// Nothing was collected for the order.
    #[error("the order is not paid")]
    NotPaid,
    /// More than is left.
    #[error("only {0} of the payment are left")]
    TooMuch(Money),
    /// Nothing, or another currency than the order's.
    #[error("a refund is an amount above nothing in the currency of the order")]
    Amount,
    /// Protocol 1.0 has no refunds.
    #[error("protocol 1.0 has no refunds")]
    OldProtocol,
    /// The persona's keys are not of its protocol.
    #[error(transparent)]
    Crypto(#[from] CryptoFault),
}

/// What refunds leave of an order's price; those under way count as done.
pub fn left(order: &Order, refunds: &[RefundLog]) -> Money {
    let counts = |refund: &&RefundLog| refund.status != LogStatus::Failure;
    let given: i64 = refunds.iter().filter(counts).map(|refund| refund.amount.minor).sum();
    Money::new(order.amount.currency, order.amount.minor.saturating_sub(given))
}

/// Makes an RF1 for an order that `paid` has paid and keeps it. The order is written too: two refunds that begin at once
/// both read what was left, and only one of them may go on.
///
/// # Errors
/// See [`RefundFault`].
pub fn begin(
    persona: &Persona,
    order: &Order,
    paid: &CollectionLog,
    earlier: &[RefundLog],
    new: &NewRefund,
    moment: &mut Moment<'_>,
) -> Result<(ChangeSet, Pending, RefundLog), RefundFault> {
    if persona.protocol != Protocol::V2 {
        return Err(RefundFault::OldProtocol);
    }
    if order.flag != Flag::Paid || paid.status != LogStatus::Success {
        return Err(RefundFault::NotPaid);
    }
    let left = left(order, earlier);
    let amount = new.amount.unwrap_or(left);
    if amount.currency != left.currency || amount.minor < 0 || new.amount.is_some_and(|amount| amount.minor == 0) {
        return Err(RefundFault::Amount);
    }
    if amount.minor > left.minor || left.minor == 0 {
        return Err(RefundFault::TooMuch(left));
    }
    let id = RefundId::of(order_id(moment.rng).as_str()).expect("invariant: an order's id is a token");
    let log = RefundLog {
        version: Version::default(),
        id,
        order_id: order.id.clone(),
        payment: paid.payment.clone(),
        amount,
        note: new.note.clone(),
        status: LogStatus::Attempt,
        transaction: Num::of(1).expect("invariant: one is a number"),
        returned: None,
        result: None,
        asked: moment.now,
        done: None,
    };
    let (mut changes, pending, log) = again(persona, &log, paid, moment)?;
    changes.push(Change::PutOrder(order.clone()));
    Ok((changes, pending, log))
}

/// Makes another RF1 for a refund whose last one the server did not look at.
///
/// # Errors
/// The persona's keys are not of its protocol.
pub fn again(
    persona: &Persona,
    log: &RefundLog,
    paid: &CollectionLog,
    moment: &mut Moment<'_>,
) -> Result<(ChangeSet, Pending, RefundLog), CryptoFault> {
    let body = RefundPayment {
        server_date: moment.now,
        swversion: software_version(),
        order_id: log.order_id.clone(),
        payer_session_id: paid.customer_session.clone(),
        payer_index: paid.customer_index,
        amount: Some(log.amount),
        record_note: log.note.clone(),
        key: key_name(persona)?,
        signature: None,
    };
    let (id, key, server) = (Some(&persona.id), &persona.private_key, &persona.server_key);
    let pending = request(id, &body, server, key, Purpose::Refund(log.id.clone()), moment)?;
    let log = RefundLog { status: LogStatus::Attempt, transaction: pending.transaction, ..log.clone() };
    let changes = vec![Change::PutPending(pending.clone()), Change::PutRefund(log.clone())];
    Ok((changes.into(), pending, log))
}

/// Reads RF2.
///
/// # Errors
/// The server refused, or nothing is known; see [`AnswerFault`].
pub fn concluded(
    log: &RefundLog,
    pending: &Pending,
    reply: &[u8],
    now: Date,
) -> Result<(ChangeSet, RefundLog), AnswerFault> {
    let response: RefundResponse = pending.reply(reply)?;
    let returned = Some(response.returned_amount.ok_or(AnswerFault::Lacks("returned-amount"))?);
    let log = RefundLog { status: LogStatus::Success, returned, result: None, done: Some(now), ..log.clone() };
    Ok((vec![Change::PutRefund(log.clone()), Change::DeletePending(pending.transaction)].into(), log))
}

/// Books that the server refused; a refusal that is not about the refund leaves it to be tried again.
pub fn refused(log: &RefundLog, pending: &Pending, fault: &AnswerFault, now: Date) -> ChangeSet {
    let log = if fault.is_stale() {
        RefundLog { status: LogStatus::Retry, ..log.clone() }
    } else {
        let result = Some(fault.problem().cloned().unwrap_or(Problem::INTERNAL));
        RefundLog { status: LogStatus::Failure, result, done: Some(now), ..log.clone() }
    };
    vec![Change::PutRefund(log), Change::DeletePending(pending.transaction)].into()
}
