//! Collecting what was promised: CA2, CA3 and CA4 (steps 1711A to 1726, figs 27, 35 and 36).
//!
//! ```text
//!   CA1s ──assemble──► attempt ──conclude──► success   (CA4)
//!                        │ ▲         ├─────► failure   (CA4, or `error` where the server sent nothing for the payer)
//!              no CA3 ───┘ │         └─────► retry     (the same CA1 may come again)
//!                          └── session over: the same CA1s in another CA2
//! ```
//!
//! | found after a crash | recovery |
//! | --- | --- |
//! | attempt | the same CA2 again, byte for byte: the server repeats its CA3 |
//! | success, failure | the stored answer |
//! | retry | a new CA2 when the wallet sends its CA1 again |
//!
//! That the same CA1 goes out in another CA2 is harmless: the server reports the first outcome again, and no money moves.

use protocol::buggify::{Site, strikes};
use protocol::collect::{ReceiptFault, Receipts, ReceivedPayment, write_collection, write_payer_receipt};
use protocol::date::Date;
use protocol::exchange::write_error;
use protocol::message::ErrorMessage;
use protocol::message::payment::{BatchReceipt, Collected, MAX_PAYMENTS, PaymentReceipt};
use protocol::money::Money;
use protocol::outcome::{Problem, ResponseCode};
use protocol::suite::CryptoFault;
use protocol::value::{OrderId, Version1};
use thiserror::Error;

use super::change::Version;
use super::payment::name_of;
use super::record::{Batch, BatchId, CollectionLog, Flag, LogStatus, Order, Persona, SalesSession};
use super::session::over;
use super::{Change, ChangeSet, Moment};

/// In how many CA2s a payment is tried before it is given up: more sessions than that do not end under our hands.
const MAX_ATTEMPTS: u8 = 5;

/// A CA1 that was examined and is to be collected.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The CA1.
    pub received: ReceivedPayment,
    /// The CA1 as it came.
    pub ca1: String,
    /// The order it pays.
    pub order: Order,
    /// What the books say of it, if it was tried before.
    pub earlier: Option<CollectionLog>,
}

/// Why no CA2 can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AssembleFault {
    /// The session has no index left.
    #[error("the sales session is used up")]
    UsedUp,
    /// The session's secrets are not of its protocol.
    #[error(transparent)]
    Crypto(#[from] CryptoFault),
}

/// Makes a CA2 of claims (1711A) and logs them (1711B). Each claim is for an order of its own, and all are in the
/// session's currency.
///
/// # Errors
/// See [`AssembleFault`].
///
/// # Panics
/// No claims, or more than [`MAX_PAYMENTS`].
pub fn assemble(
    persona: &Persona,
    session: &SalesSession,
    claims: &[Claim],
    moment: &mut Moment<'_>,
) -> Result<(ChangeSet, Batch), AssembleFault> {
    let mut session = session.clone();
    let index = session.next_index().ok_or(AssembleFault::UsedUp)?;
    let id = BatchId { session: session.id.clone(), index };
    let payments: Vec<_> = claims.iter().map(|claim| collected(persona, claim)).collect();
    let ca2 = write_collection(session.protocol, &session.secrets, &id.head(), &payments, moment.rng)?;
    let count = u8::try_from(claims.len()).expect("invariant: a batch holds at most 255 payments");
    let batch = Batch { id: id.clone(), payments: count, ca2, answered: false };
    let mut changes = ChangeSet::from(vec![Change::PutSession(session), Change::PutBatch(batch.clone())]);
    for (position, claim) in (0..count).zip(claims) {
        changes.push(Change::PutCollection(attempt(claim, &id, position, moment.now)));
        changes.push(Change::PutOrder(Order { collecting: true, ..claim.order.clone() }));
    }
    Ok((changes, batch))
}

/// One payment of the CA2: what the merchant says it was promised.
fn collected(persona: &Persona, claim: &Claim) -> (Collected, Vec<u8>) {
    let payment = &claim.received.payment;
    let collected = Collected {
        kind: payment.kind.clone(),
        subversion: Version1,
        payer_session_id: payment.session_id.clone(),
        payer_index: payment.index,
        note_hash: claim.order.note_hash.clone(),
        payee_id: persona.id.clone(),
        order_id: claim.order.id.clone(),
        merchant_amount: claim.order.amount,
    };
    (collected, claim.received.opaque.clone())
}

