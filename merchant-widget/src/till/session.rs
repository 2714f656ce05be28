//! Sales sessions: opening 407 (fig. 21), and rolling over to the next before the last ends.
//!
//! ```text
//!   none ──open──► pending OS1 ──opened──► in use ──needs_next──► in use, the next one open ──► closed
//! ```
//!
//! | found after a crash | recovery |
//! | --- | --- |
//! | pending OS1 | the same OS1 again: the server repeats its OS2, with the same session |
//! | sessions | the one with the most time left is used; one that the server calls closed is marked so |
//!
//! What was collected returns to the merchant's container when the server ends the session.

use protocol::buggify::{Site, strikes};
use protocol::date::Date;
use protocol::message::session::{OpenSession, OpenSessionResponse, RecordNote};
use protocol::money::{Currency, Money};
use protocol::secret::{SecretBytes, SessionSecrets};
use protocol::suite::CryptoFault;
use protocol::value::{Index, Num};

use super::change::Version;
use super::conversation::{AnswerFault, request};
use super::record::{LogStatus, OpeningLog, Pending, Persona, Purpose, SalesSession};
use super::setup::key_name;
use super::{Change, ChangeSet, Moment, software_version};

/// A session is not used in its last tenth of time, since the server looks at when a CA2 arrives, not when it was sent.
const SPARE_TENTHS: i64 = 1;
/// The next session is opened when the last has this many tenths of its time or uses left.
const NEXT_TENTHS: i64 = 3;

/// What a till asks for (step 1502).
#[derive(Clone, Debug)]
pub struct SessionLimits {
    /// Minutes; the server may grant less.
    pub minutes: Num,
    /// Collections; the server may grant fewer.
    pub uses: Index,
}

/// Makes OS1 (steps 1502 to 1503). A merchant's session begins with nothing.
///
/// # Errors
/// The persona's keys are not of its protocol.
pub fn open(
    persona: &Persona,
    currency: Currency,
    limits: &SessionLimits,
    moment: &mut Moment<'_>,
) -> Result<(ChangeSet, Pending), CryptoFault> {
    let body = OpenSession {
        server_date: moment.now,
        swversion: software_version(),
        record_note: RecordNote::of("till"),
        amount: Money::zero(currency),
        key_lifetime: limits.minutes,
        key_use_limit: limits.uses,
        key: key_name(persona)?,
        signature: None,
    };
    let (id, key, server) = (Some(&persona.id), &persona.private_key, &persona.server_key);
    let pending = request(id, &body, server, key, Purpose::Opening(currency), moment)?;
    let log = OpeningLog {
        status: LogStatus::Attempt,
        transaction: pending.transaction,
        minutes: limits.minutes,
        uses: limits.uses,
        session: None,
        result: None,
    };
    Ok((vec![Change::PutPending(pending.clone()), Change::PutOpening(log)].into(), pending))
}

/// Reads OS2 (steps 1510 to 1516).
///
/// # Errors
/// There is no session; see [`AnswerFault`].
pub fn opened(persona: &Persona, pending: &Pending, reply: &[u8]) -> Result<(ChangeSet, SalesSession), AnswerFault> {
    let Purpose::Opening(currency) = pending.purpose else { return Err(AnswerFault::Damaged) };
    let response: OpenSessionResponse = pending.reply(reply)?;
    let session = granted(persona, currency, &response)?;
    let log = OpeningLog {
        status: LogStatus::Success,
        transaction: pending.transaction,
        minutes: session.lifetime_minutes,
        uses: session.use_limit,
        session: Some(session.id.clone()),
        result: None,
    };
    let changes =
        vec![Change::PutSession(session.clone()), Change::PutOpening(log), Change::DeletePending(pending.transaction)];
    Ok((changes.into(), session))
}

fn granted(persona: &Persona, currency: Currency, response: &OpenSessionResponse) -> Result<SalesSession, AnswerFault> {
    let secret = |bytes: &[u8]| SecretBytes::new(bytes.to_vec());
    let key = response.session_key.as_ref().ok_or(AnswerFault::Lacks("session-key"))?;
    let salt = response.session_salt.as_ref().ok_or(AnswerFault::Lacks("session-salt"))?;
    Ok(SalesSession {
        version: Version::default(),
        id: response.session_id.clone().ok_or(AnswerFault::Lacks("session-id"))?,
        protocol: persona.protocol,
        secrets: SessionSecrets { key: secret(key.as_slice()), salt: secret(salt.as_slice()) },
        current: Money::zero(currency),
        opened: response.server_date,
        closed: None,
        use_limit: response.key_use_limit.ok_or(AnswerFault::Lacks("key-use-limit"))?,
        lifetime_minutes: response.key_lifetime.ok_or(AnswerFault::Lacks("key-lifetime"))?,
        used: 0,
    })
}

/// Gives up a request that the server refused, so that another can be made.
pub fn refused(pending: &Pending, fault: &AnswerFault, limits: &SessionLimits) -> ChangeSet {
    let result = match fault {
        AnswerFault::Refused { problem, .. } | AnswerFault::Later(problem) => Some(problem.clone()),
        _ => None,
    };
    let log = OpeningLog {
        status: LogStatus::Failure,
        transaction: pending.transaction,
        minutes: limits.minutes,
        uses: limits.uses,
        session: None,
        result,
    };
    vec![Change::PutOpening(log), Change::DeletePending(pending.transaction)].into()
}

impl SalesSession {
    fn lifetime_millis(&self) -> i64 {
        i64::try_from(self.lifetime_minutes.get()).unwrap_or(i64::MAX).saturating_mul(60_000)
    }

    fn millis_left(&self, now: Date) -> i64 {
        self.opened.millis().saturating_add(self.lifetime_millis()).saturating_sub(now.millis())
    }

    fn uses_left(&self) -> u16 {
        self.use_limit.get().saturating_sub(self.used)
    }

    /// Whether a collection may go out in it.
    pub fn is_usable(&self, now: Date) -> bool {
        let spare = self.lifetime_millis() / 10 * SPARE_TENTHS;
        self.closed.is_none() && self.uses_left() > 0 && self.millis_left(now) > spare
    }

    /// Whether it is so near its end that the next one should be there.
    fn is_waning(&self, now: Date) -> bool {
        let little_time = self.millis_left(now) < self.lifetime_millis() / 10 * NEXT_TENTHS;
        let few_uses = i64::from(self.uses_left()) * 10 < i64::from(self.use_limit.get()) * NEXT_TENTHS;
        little_time || few_uses
    }

    /// Gives out the next index.
    pub(crate) fn next_index(&mut self) -> Option<Index> {
        let next = self.used.checked_add(1).filter(|next| *next <= self.use_limit.get())?;
        self.used = next;
        Index::of(u64::from(next))
    }
}

/// The session to collect in: of the usable ones in that currency, the one that ends first.
pub fn pick(sessions: &[SalesSession], currency: Currency, now: Date) -> Option<&SalesSession> {
    let usable = sessions.iter().filter(|session| session.current.currency == currency && session.is_usable(now));
    usable.min_by_key(|session| session.millis_left(now))
}

/// Whether another session in that currency should be opened now.
pub fn needs_next(sessions: &[SalesSession], currency: Currency, now: Date) -> bool {
    let mut usable = sessions.iter().filter(|session| session.current.currency == currency && session.is_usable(now));
    usable.all(|session| session.is_waning(now) || strikes(Site::EarlyTimer))
}

/// Marks a session that the server calls over.
pub fn over(session: &SalesSession, now: Date) -> Change {
    Change::PutSession(SalesSession { closed: Some(now), ..session.clone() })
}
