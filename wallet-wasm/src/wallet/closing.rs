//! Close session 411 (fig. 38), the customer's steps: 1802 to 1804, 1810 to 1816.
//!
//! A session that ends by itself (lifetime over, last use spent) is closed by CS1 as well: the answer says what returned
//! to the container. The log of the session's payments, asked for where outcomes are still open, settles these: what is
//! in it was paid, what is not never will be.

use protocol::message::Reply as _;
use protocol::message::session::{CloseSession as CloseMessage, CloseSessionResponse};
use protocol::money::{Money, MoneyFault};
use protocol::outcome::{Problem, ResponseCode};
use protocol::store::ChangeSet;
use protocol::value::{Reading, SessionId, Value as _, YesNo};
use wallet_messages::Moved;

use super::books::{Books, find};
use super::conversation::{Conversation, reply_type};
use super::payment::{Verdict, settle_payment};
use super::step::{Begun, Desk, Env, Settled, answer, software};
use super::view::{fee_view, money_view};
use crate::fault::WalletFault;
use crate::record::log::{Answer, ClosingLog};
use crate::record::pending::{Pending as _, PendingClosing, PendingPayment};
use crate::record::{Held, RecordChanges as _, Session, SessionEnd, Stored as _};
use crate::vault::VaultFault;

/// A log of more payments does not fit into one CS2.
const LONGEST_LOG: u32 = 4_000;

/// Steps 1802 and 1803: CS1 and its pending record 256.
///
/// # Errors
/// No such session.
pub fn close(desk: &Desk, session: &str, env: &mut Env<'_>) -> Result<Begun, WalletFault> {
    let unknown = WalletFault::refused(Problem::SESSION_UNKNOWN);
    let session = &find(&desk.books.sessions, session).ok_or(unknown)?.record;
    let log = session.use_limit <= LONGEST_LOG && session.promises(&desk.books.payments).next().is_some();
    let body = message(desk, Some(session.session_id().ok_or(VaultFault::Damaged)?), log, env)?;
    let pending = PendingClosing {
        common: desk.request("cash", PendingClosing::ORIGINAL, &body, env)?,
        persona: desk.books.persona()?.id.clone(),
        log,
        session: session.id.clone(),
    };
    let mut changes = ChangeSet::new();
    changes.create(&pending);
    Ok(Begun { changes, pending: pending.key() })
}

/// Stands for all sessions where a session's id is kept (256G, 267).
pub const ALL: &str = "";

/// CS1 for all sessions, and its pending record: the way back to cash in sessions whose keys are lost.
///
/// # Errors
/// There is no persona, or its record is damaged.
pub fn close_all(desk: &Desk, env: &mut Env<'_>) -> Result<Begun, WalletFault> {
    let body = message(desk, None, false, env)?;
    let common = desk.request("cash", PendingClosing::ORIGINAL, &body, env)?;
    let persona = desk.books.persona()?.id.clone();
    let pending = PendingClosing { common, persona, log: false, session: ALL.to_owned() };
    let mut changes = ChangeSet::new();
    changes.create(&pending);
    Ok(Begun { changes, pending: pending.key() })
}

fn message(desk: &Desk, session_id: Option<SessionId>, log: bool, env: &Env<'_>) -> Result<CloseMessage, WalletFault> {
    Ok(CloseMessage {
        server_date: desk.server_date(env),
        swversion: software(),
        record_note: None,
        session_id,
        request_log: Some(YesNo(log)),
        key: desk.key_label()?,
        signature: None,
    })
}

/// A CS1 for the same session that still waits for its answer: it is sent again.
pub fn same_as_pending(books: &Books, session: &str) -> Option<String> {
    books.closings.iter().find(|held| held.record.session == session).map(|held| held.record.key())
}

/// Sessions that ended by themselves and whose remainder is not known to be back yet.
pub fn ended(desk: &Desk, env: &Env<'_>) -> Vec<String> {
    let now = desk.server_date(env);
    let sessions = desk.books.sessions.iter().map(|held| &held.record);
    // One that is over, and yet is here, has payments that only its log can settle.
    let unsettled = |session: &Session| session.over.is_some() && session.use_limit <= LONGEST_LOG;
    let ended = |session: &Session| session.over.is_none() && (session.gone || session.end(now).is_some());
    let over = sessions.filter(|session| ended(session) || unsettled(session));
    over.filter(|session| same_as_pending(&desk.books, &session.id).is_none())
        .map(|session| session.id.clone())
        .collect()
}