fn attempt(claim: &Claim, batch: &BatchId, position: u8, now: Date) -> CollectionLog {
    let payment = &claim.received.payment;
    let earlier = claim.earlier.as_ref();
    CollectionLog {
        version: earlier.map_or(Version::default(), |log| log.version),
        payment: name_of(&claim.received),
        status: LogStatus::Attempt,
        order_id: claim.order.id.clone(),
        customer_session: payment.session_id.clone(),
        customer_index: payment.index,
        batch: batch.clone(),
        position,
        attempts: earlier.map_or(1, |log| log.attempts.saturating_add(1)),
        requested: claim.order.amount,
        credited: None,
        fee: None,
        result: None,
        ca1: claim.ca1.clone(),
        answer: None,
        received: earlier.map_or(now, |log| log.received),
    }
}

/// A batch with all that its CA3 decides; `entries` in the order of the CA2.
#[derive(Clone, Debug)]
pub struct Underway {
    /// The CA2.
    pub batch: Batch,
    /// Its session.
    pub session: SalesSession,
    /// Its payments, each with its order.
    pub entries: Vec<(CollectionLog, Order)>,
}

/// What came of a CA2.
#[derive(Clone, Debug)]
pub enum Concluded {
    /// Each payment has its verdict, and an answer under its name.
    Decided(ChangeSet, Vec<(String, String)>),
    /// The session is over; the payments go out again in another one.
    SessionOver(ChangeSet),
}

/// Why an answer to CA2 concludes nothing: the same CA2 is sent again.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConcludeFault {
    /// No CA3, or not an authentic one.
    #[error(transparent)]
    Receipt(#[from] ReceiptFault),
    /// The server asks for patience.
    #[error("the server is busy: {0}")]
    Later(Problem),
    /// An authentic CA3 that speaks of other payments than those of the CA2.
    #[error("the receipt does not fit the collection")]
    OtherPayments,
    /// A CA1 in the till's own books cannot be read.
    #[error("the books are damaged")]
    Damaged,
}

/// Whether a problem means that another session will do better. An index that was used for other bytes tells of books
/// that were restored from an old copy: that session is not to be trusted with further indexes.
fn is_of_session(problem: &Problem) -> bool {
    use Problem as P;
    [P::SESSION_UNKNOWN, P::SESSION_CLOSED, P::SESSION_EXPIRED, P::INDEX_RANGE, P::INDEX_USED].contains(problem)
}

/// Reads a CA3 (steps 1719 to 1724) and writes the answers (1725).
///
/// # Errors
/// See [`ConcludeFault`]; nothing is known of the payments.
pub fn conclude(underway: &Underway, reply: &[u8], now: Date) -> Result<Concluded, ConcludeFault> {
    let Underway { batch, session, entries } = underway;
    let (head, count) = (batch.id.head(), usize::from(batch.payments));
    let receipts = match Receipts::read(reply, session.protocol, &session.secrets, &head, count) {
        Ok(receipts) => receipts,
        // Nothing authenticates `error`; but collecting once more is harmless, so this one may be believed.
        Err(ReceiptFault::Refused(error)) if error.problem == Problem::SESSION_UNKNOWN => {
            return Ok(fail(underway, &error.problem, now));
        }
        Err(fault) => return Err(fault.into()),
    };
    let whole = &receipts.verdicts.batch;
    if receipts.verdicts.payments.is_empty() {
        let problem = whole.problem.clone().unwrap_or(Problem::INTERNAL);
        return if whole.response_code == ResponseCode::Retry {
            Err(ConcludeFault::Later(problem))
        } else {
            Ok(fail(underway, &problem, now))
        };
    }
    let fits = |(log, verdict): (&(CollectionLog, Order), &PaymentReceipt)| is_for(verdict, &log.0);
    if entries.len() != count || !entries.iter().zip(&receipts.verdicts.payments).all(fits) {
        return Err(ConcludeFault::OtherPayments);
    }
    decide(underway, &receipts, whole, now)
}

fn is_for(verdict: &PaymentReceipt, log: &CollectionLog) -> bool {
    verdict.payer_session_id == log.customer_session
        && verdict.payer_index == log.customer_index
        && verdict.order_id == log.order_id
}

/// Books each verdict: 350C, 360F, 370B, 370K to 370M (step 1724).
fn decide(
    underway: &Underway,
    receipts: &Receipts,
    whole: &BatchReceipt,
    now: Date,
) -> Result<Concluded, ConcludeFault> {
    let mut session = underway.session.clone();
    let (mut changes, mut answers) = (ChangeSet::default(), Vec::new());
    let opaques = receipts.customer_opaques.iter();
    for ((entry, verdict), opaque) in underway.entries.iter().zip(&receipts.verdicts.payments).zip(opaques) {
        let (log, order) = entry;
        let credited = verdict.collected_amount.filter(|_| verdict.response_code == ResponseCode::Success);
        let answer = answer(log, verdict, opaque.as_deref())?;
        answers.push((log.payment.clone(), answer.clone()));
        // Where booking was reported as failed, and had happened all the same, the CA3 comes again: what is booked stays.
        if log.status != LogStatus::Attempt {
            continue;
        }
        let fee = whole.fee.filter(|_| log.position == 0);
        let log = CollectionLog { credited, fee, ..booked(log, verdict, answer) };
        session.current = grown(session.current, credited);
        changes.push(Change::PutOrder(settled(order, &log, now)));
        changes.push(Change::PutCollection(log));
    }
    changes.push(Change::PutSession(session));
    changes.push(Change::PutBatch(Batch { answered: true, ..underway.batch.clone() }));
    Ok(Concluded::Decided(changes, answers))
}

