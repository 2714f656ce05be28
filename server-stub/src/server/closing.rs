//! Closing of a session 411 (fig. 38): CS1 ends one session or all, CS2 says what returned to the container.

use protocol::date::Date;
use protocol::message::session::{CloseSession, CloseSessionResponse};
use protocol::message::statement::EntryKind;
use protocol::money::{Currency, Money};
use protocol::outcome::{Problem, ResponseCode};
use protocol::template::Numbered;
use protocol::value::{SessionId, Text, Value};
use rand_core::CryptoRng;

use super::draft::Draft;
use super::exchange::{Desk, Procedure};
use super::refusal::Refusal;
use super::service::Service;
use crate::store::record::{Session, SessionEnd, SessionStatus, Transaction};
use crate::store::{Change, PersonaFile, Position, Store, StoreError, Window};

/// Lines of a log: as many as fit into a value of 768 KiB, encrypted and in base64, with some room. Of more payments,
/// the newest are told.
const MAX_LOG_LINES: usize = 2_500;
/// Entries of a persona that are looked through for refunds: those of some sessions with as many payments as a log has lines,
/// and a fee for each.
const MAX_ENTRIES_SEEN: usize = 8 * MAX_LOG_LINES;

/// What closing needs to know.
pub struct Records {
    /// The session that is named, open or not.
    named: Option<Session>,
    /// What was paid from and into the sessions that close.
    history: Vec<Transaction>,
    /// What closing the session that is named has cost, if it was closed before.
    fee: Option<Money>,
    /// Whether refunds may have taken of the session that is named.
    refunded: bool,
}

impl Procedure for CloseSession {
    type Records = Records;

    fn service(&self) -> Service {
        Service::Close
    }

    async fn load(&self, store: &dyn Store, file: &PersonaFile, desk: Desk<'_>) -> Result<Records, StoreError> {
        let named = match &self.session_id {
            Some(id) => store.session(id).await?,
            None => None,
        };
        let mut history = Vec::new();
        if self.request_log.is_some_and(|wanted| wanted.0) {
            let ended = named.iter().filter(|session| session.persona == file.persona.id && !session.is_open());
            for session in file.sessions.iter().filter(|session| closes(self, session)).chain(ended) {
                history.extend(store.history(&session.id, MAX_LOG_LINES).await?);
            }
            history.sort_by_key(|transaction| transaction.date);
            history.drain(..history.len().saturating_sub(MAX_LOG_LINES));
        }
        let fee = match named.as_ref().map(|session| (session, session.status)) {
            Some((session, SessionStatus::Ended(date, SessionEnd::Closed))) => {
                store.charge(&file.persona.id, date, &reference(session)).await?.map(|fee| fee.amount)
            }
            _ => None,
        };
        let refunded = match &named {
            // One whose lifetime is over ends with this very message.
            Some(session) if !history.is_empty() && (!session.is_open() || session.expires() < desk.now) => {
                refunded(store, session).await?
            }
            _ => false,
        };
        Ok(Records { named, history, fee, refunded })
    }

    /// Step 1807.
    fn run(
        &self,
        desk: Desk<'_>,
        draft: &mut Draft,
        mut records: Records,
        _: &mut dyn CryptoRng,
    ) -> Result<CloseSessionResponse, Refusal> {
        let closed = draft.end_sessions(SessionEnd::Closed, |session| closes(self, session))?;
        if let (Some(id), []) = (&self.session_id, closed.as_slice()) {
            let ours =
                records.named.take().filter(|session| session.id == *id && session.persona == draft.file.persona.id);
            return match ours {
                Some(session) if self.request_log.is_some_and(|wanted| wanted.0) => {
                    Ok(told_again(desk.now, &session, records)?)
                }
                ours => Err(why_not(ours, desk.now).into()),
            };
        }
        for session in self.record_note.iter().flat_map(|_| &closed) {
            draft.changes.push(Change::Memo(session.id.number(), memo(self, session)));
        }
        let currency = closed.first().map_or(draft.file.persona.default_currency, |session| session.current.currency);
        Ok(CloseSessionResponse {
            amount: Some(returned(&closed, currency)?),
            log: Numbered(log(&records.history, &closed)),
            ..success(desk.now, charge(desk, draft, &closed, currency)?)
        })
    }

    fn refused(now: Date, refusal: &Refusal) -> CloseSessionResponse {
        CloseSessionResponse {
            server_date: now,
            response_code: refusal.problem.response(),
            problem: Some(refusal.problem.clone()),
            swseverity: None,
            swmessage: None,
            message: refusal.sentence(),
            fee: None,
            amount: None,
            log: Numbered(Vec::new()),
        }
    }
}

/// Whether the request is about this session.
fn closes(body: &CloseSession, session: &Session) -> bool {
    body.session_id.as_ref().is_none_or(|id| session.id == *id)
}

