//! I8: at rest, when nothing went wrong for a while, wallets, tills and server agree, and nothing waits any more.

use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use merchant_widget::till::record::Flag;
use protocol::value::{SessionId, from_base64};
use server_stub::store::books::{BookRow, Books as _};
use server_stub::store::record::Transaction;
use wallet_wasm::record::log::PaymentLog;
use wallet_wasm::record::pending::PendingPayment;
use wallet_wasm::wallet::books::{Books, find};
use wallet_wasm::wallet::logs::Logs;

use super::World;
use super::judge::{Ledger, Lie, inspect};
use super::shopper::Seat;
use super::till::Stand;

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
        let mut ledger = Ledger::default();
        let mut unreadable = None;
        let mut see = |row| match row {
            BookRow::Entry(_, entry) => ledger.journal.push(entry),
            BookRow::Container(owner, container) => ledger.containers.push((owner, container)),
            BookRow::Session(session) => ledger.sessions.push(*session),
            BookRow::Payment(payment) => ledger.transactions.push(*payment),
            BookRow::House(account, balance) => ledger.house.push((account, balance)),
            BookRow::Refund(_) | BookRow::Charge(_) | BookRow::Pending(..) => {}
            BookRow::Unreadable { row, why } => unreadable = Some(format!("{row}: {why}")),
        };
        at_once(self.office.platter.show(&mut see)).map_err(|fault| fault.to_string())?;
        unreadable.map_or(Ok(ledger), Err)
    }

    /// Compares everybody with the server.
    ///
    /// # Errors
    /// The first disagreement.
    pub fn check_rest(&self) -> Result<(), Lie> {
        let ledger = self.ledger()?;
        let name = |payment: &Transaction| (payment.payer_session.number(), payment.payer_index.get());
        let collected: Collected = ledger.transactions.iter().map(|payment| (name(payment), payment.clone())).collect();
        for stand in &self.stands {
            check_till(stand, &collected)?;
        }
        for seat in &self.seats {
            check_wallet(seat, &collected)?;
        }
        Ok(())
    }
}

/// A wallet's own books, against what the server did.
fn check_wallet(seat: &Seat, collected: &Collected) -> Result<(), Lie> {
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
    seat.disk.dump().iter().try_for_each(|(place, bytes)| inspect(&format!("{place:?}"), bytes))?;
    logs.payments.iter().try_for_each(|held| check_receipt(who, &held.record, collected))
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

fn check_till(stand: &Stand, collected: &Collected) -> Result<(), Lie> {
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
    Ok(())
}
