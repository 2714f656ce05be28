//! Transaction 409 (fig. 24), the customer's steps: 1704A to 1708, 1727 to 1732.
//!
//! | state | where | after a crash |
//! | --- | --- | --- |
//! | offered | approval | the window is opened again, or the browser was restarted and the page is gone |
//! | promised | pending payment 253 | CA1 is sent again, byte for byte: it pays once |
//! | paid, refused | payment log 263 | over |
//!
//! Only an authentic CA4, or the log of a closed session, ends a promise. What a merchant says otherwise is shown.

use protocol::Protocol;
use protocol::collect::{PayerReceiptFault, read_payer_receipt, write_payment};
use protocol::date::Date;
use protocol::envelope::Envelope;
use protocol::message::payment::{NoteHash, PAYMENT_TYPE, PayerReceipt, Payment};
use protocol::money::Money;
use protocol::offer::{Offer, note_hash};
use protocol::outcome::{Problem, ResponseCode};
use protocol::store::{ChangeSet, Condition, Place};
use protocol::value::{Index, OrderId, SessionId, Token, Value as _, Version1, from_base64};
use wallet_messages::{Paid, PaidBefore};

use super::books::{Books, find};
use super::conversation::heard;
use super::rules::notice;
use super::step::{Begun, Desk, Env, SOFTWARE, Settled, is_historic, transaction};
use super::view::{money_view, payment_id};
use crate::fault::WalletFault;
use crate::record::log::{Answer, OfferLog, PaymentLog};
use crate::record::pending::{Heard, PendingPayment, order_key};
use crate::record::settings::{Notice, Noticed};
use crate::record::{Approval, Held, Page, RecordChanges as _, Session, Stored as _};
use crate::vault::VaultFault;

/// A session that ends sooner is not paid from: the promise travels through the merchant, who may be slow.
const MARGIN_SECONDS: i64 = 30;

/// What is to be paid, and who waits for it.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Names the approval.
    pub id: String,
    /// Who asked.
    pub page: Page,
    /// PR1 as it came.
    pub text: String,
    /// PR1 as it was read.
    pub offer: Offer,
    /// The approval, until it is consumed.
    pub approval: Option<Held<Approval>>,
    /// What is known of an earlier payment of the order.
    pub log: Option<Held<PaymentLog>>,
    /// By a rule, without asking the shopper.
    pub silent: bool,
}

impl Ask {
    /// The key of its order in records 253 and 263.
    pub fn order_key(&self) -> String {
        order_key(&self.offer.request.merchant_id, self.offer.request.order_id.as_str())
    }

    /// The payment of the order, if it was paid before.
    pub fn paid(&self) -> Option<PaidBefore> {
        let log = &self.log.as_ref()?.record;
        let before = PaidBefore { payment: payment_id(&log.key()), at: log.answer.at.millis() };
        log.answer.problem.is_none().then_some(before)
    }
}

/// Step 1705: the session that pays `price`, and what it is charged. Of several the one that ends first, so that little is
/// left over.
pub fn choose(books: &Books, price: Money, server_now: Date) -> Option<(&Held<Session>, Money)> {
    let fits = |held: &'_ Held<Session>| {
        let session = &held.record;
        let charge = session.charge(price)?;
        let usable = session.over.is_none() && !session.shared && !session.gone && session.end(server_now).is_none();
        let in_time = session.ends_at() > server_now.plus_secs(MARGIN_SECONDS);
        let holds = session.left(&books.payments).minor >= charge.minor;
        let counts = session.uses_left(&books.payments) > 0 && session.index().is_some();
        (usable && in_time && holds && counts).then_some(charge)
    };
    let fitting = books.sessions.iter().filter_map(|held| Some((held, fits(held)?)));
    fitting.min_by_key(|(held, _)| (held.record.opened.currency != price.currency, held.record.ends_at()))
}