/// 360F after a collection. It is the till's own tally; the server's books decide, so a sum too large is left as it was.
fn grown(current: Money, credited: Option<Money>) -> Money {
    credited.and_then(|credited| current.plus(credited).ok()).unwrap_or(current)
}

fn booked(log: &CollectionLog, verdict: &PaymentReceipt, answer: String) -> CollectionLog {
    let status = match verdict.response_code {
        ResponseCode::Success => LogStatus::Success,
        ResponseCode::Failure => LogStatus::Failure,
        ResponseCode::Retry => LogStatus::Retry,
    };
    CollectionLog { status, result: verdict.problem.clone(), answer: Some(answer), ..log.clone() }
}

/// The order after its verdict. It is paid when the whole price was credited.
fn settled(order: &Order, log: &CollectionLog, now: Date) -> Order {
    let problem = || log.result.clone().unwrap_or(Problem::AMOUNT_MISMATCH);
    let (flag, paid) = match log.status {
        LogStatus::Success if log.credited == Some(order.amount) => (Flag::Paid, Some(now)),
        LogStatus::Success | LogStatus::Failure => (Flag::NotPaid(problem()), None),
        LogStatus::Attempt | LogStatus::Retry => (order.flag.clone(), None),
    };
    Order { flag, paid, collecting: false, ..order.clone() }
}

/// CA4 (3100), or `error` where the server sent nothing for the payer.
fn answer(log: &CollectionLog, verdict: &PaymentReceipt, opaque: Option<&[u8]>) -> Result<String, ConcludeFault> {
    let received = ReceivedPayment::read(log.ca1.as_bytes()).map_err(|_| ConcludeFault::Damaged)?;
    let problem = || verdict.problem.clone().unwrap_or(Problem::INTERNAL);
    Ok(opaque.map_or_else(
        || write_error(received.protocol, None, &ErrorMessage::of(problem())),
        |opaque| write_payer_receipt(&received, opaque),
    ))
}

/// A CA2 that failed as a whole: its payments go out again where another session helps, and are refused where not.
fn fail(underway: &Underway, problem: &Problem, now: Date) -> Concluded {
    let Underway { batch, session, entries } = underway;
    let again = is_of_session(problem) && entries.iter().all(|(log, _)| log.attempts < MAX_ATTEMPTS);
    let mut changes = ChangeSet::from(vec![Change::PutBatch(Batch { answered: true, ..batch.clone() })]);
    if is_of_session(problem) {
        changes.push(over(session, now));
    }
    let (status, flag) =
        if again { (LogStatus::Retry, None) } else { (LogStatus::Failure, Some(Flag::NotPaid(problem.clone()))) };
    let mut answers = Vec::new();
    for (log, order) in entries {
        let flag = flag.clone().unwrap_or_else(|| order.flag.clone());
        changes.push(Change::PutOrder(Order { collecting: false, flag, ..order.clone() }));
        let text = (!again).then(|| write_error(session.protocol, None, &ErrorMessage::of(problem.clone())));
        answers.extend(text.clone().map(|text| (log.payment.clone(), text)));
        let result = Some(problem.clone());
        changes.push(Change::PutCollection(CollectionLog { status, result, answer: text, ..log.clone() }));
    }
    if again { Concluded::SessionOver(changes) } else { Concluded::Decided(changes, answers) }
}

/// Splits claims into what fits in one CA2: of one currency, one per order, at most [`MAX_PAYMENTS`]; and the rest.
pub fn fitting(claims: Vec<Claim>) -> (Vec<Claim>, Vec<Claim>) {
    let Some(currency) = claims.first().map(|claim| claim.order.amount.currency) else { return (claims, Vec::new()) };
    let (mut now, mut later) = (Vec::<Claim>::new(), Vec::new());
    for claim in claims {
        let taken = |order: &OrderId| now.iter().any(|other| other.order.id == *order);
        let room = now.is_empty() || (now.len() < MAX_PAYMENTS && !strikes(Site::CollectionFull));
        let fits = room && claim.order.amount.currency == currency && !taken(&claim.order.id);
        if fits { now.push(claim) } else { later.push(claim) }
    }
    (now, later)
}
