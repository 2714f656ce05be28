//! Settlement: what was earned goes to the bank account (load and unload 405, fig. 18, with a negative amount).
//!
//! ```text
//!   sales sessions ──close──► container ──statement──► balance ──unload──► attempt ──unloaded──► success
//! ```
//!
//! | found after a crash | recovery |
//! | --- | --- |
//! | pending CS1 or LU1 | the same bytes again: the server repeats its reply |
//! | a statement that was asked for | nothing: asking changes nothing |

use std::collections::BTreeMap;

use protocol::date::Date;
use protocol::exchange::SentRequest;
use protocol::message::funds::{LoadUnload, LoadUnloadResponse};
use protocol::message::session::{CloseSession, CloseSessionResponse};
use protocol::message::statement::{Mark, StatementRequest, StatementResponse};
use protocol::money::{Money, SignedMoney};
use protocol::outcome::Problem;
use protocol::suite::CryptoFault;
use protocol::template::Family;
use protocol::value::Num;

use super::change::Version;
use super::conversation::{AnswerFault, check, request};
use super::record::{Instrument, LogStatus, Pending, Persona, Purpose, SalesSession};
use super::session::over;
use super::setup::key_name;
use super::{Change, ChangeSet, Moment, software_version};

/// One unload and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// See [`Version`].
    pub version: Version,
    /// The request that carries it, which also names it.
    pub transaction: Num,
    /// What goes to the bank account.
    pub amount: Money,
    /// How it stands.
    pub status: LogStatus,
    /// The container afterwards.
    pub balance: Option<Money>,
    /// Why not.
    pub result: Option<Problem>,
    /// When it was asked for.
    pub asked: Date,
    /// When it was decided.
    pub done: Option<Date>,
}

/// Asks for a statement; nothing is stored for it.
///
/// # Errors
/// The persona's keys are not of its protocol.
pub fn ask(persona: &Persona, after: Option<Mark>, moment: &mut Moment<'_>) -> Result<Pending, CryptoFault> {
    let body = StatementRequest {
        server_date: moment.now,
        swversion: software_version(),
        after,
        key: key_name(persona)?,
        signature: None,
    };
    let (id, key, server) = (Some(&persona.id), &persona.private_key, &persona.server_key);
    request(id, &body, server, key, Purpose::Statement, moment)
}

/// Reads ST2.
///
/// # Errors
/// See [`AnswerFault`].
pub fn told(sent: &SentRequest, reply: &[u8]) -> Result<StatementResponse, AnswerFault> {
    let response: StatementResponse = sent.read_reply(reply)?;
    check(protocol::message::Reply::outcome(&response)).map(|()| response)
}

/// Makes CS1 for a sales session, so that what it earned returns to the container (1803). From then on the session is not
/// used; what is under way in it has to be answered before CS1 is sent.
///
/// # Errors
/// The persona's keys are not of its protocol.
pub fn close(
    persona: &Persona,
    session: &SalesSession,
    moment: &mut Moment<'_>,
) -> Result<(ChangeSet, Pending), CryptoFault> {
    let body = CloseSession {
        server_date: moment.now,
        swversion: software_version(),
        record_note: None,
        session_id: Some(session.id.clone()),
        request_log: None,
        key: key_name(persona)?,
        signature: None,
    };
    let (id, key, server) = (Some(&persona.id), &persona.private_key, &persona.server_key);
    let pending = request(id, &body, server, key, Purpose::Closing(session.id.clone()), moment)?;
    Ok((vec![over(session, moment.now), Change::PutPending(pending.clone())].into(), pending))
}

/// Reads CS2 (1816).
///
/// # Errors
/// See [`AnswerFault`].
pub fn closed(pending: &Pending, reply: &[u8]) -> Result<(ChangeSet, ()), AnswerFault> {
    let _: CloseSessionResponse = pending.reply(reply)?;
    Ok((not_closed(pending), ()))
}

/// Books that the server would not close a session: it is over already, or ends by itself, and its money returns.
pub fn not_closed(pending: &Pending) -> ChangeSet {
    vec![Change::DeletePending(pending.transaction)].into()
}

/// Makes LU1 that takes `amount` out of the container (1403).
///
/// # Errors
/// The persona's keys are not of its protocol.
pub fn unload(
    persona: &Persona,
    instrument: &Instrument,
    amount: Money,
    moment: &mut Moment<'_>,
) -> Result<(ChangeSet, Pending, Settlement), CryptoFault> {
    let body = LoadUnload {
        server_date: moment.now,
        swversion: software_version(),
        amount: SignedMoney(amount.negated()),
        instrument: Family(instrument.recurring.iter().cloned().collect::<BTreeMap<_, _>>()),
        key: key_name(persona)?,
        signature: None,
    };
    let (id, key, server) = (Some(&persona.id), &persona.private_key, &persona.server_key);
    let pending = request(id, &body, server, key, Purpose::Settlement, moment)?;
    let settlement = Settlement {
        version: Version::default(),
        transaction: pending.transaction,
        amount,
        status: LogStatus::Attempt,
        balance: None,
        result: None,
        asked: moment.now,
        done: None,
    };
    let changes = vec![Change::PutPending(pending.clone()), Change::PutSettlement(settlement.clone())];
    Ok((changes.into(), pending, settlement))
}

/// Reads LU2 (1419).
///
/// # Errors
/// See [`AnswerFault`].
pub fn unloaded(
    settlement: &Settlement,
    pending: &Pending,
    reply: &[u8],
    now: Date,
) -> Result<(ChangeSet, Settlement), AnswerFault> {
    let response: LoadUnloadResponse = pending.reply(reply)?;
    let settlement =
        Settlement { status: LogStatus::Success, balance: response.balance, done: Some(now), ..settlement.clone() };
    Ok((vec![Change::PutSettlement(settlement.clone()), Change::DeletePending(pending.transaction)].into(), settlement))
}

/// Books that the server refused.
pub fn not_unloaded(settlement: &Settlement, pending: &Pending, fault: &AnswerFault, now: Date) -> ChangeSet {
    let result = Some(fault.problem().cloned().unwrap_or(Problem::INTERNAL));
    let settlement = Settlement { status: LogStatus::Failure, result, done: Some(now), ..settlement.clone() };
    vec![Change::PutSettlement(settlement), Change::DeletePending(pending.transaction)].into()
}
