//! I8: at rest, when nothing went wrong for a while, wallets, tills and server agree, and nothing waits any more.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use merchant_widget::till::record::{Flag, LogStatus, Order};
use merchant_widget::till::refund::RefundLog;
use protocol::Protocol;
use protocol::money::Currency;
use protocol::persona::PersonaId;
use protocol::value::{SessionId, from_base64};
use server_stub::store::Refund;
use server_stub::store::record::{Entry, Reason, Session, Transaction};
use wallet_wasm::record::log::PaymentLog;
use wallet_wasm::record::pending::PendingPayment;
use wallet_wasm::wallet::books::{Books, find};
use wallet_wasm::wallet::logs::Logs;

use super::World;
use super::fate;
use super::judge::{Ledger, Lie, Lost, inspect};
use super::shopper::Seat;
use super::till::{Books as Till, Stand, settles};

#[cfg(test)]
mod tests;

/// The result of something that never waits.
pub fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => unreachable!("invariant: memory does not wait"),
    }
}

/// Payments by session number and index.
type Collected = HashMap<(u64, u16), Transaction>;

/// What the server has, and what it had before its books were lost.
struct Truth<'a> {
    ledger: Ledger,
    collected: Collected,
    lost: &'a Lost,
}

impl World {
    /// The server's books as they lie on its disk.
    pub(super) fn ledger(&self) -> Result<Ledger, Lie> {
        at_once(Ledger::read(&*self.office.platter()))
    }

    /// Compares everybody with the server.
    ///
    /// # Errors
    /// The first disagreement.
    pub fn check_rest(&self) -> Result<(), Lie> {
        let ledger = self.ledger()?;
        let name = |payment: &Transaction| (payment.payer_session.number(), payment.payer_index.get());
        let collected = ledger.transactions.iter().map(|payment| (name(payment), payment.clone())).collect();
        inspect("the server's store", format!("{:?}", self.office.platter()).as_bytes())?;
        let judge = self.judge.borrow();
        let truth = Truth { ledger, collected, lost: judge.lost() };
        self.stands.iter().try_for_each(|stand| check_till(stand, &truth))?;
        self.stands.iter().try_for_each(|stand| self.check_collected(stand))?;
        self.seats.iter().try_for_each(|seat| check_wallet(seat, &truth))
    }
}

impl World {
    /// I11: nothing was collected by a CA1 that was altered on its way.
    fn check_collected(&self, stand: &Stand) -> Result<(), Lie> {
        let books = stand.disk.borrow();
        let mut paid = books.log.values().filter(|log| log.status == LogStatus::Success);
        match paid.find(|log| self.net.was_altered(log.ca1.as_bytes())) {
            Some(log) => Err(format!("I11: till {} collected a CA1 that was altered: {}", stand.party.0, log.ca1)),
            None => Ok(()),
        }
    }
}

