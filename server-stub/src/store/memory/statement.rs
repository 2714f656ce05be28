//! Refunds and statements of the store in memory.

use protocol::message::statement::{EntryKind, EntryLine, EntryPayment};
use protocol::money::{Money, SignedMoney};
use protocol::persona::PersonaId;
use protocol::value::Count;

use super::super::statement::number_of;
use super::super::{Conflict, Position, Refund, Statement, Window};
use super::Tables;
use crate::store::record::{Charge, InstrumentId, Movement, Transaction};

impl Tables {
    /// What was given back of a payment, in order.
    pub fn refunds_of(&self, session: u64, index: u16) -> impl Iterator<Item = &Refund> {
        self.refunds.range((session, index, 0)..=(session, index, u32::MAX)).map(|(_, refund)| refund)
    }

    /// Keeps a refund.
    pub fn give_back(&mut self, refund: Refund) -> Result<(), Conflict> {
        let key = (refund.payer_session.number(), refund.payer_index.get(), refund.number);
        if self.refunds.insert(key, refund) { Ok(()) } else { Err(Conflict::RefundExists(key.0, key.1, key.2)) }
    }

    /// A persona with entries of its own.
    pub fn statement(&self, id: &PersonaId, window: Window, limit: usize) -> Option<Statement> {
        let file = self.persona(id)?;
        let movement = |instrument, number| (id.clone(), InstrumentId(instrument), number);
        let movements = self.movements.range(movement(0, 0)..=movement(u32::MAX, u64::MAX));
        let movements = movements.map(|((_, _, number), movement)| moved((*number, movement)));
        let payments = self.collected.values().flat_map(|payment| sides(payment, id));
        let refunds = self.refunds.values().flat_map(|refund| given_and_got(refund, id));
        let charges = self.charges.iter().filter(|(_, fee)| fee.persona == *id).map(charged);
        let mut entries: Vec<_> = movements.chain(payments).chain(refunds).chain(charges).collect();
        entries.sort_by_key(|(place, _)| *place);
        match window {
            Window::Newest => entries = entries.split_off(entries.len().saturating_sub(limit)),
            Window::After(after) => {
                entries.retain(|(place, _)| *place > after);
                entries.truncate(limit);
            }
        }
        Some(Statement { file, entries })
    }
}

fn moved((id, movement): (u64, &Movement)) -> (Position, EntryLine) {
    let kind = if movement.amount.minor < 0 { EntryKind::UNLOAD } else { EntryKind::LOAD };
    let place = Position { date: movement.date.millis(), kind: number_of(&kind), session: id, ..Position::default() };
    let amount = SignedMoney(movement.amount);
    (place, EntryLine { date: movement.date, kind, number: Count(id), amount, payment: None })
}

fn sides(payment: &Transaction, id: &PersonaId) -> Vec<(Position, EntryLine)> {
    let Transaction { payer_session, payer_index, payer, payee, order_id, charged, credited, fee, date, .. } = payment;
    let side = |kind: EntryKind, other: &PersonaId, amount: Money| {
        let (session_id, index) = (payer_session.clone(), *payer_index);
        let place = Position {
            date: date.millis(),
            kind: number_of(&kind),
            session: session_id.number(),
            index: index.get(),
            number: 0,
        };
        let payment = Some(EntryPayment { session_id, index, other: other.clone(), order_id: order_id.clone() });
        (place, EntryLine { date: *date, kind, number: Count(0), amount: SignedMoney(amount), payment })
    };
    let paid = (payer == id).then(|| side(EntryKind::PAID, payee, charged.negated()));
    let collected = (payee == id).then(|| side(EntryKind::COLLECTED, payer, *credited));
    let fee = (payee == id && fee.minor > 0).then(|| side(EntryKind::FEE, payer, fee.negated()));
    paid.into_iter().chain(collected).chain(fee).collect()
}

fn charged((id, fee): (&u64, &Charge)) -> (Position, EntryLine) {
    let Charge { date, amount, .. } = fee;
    let kind = EntryKind::FEE;
    let place = Position { date: date.millis(), kind: number_of(&kind), session: *id, ..Position::default() };
    let amount = SignedMoney(amount.negated());
    (place, EntryLine { date: *date, kind, number: Count(*id), amount, payment: None })
}

fn given_and_got(refund: &Refund, id: &PersonaId) -> Vec<(Position, EntryLine)> {
    let side = |kind: EntryKind, other: &PersonaId, amount: Money| {
        let (session_id, index, date) = (refund.payer_session.clone(), refund.payer_index, refund.date);
        let place = Position {
            date: date.millis(),
            kind: number_of(&kind),
            session: session_id.number(),
            index: index.get(),
            number: refund.number,
        };
        let order_id = refund.order_id.clone();
        let payment = Some(EntryPayment { session_id, index, other: other.clone(), order_id });
        let number = Count(refund.number.into());
        (place, EntryLine { date, kind, number, amount: SignedMoney(amount), payment })
    };
    let made = (refund.payee == *id).then(|| side(EntryKind::REFUND_MADE, &refund.payer, refund.given.negated()));
    let got = (refund.payer == *id).then(|| side(EntryKind::REFUND_RECEIVED, &refund.payee, refund.returned));
    made.into_iter().chain(got).collect()
}
