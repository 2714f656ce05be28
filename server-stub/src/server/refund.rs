//! Refund of a payment: RF1 gives back what was collected, RF2 says how much (docs/protocol.md, "Refunds").

use protocol::date::Date;
use protocol::message::refund::{RefundPayment, RefundResponse};
use protocol::money::Money;
use protocol::outcome::{Problem, ResponseCode};
use protocol::value::Text;
use rand_core::CryptoRng;

use super::draft::Draft;
use super::exchange::{Desk, Procedure};
use super::language::Words;
use super::refusal::Refusal;
use super::service::Service;
use crate::store::record::{PersonaStatus, Reason, Transaction};
use crate::store::{Account, Change, Condition, PersonaFile, Refund, Store, StoreError};

/// What a refund needs to know.
#[derive(Default)]
pub struct Records {
    /// The payment that is named.
    payment: Option<Transaction>,
    /// What was given back of it.
    before: Vec<Refund>,
    /// Who paid.
    payer: Option<PersonaFile>,
}

impl Procedure for RefundPayment {
    type Records = Records;

    fn service(&self) -> Service {
        Service::Refund
    }

    async fn load(&self, store: &dyn Store, _: &PersonaFile, _: Desk<'_>) -> Result<Records, StoreError> {
        let key = (self.payer_session_id.clone(), self.payer_index);
        let Some(payment) = store.collected(std::slice::from_ref(&key)).await?.into_values().next() else {
            return Ok(Records::default());
        };
        let before = store.refunds(&key.0, key.1).await?;
        let payer = store.persona(&payment.payer).await?;
        Ok(Records { payment: Some(payment), before, payer })
    }

    fn run(
        &self,
        desk: Desk<'_>,
        draft: &mut Draft,
        records: Records,
        _: &mut dyn CryptoRng,
    ) -> Result<RefundResponse, Refusal> {
        let Records { payment, before, payer } = records;
        let persona = &draft.file.persona.id;
        let ours = payment.filter(|payment| payment.payee == *persona && payment.order_id == self.order_id);
        let (payment, payer) = ours.zip(payer).ok_or_else(unknown)?;
        if payer.persona.status == PersonaStatus::Closed {
            return Err(Refusal::because(
                Problem::PERSONA_CLOSED,
                Words::new(
                    "Whoever paid this has closed their account.",
                    "Wer das bezahlt hat, hat die Persona geschlossen.",
                ),
            ));
        }
        let refund = refund(self, &payment, &before, desk.now)?;
        check_room(&payer, refund.returned)?;
        give(draft, &refund)?;
        draft.changes.require(Condition::PersonaIs(payment.payer.clone(), payer.persona.revision));
        draft.changes.push(Change::Revise(payment.payer.clone()));
        draft.changes.push(Change::Refund(Box::new(refund.clone())));
        Ok(given(desk, draft, &payment, &before, &refund))
    }

    fn refused(now: Date, refusal: &Refusal) -> RefundResponse {
        RefundResponse {
            server_date: now,
            response_code: refusal.problem.response(),
            problem: Some(refusal.problem.clone()),
            swseverity: None,
            swmessage: None,
            message: refusal.sentence(),
            fee: None,
            amount: None,
            returned_amount: None,
            refundable: None,
            balance: None,
        }
    }
}

/// Somebody else's payment is none that this persona knows of.
fn unknown() -> Refusal {
    Refusal::because(
        Problem::SESSION_UNKNOWN,
        Words::new("There is no such payment for that order.", "Zu dieser Bestellung gibt es keine solche Zahlung."),
    )
}

fn refunded(before: &[Refund]) -> (i64, i64) {
    before
        .iter()
        .fold((0, 0), |(given, returned), refund| (given + refund.given.minor, returned + refund.returned.minor))
}

