//! Records as the pages see them: without secrets, typed, unformatted.

use protocol::date::Date;
use protocol::money::Money;
use wallet_messages::{
    ActivityKind, ActivityState, ActivityView, Gauge, Home, InstrumentView, Limit, MoneyView, Notice as Shown,
    NoticeView, ReceiptView, SessionState, SessionView, WaitingView,
};

use super::books::{Books, find};
use super::logs::Logs;
use super::step::is_historic;
use crate::fault::WalletFault;
use crate::record::log::{Answer, PaymentLog};
use crate::record::pending::{Common, Heard, PendingPayment};
use crate::record::recovery::StatementEntry;
use crate::record::settings::{Notice, Noticed};
use crate::record::{Held, Instrument, Session, SessionEnd, Stored as _};

/// What a list of activities is cut to.
const MOST_ACTIVITIES: usize = 200;

/// An amount with its number of decimals.
pub fn money_view(money: Money) -> MoneyView {
    let Money { currency, minor } = money;
    MoneyView { currency: currency.code().to_owned(), minor, digits: currency.digits() }
}

/// A fee, if there is one.
pub fn fee_view(fee: Option<Money>) -> Option<MoneyView> {
    fee.filter(|fee| fee.minor != 0).map(money_view)
}

/// An instrument.
pub fn instrument_view(instrument: &Instrument) -> InstrumentView {
    let Instrument { id, kind, last_digits, status, loads, unloads, .. } = instrument.clone();
    InstrumentView { id, kind, last_digits, status, loads, unloads }
}

/// A session, its limits as authentic replies told them.
pub fn session_view(session: &Session, books: &Books, now: Date) -> SessionView {
    let ours = |date: Date| books.application().map_or(date, |known| known.our_time(date)).millis();
    let state = match session.end(books.server_time(now)) {
        None if session.gone => SessionState::Closed,
        None => SessionState::Open,
        Some(SessionEnd::Closed) => SessionState::Closed,
        Some(SessionEnd::Expired) => SessionState::Expired,
        Some(SessionEnd::UsedUp) => SessionState::UsedUp,
    };
    SessionView {
        id: session.id.clone(),
        note: session.note.clone(),
        opened: money_view(session.opened),
        left: money_view(session.left(&books.payments)),
        use_limit: session.use_limit,
        uses_left: session.uses_left(&books.payments),
        opened_at: ours(session.opened_at),
        ends_at: ours(session.ends_told.map_or(session.ends_at(), |told| told.min(session.ends_at()))),
        state,
        gauges: gauges(session, books, now),
        confirmed_at: ours(session.confirmed_at),
    }
}

/// The limits as the server confirmed them, and what is promised on top.
fn gauges(session: &Session, books: &Books, now: Date) -> [Gauge; 3] {
    let (confirmed, left) = (session.confirmed.minor, session.left(&books.payments).minor);
    let (uses, uses_left) = (i64::from(session.uses_confirmed), i64::from(session.uses_left(&books.payments)));
    let lifetime = i64::from(session.lifetime_minutes) * 60;
    let ends = session.ends_told.map_or(session.ends_at(), |told| told.min(session.ends_at()));
    let age = lifetime - (ends.millis() - books.server_time(now).millis()) / 1000;
    [
        Gauge::new(Limit::Amount, session.opened.minor - confirmed, confirmed - left, session.opened.minor),
        Gauge::new(Limit::Uses, i64::from(session.use_limit) - uses, uses - uses_left, session.use_limit.into()),
        Gauge::new(Limit::Time, age.clamp(0, lifetime), 0, lifetime),
    ]
}

/// The open wallet.
///
/// # Errors
/// There is no persona yet.
pub fn home(books: &Books, logs: &Logs, now: Date) -> Result<Home, WalletFault> {
    let (persona, application) = (books.persona()?, books.application()?);
    let container = books.container(persona.currency);
    let mut sessions: Vec<_> = books.sessions.iter().map(|held| session_view(&held.record, books, now)).collect();
    sessions.sort_by_cached_key(|session| (session.state != SessionState::Open, -session.opened_at));
    Ok(Home {
        persona: persona.id.as_str().to_owned(),
        email: persona.email.clone(),
        server: application.server.clone(),
        historic_cipher: is_historic(persona.protocol),
        balance: money_view(container.available),
        on_hold: Some(container.on_hold).filter(|held| held.minor > 0).map(money_view),
        instruments: books.instruments.iter().map(|held| instrument_view(&held.record)).collect(),
        sessions,
        activity: newest(activity(books, logs)),
        waiting: operations(books),
        backed_up_at: books.settings().backed_up_at.map(Date::millis),
    })
}