/// Steps 1704A to 1707A: CA1, its pending record 253, the amount reserved and the approval consumed, in one change set.
/// A promise for the same order that still waits is sent again instead.
///
/// # Errors
/// The order was paid before, or no session fits.
pub fn pay(desk: &Desk, ask: &Ask, env: &mut Env<'_>) -> Result<Begun, WalletFault> {
    if let Some(before) = ask.paid() {
        return Err(WalletFault::AlreadyPaid(before));
    }
    let mut changes = ChangeSet::new();
    if let Some(approval) = &ask.approval {
        changes.remove(approval);
    }
    let key = ask.order_key();
    if let Some(held) = find(&desk.books.payments, &key) {
        if held.record.price != ask.offer.request.amount {
            return Err(WalletFault::refused(Problem::AMOUNT_MISMATCH));
        }
        let again = PendingPayment { page: ask.page.clone(), approval: ask.id.clone(), ..held.record.clone() };
        changes.replace(held, &again);
        return Ok(Begun { changes, pending: key });
    }
    promise(desk, ask, env, &mut changes)?;
    Ok(Begun { changes, pending: key })
}

/// Step 1707A for an order that nothing was promised for.
fn promise(desk: &Desk, ask: &Ask, env: &mut Env<'_>, changes: &mut ChangeSet) -> Result<(), WalletFault> {
    let request = &ask.offer.request;
    let chosen = choose(&desk.books, request.amount, desk.server_date(env));
    let (held, amount) = chosen.ok_or(WalletFault::NoSessionFits)?;
    let mut session = held.record.clone();
    let index = session.index().ok_or(WalletFault::NoSessionFits)?;
    if ask.silent {
        by_rule(desk, ask, amount, env, changes)?;
    }
    session.take(index);
    let payment = PendingPayment {
        transaction: transaction(env).get(),
        at: env.now,
        software: SOFTWARE.to_owned(),
        persona: desk.books.persona()?.id.clone(),
        order: request.order_id.as_str().to_owned(),
        merchant: request.merchant_id.clone(),
        price: request.amount,
        amount,
        note: request.note.as_str().to_owned(),
        url_pay_to: request.url_pay_to.as_str().to_owned(),
        session: session.id.clone(),
        index: index.get(),
        original: String::new(),
        offer: ask.text.clone(),
        approval: ask.id.clone(),
        page: ask.page.clone(),
        heard: None,
        silent: ask.silent,
    };
    let head = transparent(&payment, session.protocol).ok_or(VaultFault::Damaged)?;
    let original = write_payment(session.protocol, &session.secrets(&desk.vault)?, &head, amount, env.rng)?;
    changes.create(&PendingPayment { original, ..payment });
    changes.replace(held, &session);
    match &ask.log {
        Some(log) => changes.keep(log),
        None => changes.demand(Place::new(PaymentLog::TABLE, ask.order_key()), Condition::Absent),
    }
    changes.write(&offer_log(ask, env.now));
    Ok(())
}

/// Counts a payment of a site that may be paid without asking; no other is.
fn by_rule(
    desk: &Desk,
    ask: &Ask,
    charge: Money,
    env: &mut Env<'_>,
    changes: &mut ChangeSet,
) -> Result<(), WalletFault> {
    let mut rules = desk.rules()?;
    let rule = rules.silent_for(&ask.page.origin, charge).ok_or(WalletFault::ApprovalGone)?;
    (rule.payments, rule.last_at) = (rule.payments.saturating_add(1), Some(env.now));
    desk.put_rules(&rules, changes, env)
}

/// CA1's transparent part (fig. 28A), made of its pending record; nothing if that is damaged.
fn transparent(payment: &PendingPayment, protocol: Protocol) -> Option<Payment> {
    Some(Payment {
        kind: Token::of(PAYMENT_TYPE)?,
        version: Version1,
        session_id: SessionId::of(from_base64(&payment.session)?)?,
        index: Index::of(payment.index.into())?,
        payee_currency: payment.price.currency,
        note_hash: NoteHash::of(note_hash(protocol, &payment.note))?,
        payee_id: payment.merchant.clone(),
        order_id: OrderId::of(&payment.order)?,
        service_category: Token::of("cash"),
    })
}

/// Record 266 (step 3307).
fn offer_log(ask: &Ask, at: Date) -> OfferLog {
    let request = &ask.offer.request;
    OfferLog {
        merchant: request.merchant_id.clone(),
        order: request.order_id.as_str().to_owned(),
        amount: request.amount,
        accepts: request.accepts.as_ref().map(|names| names.text().into_owned()),
        note: request.note.as_str().to_owned(),
        url_pay_to: request.url_pay_to.as_str().to_owned(),
        at,
    }
}