/// What a session that ended by itself, or was closed before, can still tell: its log, what returned when it ended, and
/// what that has cost.
/// A client whose payments were in the air by then learns what became of them.
fn told_again(now: Date, session: &Session, records: Records) -> Result<CloseSessionResponse, Refusal> {
    let Records { history, fee, refunded, .. } = records;
    let refusal = why_not(Some(session.clone()), now).into();
    // A log that was cut accounts for nothing, and so gives no sum either; nor does one that tells nothing of refunds.
    let whole = history.len() < MAX_LOG_LINES && !refunded;
    let amount = if whole { Some(left_over(session, &history)?) } else { None };
    let log = Numbered(log(&history, std::slice::from_ref(session)));
    Ok(CloseSessionResponse { amount, fee, log, ..CloseSession::refused(now, &refusal) })
}

/// Whether refunds may have taken of a session (RF1): only of sales sessions, and which they took of is not kept.
async fn refunded(store: &dyn Store, session: &Session) -> Result<bool, StoreError> {
    if session.opening.minor > 0 {
        return Ok(false);
    }
    let since = Window::After(Position::before(session.opened));
    let Some(told) = store.statement(&session.persona, since, MAX_ENTRIES_SEEN).await? else { return Ok(true) };
    let made = told.entries.iter().any(|(_, entry)| entry.kind == EntryKind::REFUND_MADE);
    Ok(made || told.entries.len() == MAX_ENTRIES_SEEN)
}

/// What a session held after all that is in its log, and the fees for what it collected.
fn left_over(session: &Session, history: &[Transaction]) -> Result<Money, Refusal> {
    let step = |sum: Money, transaction: &Transaction| {
        if transaction.payer_session == session.id {
            return sum.plus(transaction.charged.negated());
        }
        sum.plus(transaction.credited)?.plus(transaction.fee.negated())
    };
    Ok(history.iter().try_fold(session.opening, step)?)
}

/// Why the session named cannot be closed. Somebody else's session is none that this persona knows of.
fn why_not(ours: Option<Session>, now: Date) -> Problem {
    match ours.map(|session| (session.status, session.expires())) {
        None => Problem::SESSION_UNKNOWN,
        Some((SessionStatus::Ended(_, SessionEnd::Expired), _)) => Problem::SESSION_EXPIRED,
        // The draft has ended it a moment ago.
        Some((SessionStatus::Open, expires)) if expires < now => Problem::SESSION_EXPIRED,
        Some(_) => Problem::SESSION_CLOSED,
    }
}

/// What is appended to 130M.
fn memo(body: &CloseSession, session: &Session) -> String {
    let separator = if session.memo.is_empty() { "" } else { "; " };
    format!("{separator}{}", body.record_note.as_ref().map(Text::as_str).unwrap_or_default())
}

/// The sum of what returned in one currency; CS2 has room for one.
fn returned(closed: &[Session], currency: Currency) -> Result<Money, Refusal> {
    let of_currency = closed.iter().map(|session| session.current).filter(|left| left.currency == currency);
    Ok(of_currency.clone().try_fold(Money::zero(currency), Money::plus)?)
}

/// Takes the fee of each session that closes, out of what returned; yields the sum in one currency, as [`returned`] does.
fn charge(desk: Desk<'_>, draft: &mut Draft, closed: &[Session], currency: Currency) -> Result<Money, Refusal> {
    let mut sum = Money::zero(currency);
    for session in closed {
        let fee = desk.config.fees.out_of(Service::Close, session.current);
        let container = draft.available(fee.currency);
        draft.charge(container, fee, reference(session))?;
        if fee.currency == currency {
            sum = sum.plus(fee)?;
        }
    }
    Ok(sum)
}

/// What the fee for closing a session is called in the books.
fn reference(session: &Session) -> String {
    format!("{}/{}", Service::Close, session.id.number())
}

fn log(history: &[Transaction], closed: &[Session]) -> Vec<Text<200>> {
    let ours = |id: &SessionId| closed.iter().any(|session| session.id == *id);
    history.iter().filter_map(|transaction| Text::of(&line(transaction, ours(&transaction.payer_session)))).collect()
}

/// `date|index|payer or payee id|order-id|amount`, as this side sees it.
fn line(transaction: &Transaction, paid: bool) -> String {
    let Transaction { date, order_id, .. } = transaction;
    let (index, other, amount) = if paid {
        (transaction.payer_index, &transaction.payee, transaction.charged)
    } else {
        (transaction.payee_index, &transaction.payer, transaction.credited)
    };
    format!("{}|{}|{other}|{order_id}|{amount}", date.text(), index.get())
}

fn success(now: Date, fee: Money) -> CloseSessionResponse {
    CloseSessionResponse {
        server_date: now,
        response_code: ResponseCode::Success,
        problem: None,
        swseverity: None,
        swmessage: None,
        message: None,
        fee: Some(fee),
        amount: None,
        log: Numbered(Vec::new()),
    }
}