/// What waits for an answer, oldest first. Questions of an issuer wait for the shopper.
fn operations(books: &Books) -> Vec<WaitingView> {
    let asks = |id: &str| find(&books.bindings, id).is_some_and(|held| held.record.challenge.is_some());
    let entries = waiting(books).into_iter().filter(|entry| !asks(&entry.id));
    let mut all: Vec<_> = entries.map(operation).collect();
    all.sort_by_cached_key(|waiting| waiting.since);
    all
}

/// A registration that waits for its answer.
pub fn registration(books: &Books) -> Option<WaitingView> {
    let asked = &books.registrations.first()?.record;
    let entry = pending_entry(ActivityKind::Register, &asked.common, None, Some(asked.requested_id.clone()));
    Some(operation(entry))
}

fn operation(entry: ActivityView) -> WaitingView {
    let ActivityView { id, kind, at: since, amount, with, problem: heard, .. } = entry;
    WaitingView { id, kind, since, amount, with, heard }
}

fn newest(mut all: Vec<ActivityView>) -> Vec<ActivityView> {
    all.truncate(MOST_ACTIVITIES);
    all
}

/// What happened and what waits, newest first.
pub fn activity(books: &Books, logs: &Logs) -> Vec<ActivityView> {
    let mut all = waiting(books);
    all.extend(done(logs));
    all.sort_by_cached_key(|entry| std::cmp::Reverse(entry.at));
    all
}

/// The name of a payment in lists; its key cannot be mistaken for a transaction number.
pub fn payment_id(key: &str) -> String {
    format!("pay:{key}")
}

/// The key of a payment from its name in lists.
pub fn payment_key(id: &str) -> Option<&str> {
    id.strip_prefix("pay:")
}

fn load_or_unload(amount: Money) -> ActivityKind {
    if amount.minor < 0 { ActivityKind::Unload } else { ActivityKind::Load }
}

fn pending_entry(kind: ActivityKind, common: &Common, amount: Option<Money>, with: Option<String>) -> ActivityView {
    ActivityView {
        id: common.transaction.to_string(),
        kind,
        at: common.at.millis(),
        amount: amount.map(money_view),
        with,
        origin: None,
        state: ActivityState::Waiting,
        problem: common.heard.as_ref().map(|heard| heard.problem.clone()),
    }
}

fn waiting(books: &Books) -> Vec<ActivityView> {
    use ActivityKind::{Bind, Close, Keys, Open, Register};
    let mut all: Vec<ActivityView> = Vec::new();
    let registrations = books.registrations.iter().map(|held| &held.record.common);
    all.extend(registrations.map(|common| pending_entry(Register, common, None, None)));
    all.extend(books.keys.iter().map(|held| pending_entry(Keys, &held.record.common, None, None)));
    all.extend(books.bindings.iter().map(|held| pending_entry(Bind, &held.record.common, None, None)));
    all.extend(books.funds.iter().map(|held| {
        let amount = held.record.amount;
        pending_entry(load_or_unload(amount), &held.record.common, Some(amount), None)
    }));
    all.extend(books.openings.iter().map(|held| {
        let amount = held.record.amount;
        pending_entry(Open, &held.record.common, Some(amount), None)
    }));
    all.extend(books.closings.iter().map(|held| pending_entry(Close, &held.record.common, None, None)));
    all.extend(books.payments.iter().map(|held| pending_payment(&held.record)));
    all
}

fn pending_payment(payment: &PendingPayment) -> ActivityView {
    ActivityView {
        id: payment_id(&payment.key()),
        kind: ActivityKind::Pay,
        at: payment.at.millis(),
        amount: Some(money_view(payment.amount.negated())),
        with: Some(payment.merchant.as_str().to_owned()),
        origin: Some(payment.page.origin.clone()),
        state: ActivityState::Waiting,
        problem: payment.heard.as_ref().map(|Heard { problem, .. }| problem.clone()),
    }
}

fn entry(kind: ActivityKind, answer: &Answer, amount: Option<Money>, with: Option<String>) -> ActivityView {
    ActivityView {
        id: answer.transaction.to_string(),
        kind,
        at: answer.at.millis(),
        amount: amount.map(money_view),
        with: with.filter(|with| !with.is_empty()),
        origin: None,
        state: state_of(answer),
        problem: answer.problem.clone(),
    }
}

fn state_of(answer: &Answer) -> ActivityState {
    if answer.problem.is_some() { ActivityState::Refused } else { ActivityState::Done }
}