/// The refund as it will be kept; all refunds of a payment stay within what was collected.
fn refund(body: &RefundPayment, payment: &Transaction, before: &[Refund], now: Date) -> Result<Refund, Refusal> {
    let (given, returned) = refunded(before);
    let left = Money::new(payment.credited.currency, payment.credited.minor - given);
    let amount = body.amount.unwrap_or(left);
    if amount.currency != left.currency {
        return Err(Refusal::because(
            Problem::CURRENCY_UNSUPPORTED,
            Words::new(
                "A refund is in the currency that was collected.",
                "Eine Erstattung ist in der Währung der Zahlung.",
            ),
        ));
    }
    if amount.minor > left.minor || left.minor == 0 {
        return Err(Refusal::because(
            Problem::LIMIT_EXCEEDED,
            Words::new("That is more than is left of the payment.", "Das ist mehr, als von der Zahlung übrig ist."),
        ));
    }
    if amount.minor == 0 {
        return Err(Refusal::because(
            Problem::FORM,
            Words::new("A refund of nothing returns nothing.", "Eine Erstattung von null gibt nichts zurück."),
        ));
    }
    let returned = share(payment, given + amount.minor) - returned;
    Ok(Refund {
        payer_session: payment.payer_session.clone(),
        payer_index: payment.payer_index,
        number: u32::try_from(before.len() + 1).map_err(|_| Problem::LIMIT_EXCEEDED)?,
        payer: payment.payer.clone(),
        payee: payment.payee.clone(),
        order_id: payment.order_id.clone(),
        given: amount,
        returned: Money::new(payment.charged.currency, returned),
        note: body.record_note.as_ref().map(Text::as_str).unwrap_or_default().to_owned(),
        date: now,
    })
}

/// What the payer has got back once the payee has given back `given` minor units: charged * given / collected, rounded
/// down, so that a full refund in whatever parts returns exactly what was charged.
fn share(payment: &Transaction, given: i64) -> i64 {
    if given == payment.credited.minor {
        return payment.charged.minor;
    }
    let share = i128::from(payment.charged.minor) * i128::from(given) / i128::from(payment.credited.minor.max(1));
    i64::try_from(share).expect("invariant: a part of an amount is an amount")
}

/// The payer's container can hold it.
fn check_room(payer: &PersonaFile, returned: Money) -> Result<(), Refusal> {
    if let Some(container) = payer.containers.get(&returned.currency) {
        container.available.plus(returned)?;
    }
    Ok(())
}

/// Moves the money: from the container, then from sales sessions, the oldest first; across currencies by way of the
/// exchange. Sessions that were opened with money belong to a wallet, which counts on it.
fn give(draft: &mut Draft, refund: &Refund) -> Result<(), Refusal> {
    let currency = refund.given.currency;
    let payer = Account::Container(refund.payer.clone(), refund.returned.currency);
    let abroad = refund.returned.currency != currency;
    let to = if abroad { Account::Exchange(currency) } else { payer.clone() };
    let mut lacking = refund.given.minor;
    let from_container = draft.container(currency).available.minor.min(lacking);
    let container = draft.available(currency);
    let mut sources = vec![(container, from_container)];
    lacking -= from_container;
    draft.file.sessions.sort_by_key(|session| (session.opened, session.id.number()));
    for session in draft.file.sessions.iter_mut().filter(|s| s.current.currency == currency && s.opening.minor == 0) {
        let part = session.current.minor.min(lacking);
        session.current.minor -= part;
        lacking -= part;
        sources.push((session.account(), part));
    }
    if lacking > 0 {
        return Err(Problem::FUNDS_INSUFFICIENT.into());
    }
    for (from, part) in sources.into_iter().filter(|(_, part)| *part > 0) {
        draft.transfer(Reason::Refund, from, to.clone(), Money::new(currency, part), refund.reference())?;
    }
    if abroad && refund.returned.minor > 0 {
        let exchange = Account::Exchange(refund.returned.currency);
        draft.transfer(Reason::Refund, exchange, payer, refund.returned, refund.reference())?;
    }
    Ok(())
}

fn given(desk: Desk<'_>, draft: &Draft, payment: &Transaction, before: &[Refund], refund: &Refund) -> RefundResponse {
    let currency = refund.given.currency;
    let left = payment.credited.minor - refunded(before).0 - refund.given.minor;
    RefundResponse {
        server_date: desk.now,
        response_code: ResponseCode::Success,
        problem: None,
        swseverity: None,
        swmessage: None,
        message: None,
        fee: Some(Money::zero(currency)),
        amount: Some(refund.given),
        returned_amount: Some(refund.returned),
        refundable: Some(Money::new(currency, left)),
        balance: Some(draft.container(currency).available),
    }
}
