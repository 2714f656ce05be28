//! I8: at rest, when nothing went wrong for a while, wallets, tills and server agree, and nothing waits any more.

use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use merchant_widget::till::record::{Flag, LogStatus};
use merchant_widget::till::refund::RefundLog;
use protocol::Protocol;
use protocol::money::Money;
use protocol::persona::PersonaId;
use protocol::value::{SessionId, from_base64};
use server_stub::store::record::{Session, Transaction};
use wallet_wasm::record::log::PaymentLog;
use wallet_wasm::record::pending::PendingPayment;
use wallet_wasm::wallet::books::{Books, find};
use wallet_wasm::wallet::logs::Logs;

use super::SERVER_CLOCK;
use super::World;
use super::fate;
use super::judge::{Ledger, Lie, inspect};
use super::shopper::Seat;
use super::till::{Books as Till, Stand};

/// The result of something that never waits.
pub fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => unreachable!("invariant: memory does not wait"),
    }
}

/// Payments by session number and index.
type Collected = HashMap<(u64, u16), Transaction>;

impl World {
    /// The server's books as they lie on its disk.
    pub(super) fn ledger(&self) -> Result<Ledger, Lie> {
        at_once(Ledger::read(&*self.office.platter))
    }

    /// Compares everybody with the server.
    ///
    /// # Errors
    /// The first disagreement.
    pub fn check_rest(&self) -> Result<(), Lie> {
        let ledger = self.ledger()?;
        let name = |payment: &Transaction| (payment.payer_session.number(), payment.payer_index.get());
        let collected: Collected = ledger.transactions.iter().map(|payment| (name(payment), payment.clone())).collect();
        inspect("the server's store", format!("{:?}", self.office.platter).as_bytes())?;
        for stand in &self.stands {
            check_till(stand, &ledger, &collected)?;
        }
        for seat in &self.seats {
            check_wallet(seat, &ledger, &collected)?;
        }
        Ok(())
    }
}

/// A wallet's own books, against what the server did.
fn check_wallet(seat: &Seat, ledger: &Ledger, collected: &Collected) -> Result<(), Lie> {
    let who = seat.party.0;
    let fault = |fault: protocol::store::StoreFault| fault.to_string();
    let books = at_once(Books::load(&seat.disk)).map_err(fault)?;
    let logs = at_once(Logs::load(&seat.disk)).map_err(fault)?;
    if books.waits() {
        let waits: Vec<_> = books.payments.iter().map(|held| held.record.describe(&books)).collect();
        return Err(format!(
            "I8: wallet {who} still waits: {} registrations, {} bindings, {} loads, {} openings, {} closings, \
             payments {waits:?}",
            books.registrations.len(),
            books.bindings.len(),
            books.funds.len(),
            books.openings.len(),
            books.closings.len()
        ));
    }
    // Protocol 1.0 has no statements: where the server's clock was turned back, its wallets go by what they heard last.
    if seat.protocol != Protocol::V1 || !fate::counts().contains_key(SERVER_CLOCK) {
        check_balances(who, &books, ledger)?;
    }
    seat.disk.dump().iter().try_for_each(|(place, bytes)| inspect(&format!("{place:?}"), bytes))?;
    logs.payments.iter().try_for_each(|held| check_receipt(who, &held.record, collected))
}

/// What a wallet shows is what the server holds for its persona.
fn check_balances(who: u8, books: &Books, ledger: &Ledger) -> Result<(), Lie> {
    let persona = books.persona().map_err(|fault| format!("I8: wallet {who}: {fault}"))?;
    for (_, held) in ledger.containers.iter().filter(|(owner, _)| *owner == persona.id) {
        let shown = books.container(held.available.currency);
        if (shown.available, shown.on_hold) != (held.available, held.on_hold) {
            let (shown, shown_hold) = (shown.available, shown.on_hold);
            let (held, on_hold) = (held.available, held.on_hold);
            return Err(format!("I8: wallet {who} shows {shown} ({shown_hold} on hold), {held} ({on_hold}) are there"));
        }
    }
    let open = |session: &&Session| session.is_open() && session.persona == persona.id;
    match ledger.sessions.iter().find(open) {
        Some(session) => Err(format!("I8: session {} of wallet {who} never closes", session.id.number())),
        None => Ok(()),
    }
}