impl Conversation for PendingClosing {
    type Reply = CloseSessionResponse;
    type Output = Moved;
    const TYPES: &'static [&'static str] = &[reply_type::<CloseMessage>()];
    const MONEY: bool = true;

    fn all(books: &Books) -> &[Held<Self>] {
        &books.closings
    }

    /// That a session is over already is what was wanted.
    fn knows(reply: &Self::Reply) -> bool {
        let over = [Problem::SESSION_CLOSED, Problem::SESSION_EXPIRED, Problem::SESSION_UNKNOWN];
        reply.problem.as_ref().is_some_and(|problem| over.contains(problem))
    }

    /// Step 1816.
    fn answered(
        held: &Held<Self>,
        desk: &Desk,
        reply: Self::Reply,
        env: &mut Env<'_>,
    ) -> Result<Settled<Moved>, WalletFault> {
        let mut changes = ChangeSet::new();
        changes.remove(held);
        let currency = desk.books.persona()?.currency;
        let session = find(&desk.books.sessions, &held.record.session);
        let amount = match (reply.response_code, reply.amount, session) {
            (ResponseCode::Success, Some(amount), _) => amount,
            (_, _, Some(session)) if session.record.over.is_none() => remainder(&desk.books, &session.record),
            _ => Money::zero(currency),
        };
        held.record.log_amount(&reply, amount, &mut changes);
        let mut container = desk.books.container(amount.currency).returned(amount, reply.server_date);
        // The fee of a session that was closed before is out of the balance already where what returned is in it.
        let fee = reply.fee.filter(|_| reply.response_code == ResponseCode::Success || amount.minor > 0);
        if let Some(fee) = fee {
            container = container.returned(fee.negated(), reply.server_date);
        }
        desk.books.put_container(&container, &mut changes);
        if let Some(session) = session {
            end_session(session, desk, &held.record, &reply, env, &mut changes);
        }
        let moved = Moved { amount: money_view(amount), balance: money_view(container.available), fee: fee_view(fee) };
        Ok(Settled { changes, result: Ok(moved) })
    }

    fn log(&self, desk: &Desk, reply: &Self::Reply, changes: &mut ChangeSet) {
        let session = find(&desk.books.sessions, &self.session);
        let Some(currency) = session.map(|held| held.record.opened.currency) else { return };
        self.log_amount(reply, reply.amount.unwrap_or(Money::zero(currency)), changes);
    }
}

impl PendingClosing {
    /// Record 267.
    fn log_amount(&self, reply: &CloseSessionResponse, amount: Money, changes: &mut ChangeSet) {
        let answer = answer(&self.common, &reply.outcome(), reply.swseverity.as_ref(), reply.swmessage.as_ref());
        let problem = answer.problem.clone().filter(|_| !Self::knows(reply));
        changes.write(&ClosingLog {
            answer: Answer { problem, ..answer },
            persona: self.persona.clone(),
            session: self.session.clone(),
            amount,
            log: reply.log.0.iter().map(|line| line.as_str().to_owned()).collect(),
            fee: reply.fee,
        });
    }
}

/// What returned to the container when a session ended without telling us: what we know to be left, unless a balance that
/// was told later holds it already, or may. When a session ended is known by our clock at best, which lags behind the
/// server's by as long as an answer travels; the balance told as the session was opened cannot know of its end.
fn remainder(books: &Books, session: &Session) -> Money {
    let told = books.container(session.opened.currency).as_of;
    let untold = session.ended_at().is_some_and(|ended| told < ended || told <= session.opened_at);
    if untold { session.left(&books.payments) } else { Money::zero(session.opened.currency) }
}

/// Settles what can be settled, and deletes the session once nothing needs its secrets (240 is deleted after CS2).
fn end_session(
    session: &Held<Session>,
    desk: &Desk,
    pending: &PendingClosing,
    reply: &CloseSessionResponse,
    env: &mut Env<'_>,
    changes: &mut ChangeSet,
) {
    let payments = &desk.books.payments;
    let of_session = |held: &&Held<PendingPayment>| held.record.session == session.record.id;
    let open: Vec<_> = payments.iter().filter(of_session).collect();
    // A server whose books were restored from a backup does not know a session that was opened since: nothing that was
    // promised in it can be collected any more.
    let unknown = reply.problem == Some(Problem::SESSION_UNKNOWN);
    let settled = unknown || pending.log && logged_all(&session.record, reply).unwrap_or(false);
    if settled {
        for payment in &open {
            let verdict = verdict(&payment.record, reply);
            changes.append(settle_payment(payment, &session.record, &desk.books, verdict));
        }
    }
    if settled || open.is_empty() {
        changes.remove(session);
    } else {
        let over = session.record.end(desk.server_date(env)).unwrap_or(SessionEnd::Closed);
        changes.replace(session, &Session { over: Some(over), ..session.record.clone() });
    }
}

/// One line of the log: `date|index|payee id|order-id|amount`.
fn line(text: &str) -> Option<(u16, &str, &str, Money)> {
    let mut parts = text.split('|');
    let (_, index, payee, order, amount) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    Some((index.trim().parse().ok()?, payee.trim(), order.trim(), Money::parse(amount.trim(), Reading::STRICT)?))
}

/// Whether the log accounts for all that is gone from the session, so that what is not in it was not paid.
fn logged_all(session: &Session, reply: &CloseSessionResponse) -> Option<bool> {
    let logged = reply.log.0.iter().map(|text| line(text.as_str()).map(|(_, _, _, amount)| amount));
    let total: Result<Money, MoneyFault> =
        logged.collect::<Option<Vec<_>>>()?.into_iter().try_fold(reply.amount?, Money::plus);
    Some(total.ok()? == session.opened)
}

/// What the log says of a payment.
fn verdict(payment: &PendingPayment, reply: &CloseSessionResponse) -> Verdict {
    let paid = reply.log.0.iter().filter_map(|text| line(text.as_str())).find(|(index, payee, order, _)| {
        (*index, *payee, *order) == (payment.index, payment.merchant.as_str(), payment.order.as_str())
    });
    match paid {
        Some((_, _, _, amount)) => Verdict::Paid { charged: amount, receipt: String::new() },
        None => Verdict::Refused { problem: Problem::SESSION_CLOSED, message: None, receipt: String::new() },
    }
}