/// How a promise ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was collected.
    Paid {
        /// What the session was charged.
        charged: Money,
        /// CA4.
        receipt: String,
    },
    /// It was not.
    Refused {
        /// Why.
        problem: Problem,
        /// A sentence for people.
        message: Option<String>,
        /// CA4.
        receipt: String,
    },
}

/// Puts record 263 in the place of record 253.
pub fn settle_payment(held: &Held<PendingPayment>, session: &Session, books: &Books, verdict: Verdict) -> ChangeSet {
    let payment = held.record.clone();
    let (amount, problem, message, receipt) = match verdict {
        Verdict::Paid { charged, receipt } => (charged, None, None, receipt),
        Verdict::Refused { problem, message, receipt } => (payment.amount, Some(problem), message, receipt),
    };
    let problem = problem.map(|problem| problem.code().to_owned());
    let PendingPayment { transaction, at, persona, order, merchant, price, note, session: id, index, .. } = payment;
    let log = PaymentLog {
        answer: Answer { transaction, at, severity: None, software: None, problem, message },
        persona,
        order,
        merchant,
        note,
        price,
        amount,
        session: id,
        index,
        historic: is_historic(session.protocol),
        approval: payment.approval,
        page: payment.page,
        messages: [payment.offer, payment.original, receipt],
        silent: payment.silent,
        merchant_said: None,
    };
    let log = PaymentLog { merchant_said: contradiction(&log), ..log };
    let mut changes = ChangeSet::new();
    if log.silent && log.answer.problem.is_none() {
        let (payment, origin) = (log.key(), log.page.origin.clone());
        let what = Noticed::PaidSilently { payment: payment.clone(), origin, amount };
        notice(books, &Notice { id: payment, at, what }, &mut changes);
    }
    changes.remove(held);
    changes.write(&log);
    changes
}

/// What a merchant says of a paid order in its own part of CA4, which nothing authenticates, where it denies the payment.
fn contradiction(log: &PaymentLog) -> Option<String> {
    let [_, _, receipt] = &log.messages;
    let envelope = Envelope::parse(receipt.as_bytes()).ok().filter(|_| log.answer.problem.is_none())?;
    let said = |label: &str| envelope.pairs.get(label).map(str::to_owned);
    let denies = said("response-code").is_some_and(|code| code != "success");
    said("problem").or_else(|| denies.then(|| "declined".to_owned()))
}

/// Steps 1727 to 1732: reads what came back for a CA1. `transaction` tells the promise that was sent from a later one for
/// the same order.
///
/// # Errors
/// The promise is gone: somebody else has settled it.
pub fn settle(
    desk: &Desk,
    key: &str,
    transaction: u64,
    bytes: &[u8],
    env: &Env<'_>,
) -> Result<Settled<Paid>, WalletFault> {
    let held = find(&desk.books.payments, key).filter(|held| held.record.transaction == transaction);
    let held = held.ok_or(WalletFault::NoAnswer { heard: None, money: true })?;
    let session = find(&desk.books.sessions, &held.record.session).ok_or(VaultFault::Damaged)?;
    let payment = transparent(&held.record, session.record.protocol).ok_or(VaultFault::Damaged)?;
    let secrets = session.record.secrets(&desk.vault)?;
    match read_payer_receipt(bytes, session.record.protocol, &secrets, &payment) {
        Ok(receipt) if receipt.response_code == ResponseCode::Retry => Ok(waits(held, retry(&receipt))),
        Ok(receipt) => Ok(settled(desk, held, session, &receipt, bytes, env)),
        Err(PayerReceiptFault::Refused(error)) => Ok(waits(held, heard(&error))),
        Err(_) => {
            let result = Err(WalletFault::AnswerUnreadable { money: true });
            Ok(Settled { changes: ChangeSet::new(), result })
        }
    }
}

fn retry(receipt: &PayerReceipt) -> Heard {
    let problem = receipt.problem.clone().unwrap_or(Problem::INTERNAL).code().to_owned();
    Heard { problem, message: remark(receipt) }
}

fn remark(receipt: &PayerReceipt) -> Option<String> {
    receipt.remark.as_ref().map(|remark| remark.as_str().to_owned())
}