/// A wallet's own books, against what the server did.
fn check_wallet(seat: &Seat, truth: &Truth<'_>) -> Result<(), Lie> {
    let who = seat.party.0;
    let fault = |fault: protocol::store::StoreFault| fault.to_string();
    let (books, logs) = at_once(Logs::load_with_books(&seat.disk)).map_err(fault)?;
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
    // Protocol 1.0 has no statements. Its wallets believe the last balance that they were told, by the server's dates: where
    // that clock was turned back, not before it is as late again.
    if seat.protocol != Protocol::V1 || fate::began().server_clock == 0 {
        check_balances(who, &books, &truth.ledger)?;
    }
    seat.disk.dump().iter().try_for_each(|(place, bytes)| inspect(&format!("{place:?}"), bytes))?;
    logs.payments.iter().try_for_each(|held| check_receipt(who, &held.record, truth))
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

/// What a wallet has on file of a payment, against what the server did, and had done before it lost its books.
fn check_receipt(who: u8, log: &PaymentLog, truth: &Truth<'_>) -> Result<(), Lie> {
    let session = from_base64(&log.session).and_then(SessionId::of).ok_or("I8: a session id is damaged")?;
    let key = (session.number(), log.index);
    let is_ours = |payment: &&Transaction| payment.order_id.as_str() == log.order && payment.payee == log.merchant;
    let ours = truth.collected.get(&key).filter(is_ours);
    let lost = truth.lost.payments.get(&key).filter(is_ours);
    let what = format!("wallet {who}, session {}, index {}, order {}", session.number(), log.index, log.order);
    match (&log.answer.problem, ours.or(lost)) {
        (None, None) => Err(format!("I8: {what}: a receipt for what was never collected")),
        (None, Some(payment)) if payment.charged != log.amount => {
            Err(format!("I8: {what}: a receipt over {}, but {} were charged", log.amount, payment.charged))
        }
        (Some(problem), Some(_)) if ours.is_some() => {
            Err(format!("I8: {what}: shown as refused ({problem}), but it was collected"))
        }
        _ => Ok(()),
    }
}

fn check_till(stand: &Stand, truth: &Truth<'_>) -> Result<(), Lie> {
    let (who, books) = (stand.party.0, stand.disk.borrow());
    inspect("a till's store", books.text().as_bytes())?;
    let Some(persona) = &books.persona else { return Err(format!("I8: till {who} never registered")) };
    if let Some(batch) = books.batches.iter().find(|batch| !batch.answered) {
        return Err(format!("I8: till {who} still waits for the answer to a CA2 of {}", batch.payments));
    }
    if books.pending.iter().any(settles) {
        return Err(format!("I8: till {who} brings money to the bank for ever"));
    }
    let mut tally = BTreeMap::new();
    for order in books.orders.values() {
        if order.collecting {
            return Err(format!("I8: till {who} is collecting order {} for ever", order.id));
        }
        let payment = check_order(who, &books, order, &persona.id, truth)?;
        if let Some(credited) = payment.map(|payment| payment.credited) {
            *tally.entry(credited.currency).or_default() += credited.minor;
        }
    }
    check_tally(who, &books, tally)?;
    check_settlements(who, &books, &persona.id, truth)?;
    check_refunds(who, &books, &persona.id, truth)
}

/// What a till says that it brought to the bank is what the server paid out, where the server lost none of its books.
fn check_settlements(who: u8, books: &Till, persona: &PersonaId, truth: &Truth<'_>) -> Result<(), Lie> {
    let mut paid_out = BTreeMap::<Currency, i64>::new();
    let own = format!("container/{persona}/");
    let of_own = |entry: &&Entry| entry.reason == Reason::Unload && entry.debit.to_string().starts_with(&own);
    for amount in truth.ledger.journal.iter().filter(of_own).map(|entry| entry.amount) {
        *paid_out.entry(amount.currency).or_default() += amount.minor;
    }
    for amount in books.settled() {
        *paid_out.entry(amount.currency).or_default() -= amount.minor;
    }
    match paid_out.iter().find(|(_, difference)| **difference != 0) {
        Some((currency, more)) if truth.lost.restores == 0 => {
            Err(format!("I8: till {who} knows of {more} minor units of {currency} too little at the bank"))
        }
        _ => Ok(()),
    }
}

/// An order is paid at the till if it is paid at the server, or was when that was lost; by the same payment, and by one.
fn check_order<'a>(
    who: u8,
    books: &Till,
    order: &Order,
    persona: &PersonaId,
    truth: &'a Truth<'_>,
) -> Result<Option<&'a Transaction>, Lie> {
    let is_for = |payment: &&Transaction| payment.payee == *persona && payment.order_id == order.id;
    let server = truth.collected.values().find(is_for);
    let logs = books.log.values().filter(|log| log.order_id == order.id && log.status == LogStatus::Success);
    let names: Vec<_> = logs.map(|log| (log.customer_session.number(), log.customer_index.get())).collect();
    let named = match names.as_slice() {
        [] => None,
        [name] => truth.collected.get(name).or_else(|| truth.lost.payments.get(name)).filter(is_for),
        several => return Err(format!("I8: till {who} has several payments of order {}: {several:?}", order.id)),
    };
    let paid = order.flag == Flag::Paid;
    let agree = paid == named.is_some() && server.is_none_or(|server| named == Some(server));
    if agree {
        return Ok(named);
    }
    Err(format!(
        "I8: till {who} has order {} as {:?} by {names:?}, the server as paid by {server:?}",
        order.id, order.flag
    ))
}

/// What a till says that its sessions took in is what these payments brought.
fn check_tally(who: u8, books: &Till, mut payments: BTreeMap<Currency, i64>) -> Result<(), Lie> {
    for session in &books.sessions {
        *payments.entry(session.current.currency).or_default() -= session.current.minor;
    }
    match payments.iter().find(|(_, difference)| **difference != 0) {
        Some((currency, more)) => Err(format!("I8: till {who} counts {more} minor units of {currency} too little")),
        None => Ok(()),
    }
}

/// What a till says that it gave back is what the server says, or said before it lost its books.
fn check_refunds(who: u8, books: &Till, persona: &PersonaId, truth: &Truth<'_>) -> Result<(), Lie> {
    let open = |log: &&RefundLog| matches!(log.status, LogStatus::Attempt | LogStatus::Retry);
    if let Some(log) = books.refunds.values().find(open) {
        return Err(format!("I8: till {who} gives back for order {} for ever", log.order_id));
    }
    let done = books.refunds.values().filter(|log| log.status == LogStatus::Success);
    let mut ours: Vec<_> = done.map(|log| (log.order_id.to_string(), log.amount, log.returned)).collect();
    let of_ours = |refund: &&Refund| refund.payee == *persona;
    let line = |refund: &Refund| (refund.order_id.to_string(), refund.given, Some(refund.returned));
    for refund in truth.ledger.refunds.iter().filter(of_ours).map(line) {
        let Some(at) = ours.iter().position(|one| *one == refund) else {
            return Err(format!("I8: till {who} gave back {ours:?}, and the server knows of {refund:?}"));
        };
        ours.swap_remove(at);
    }
    let mut lost: Vec<_> = truth.lost.refunds.iter().filter(of_ours).map(line).collect();
    for refund in ours {
        let Some(at) = lost.iter().position(|one| *one == refund) else {
            return Err(format!("I8: till {who} gave back {refund:?}, and the server knows of none"));
        };
        lost.swap_remove(at);
    }
    Ok(())
}