fn done(logs: &Logs) -> Vec<ActivityView> {
    use ActivityKind::{Bind, Close, Keys, Open, Pay, Register};
    let Logs { registrations, bindings, payments, funds, openings, closings, told } = logs;
    let mut all: Vec<ActivityView> = Vec::new();
    all.extend(registrations.iter().map(|held| {
        let kind = if held.record.update { Keys } else { Register };
        entry(kind, &held.record.answer, None, None)
    }));
    all.extend(bindings.iter().map(|held| {
        let log = &held.record;
        entry(Bind, &log.answer, None, Some(log.last_digits.clone()))
    }));
    all.extend(funds.iter().map(|held| {
        let log = &held.record;
        entry(load_or_unload(log.amount), &log.answer, Some(log.amount), Some(log.last_digits.clone()))
    }));
    all.extend(openings.iter().map(|held| entry(Open, &held.record.answer, Some(held.record.amount), None)));
    all.extend(closings.iter().map(|held| entry(Close, &held.record.answer, Some(held.record.amount), None)));
    all.extend(told.iter().filter_map(|held| told_entry(&held.record, payments)));
    all.extend(payments.iter().map(|held| {
        let log = &held.record;
        let (id, origin) = (payment_id(&log.key()), Some(log.page.origin.clone()));
        let with = Some(log.merchant.as_str().to_owned());
        ActivityView { id, origin, ..entry(Pay, &log.answer, Some(log.amount.negated()), with) }
    }));
    all
}

/// What a statement told, where it is news to the shopper.
fn told_entry(entry: &StatementEntry, payments: &[Held<PaymentLog>]) -> Option<ActivityView> {
    let kind = match entry.kind.as_str() {
        "load" => ActivityKind::Load,
        "unload" => ActivityKind::Unload,
        "paid" => ActivityKind::Pay,
        StatementEntry::REFUND => ActivityKind::Refund,
        _ => return None,
    };
    let of = entry.payment.as_ref();
    let log = of.and_then(|of| payments.iter().find(|held| held.record.is_at(&of.session, of.index)));
    Some(ActivityView {
        id: format!("told:{}", entry.key()),
        kind,
        at: entry.at.millis(),
        amount: Some(money_view(entry.amount)),
        with: of.map(|of| of.other.as_str().to_owned()),
        origin: log.map(|held| held.record.page.origin.clone()),
        state: ActivityState::Done,
        problem: None,
    })
}

/// A notice.
pub fn notice_view(notice: Notice) -> NoticeView {
    let Notice { id, at, what } = notice;
    let what = match what {
        Noticed::PaidSilently { payment, origin, amount } => {
            Shown::PaidSilently { payment: payment_id(&payment), origin, amount: money_view(amount) }
        }
        Noticed::Opened { amount } => Shown::Opened { amount: money_view(amount) },
        Noticed::Refunded { merchant, order, amount } => {
            Shown::Refunded { merchant, order, amount: money_view(amount) }
        }
    };
    NoticeView { id, at: at.millis(), what }
}

/// A payment that ended.
pub fn receipt(log: &PaymentLog, told: &[Held<StatementEntry>]) -> ReceiptView {
    let refunds = told
        .iter()
        .map(|held| &held.record)
        .filter(|entry| entry.kind == StatementEntry::REFUND && entry.is_of(&log.session, log.index));
    let refunded = refunds.map(|entry| entry.amount).reduce(|sum, amount| sum.plus(amount).unwrap_or(sum));
    ReceiptView {
        payment: payment_id(&log.key()),
        at: log.answer.at.millis(),
        state: state_of(&log.answer),
        problem: log.answer.problem.clone(),
        origin: log.page.origin.clone(),
        merchant: log.merchant.as_str().to_owned(),
        order: log.order.clone(),
        note: log.note.clone(),
        price: money_view(log.price),
        charged: money_view(log.amount),
        session: log.session.clone(),
        index: log.index.into(),
        historic_cipher: log.historic,
        merchant_said: log.merchant_said.clone(),
        refunded: refunded.map(money_view),
        silent: log.silent,
    }
}

/// A payment that waits.
pub fn waiting_receipt(payment: &PendingPayment, books: &Books) -> ReceiptView {
    ReceiptView {
        payment: payment_id(&payment.key()),
        at: payment.at.millis(),
        state: ActivityState::Waiting,
        problem: payment.heard.as_ref().map(|heard| heard.problem.clone()),
        origin: payment.page.origin.clone(),
        merchant: payment.merchant.as_str().to_owned(),
        order: payment.order.clone(),
        note: payment.note.clone(),
        price: money_view(payment.price),
        charged: money_view(payment.amount),
        session: payment.session.clone(),
        index: payment.index.into(),
        historic_cipher: books.persona().is_ok_and(|persona| is_historic(persona.protocol)),
        merchant_said: None,
        refunded: None,
        silent: payment.silent,
    }
}