/// The promise stands; the shopper sees why it waits.
fn waits(held: &Held<PendingPayment>, heard: Heard) -> Settled<Paid> {
    let mut changes = ChangeSet::new();
    changes.replace(held, &PendingPayment { heard: Some(heard.clone()), ..held.record.clone() });
    Settled { changes, result: Err(WalletFault::NoAnswer { heard: Some(heard), money: true }) }
}

fn settled(
    desk: &Desk,
    held: &Held<PendingPayment>,
    session: &Held<Session>,
    receipt: &PayerReceipt,
    bytes: &[u8],
    env: &Env<'_>,
) -> Settled<Paid> {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let payment = &held.record;
    let others = desk.books.payments.iter().filter(|other| other.record.key() != payment.key());
    let others: Vec<_> = others.cloned().collect();
    let paid = receipt.amount.filter(|_| receipt.response_code == ResponseCode::Success);
    let after = after(&session.record, payment, receipt, paid, desk.server_date(env));
    let result = match paid {
        Some(_) => Ok(Paid { payment: payment_id(&payment.key()), left: money_view(after.left(&others)) }),
        None => Err(refusal(receipt)),
    };
    let verdict = match paid {
        Some(charged) => Verdict::Paid { charged, receipt: text },
        None => Verdict::Refused { problem: problem(receipt), message: remark(receipt), receipt: text },
    };
    let mut changes = settle_payment(held, &session.record, &desk.books, verdict);
    if after.over.is_some() && after.promises(&others).next().is_none() {
        changes.remove(session);
    } else {
        changes.replace(session, &after);
    }
    Settled { changes, result }
}

fn problem(receipt: &PayerReceipt) -> Problem {
    receipt.problem.clone().unwrap_or(Problem::INTERNAL)
}

fn refusal(receipt: &PayerReceipt) -> WalletFault {
    WalletFault::Refused { problem: problem(receipt), message: remark(receipt) }
}

/// Step 1732: the session after an authentic receipt. In 2.0 the receipt says what is left of the limits; in 1.0 it is
/// reckoned.
fn after(
    session: &Session,
    payment: &PendingPayment,
    receipt: &PayerReceipt,
    paid: Option<Money>,
    server_now: Date,
) -> Session {
    let mut session = session.clone();
    let reckoned = session.confirmed.minor - paid.map_or(0, |charged| charged.minor);
    let told = receipt.session_balance.filter(|told| told.currency == session.confirmed.currency);
    session.confirmed.minor = told.map_or(reckoned, |told| told.minor.min(session.confirmed.minor)).max(0);
    let reckoned = session.uses_confirmed.saturating_sub(u32::from(paid.is_some()));
    let told = receipt.uses_left.and_then(|count| u32::try_from(count.0).ok());
    session.uses_confirmed = told.map_or(reckoned, |told| told.min(session.uses_confirmed));
    session.confirmed_at = server_now;
    let told = receipt.seconds_left.and_then(|count| i64::try_from(count.0).ok());
    if let Some(told) = told.map(|seconds| server_now.plus_secs(seconds)) {
        // It only ever shrinks: an old receipt read late cannot prolong it.
        session.ends_told = Some(session.ends_told.map_or(told, |known| known.min(told)));
    }
    if session.uses_confirmed == 0 {
        session.used_up_at.get_or_insert(server_now);
    }
    if paid.is_none() {
        give_back(&mut session, payment, &problem(receipt));
    }
    session
}

/// A refused promise frees its index, unless somebody else used it or the session is over.
fn give_back(session: &mut Session, payment: &PendingPayment, problem: &Problem) {
    let over = [Problem::SESSION_CLOSED, Problem::SESSION_EXPIRED, Problem::SESSION_UNKNOWN];
    if *problem == Problem::INDEX_USED {
        session.shared = true;
    } else if over.contains(problem) {
        session.gone = true;
    } else if *problem != Problem::INDEX_RANGE {
        session.free.push(payment.index);
    }
}

/// What a page asked for that was refused because of a copied profile is asked again of another session.
pub fn ask_of_log(held: Held<PaymentLog>) -> Option<Ask> {
    let PaymentLog { approval, page, messages: [text, ..], silent, .. } = held.record.clone();
    let offer = Offer::read(text.as_bytes()).ok()?;
    Some(Ask { id: approval, page, text, offer, approval: None, log: Some(held), silent })
}