/// What is known of a payment that waits, for a lie's words.
trait Describe {
    fn describe(&self, books: &Books) -> String;
}

impl Describe for PendingPayment {
    fn describe(&self, books: &Books) -> String {
        let session = find(&books.sessions, &self.session).map(|held| {
            let session = &held.record;
            (session.gone, session.shared, session.over, session.ends_at(), session.confirmed, session.uses_confirmed)
        });
        format!("{:?} in {} (gone, shared, over, ends, left, uses: {session:?})", self.heard, self.session)
    }
}

/// What a wallet has on file of a payment, against what the server did.
fn check_receipt(who: u8, log: &PaymentLog, collected: &Collected) -> Result<(), Lie> {
    let session = from_base64(&log.session).and_then(SessionId::of).ok_or("I8: a session id is damaged")?;
    let found = collected.get(&(session.number(), log.index));
    let ours = found.filter(|payment| payment.order_id.as_str() == log.order && payment.payee == log.merchant);
    let what = format!("wallet {who}, session {}, index {}, order {}", session.number(), log.index, log.order);
    match (&log.answer.problem, ours) {
        (None, None) => Err(format!("I8: {what}: a receipt for what was never collected")),
        (None, Some(payment)) if payment.charged != log.amount => {
            Err(format!("I8: {what}: a receipt over {}, but {} were charged", log.amount, payment.charged))
        }
        (Some(problem), Some(_)) => Err(format!("I8: {what}: shown as refused ({problem}), but it was collected")),
        _ => Ok(()),
    }
}

fn check_till(stand: &Stand, ledger: &Ledger, collected: &Collected) -> Result<(), Lie> {
    let (who, books) = (stand.party.0, stand.disk.borrow());
    let Some(persona) = &books.persona else { return Err(format!("I8: till {who} never registered")) };
    if let Some(batch) = books.batches.iter().find(|batch| !batch.answered) {
        return Err(format!("I8: till {who} still waits for the answer to a CA2 of {}", batch.payments));
    }
    for order in books.orders.values() {
        let paid = collected.values().any(|payment| payment.payee == persona.id && payment.order_id == order.id);
        if paid != (order.flag == Flag::Paid) {
            return Err(format!(
                "I8: till {who} has order {} as {:?}, the server as paid: {paid}",
                order.id, order.flag
            ));
        }
        if order.collecting {
            return Err(format!("I8: till {who} is collecting order {} for ever", order.id));
        }
    }
    check_refunds(who, &books, &persona.id, ledger)
}

/// What a till says that it gave back is what the server says.
fn check_refunds(who: u8, books: &Till, persona: &PersonaId, ledger: &Ledger) -> Result<(), Lie> {
    let open = |log: &&RefundLog| matches!(log.status, LogStatus::Attempt | LogStatus::Retry);
    if let Some(log) = books.refunds.values().find(open) {
        return Err(format!("I8: till {who} gives back for order {} for ever", log.order_id));
    }
    let done = books.refunds.values().filter(|log| log.status == LogStatus::Success);
    let mut ours: Vec<_> = done.map(|log| (log.order_id.to_string(), log.amount, log.returned)).collect();
    let theirs = ledger.refunds.iter().filter(|refund| refund.payee == *persona);
    let mut theirs: Vec<_> =
        theirs.map(|refund| (refund.order_id.to_string(), refund.given, Some(refund.returned))).collect();
    let by_words = |one: &(String, Money, Option<Money>)| format!("{one:?}");
    ours.sort_by_key(by_words);
    theirs.sort_by_key(by_words);
    if ours == theirs { Ok(()) } else { Err(format!("I8: till {who} gave back {ours:?}, the server {theirs:?}")) }
}
