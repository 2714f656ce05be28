//! The decision on each payment of a collection (steps 1675 to 1678), and what it changes.

use std::collections::{HashMap, HashSet};

use protocol::collect::{CustomerPart, OpenCollection, SessionFault};
use protocol::date::Date;
use protocol::message::payment::{Collected as Claim, PAYMENT_RECEIPT_TYPE, PayerReceipt, PaymentReceipt};
use protocol::money::{Money, Rates};
use protocol::outcome::{Problem, ResponseCode};
use protocol::suite::Protocol;
use protocol::value::{Count, Index, Version1};

use super::super::exchange::Desk;
use super::super::language::Language;
use super::super::refusal::Refusal;
use super::super::service::Service;
use super::token;
use crate::store::record::{Entry, Reason, Session, SessionEnd, SessionStatus, Transaction};
use crate::store::{Account, Change, ChangeSet, Collected, Condition};
use crate::vault::sha256;

/// A collection in the making: sessions as they will be, and the changes that make them so.
pub struct Batch<'a> {
    desk: Desk<'a>,
    opened: &'a OpenCollection,
    merchant: Session,
    /// The merchant's session as it was loaded.
    merchant_before: Session,
    payers: HashMap<u64, Session>,
    collected: &'a Collected,
    used_here: HashSet<(u64, Index)>,
    changes: ChangeSet,
}

/// What became of one payment.
pub struct Verdict {
    n: usize,
    language: Language,
    outcome: Result<Paid, Problem>,
    /// The payer's session after the payment, if there is one.
    payer: Option<Session>,
}

/// A payment that was made.
#[derive(Clone, Debug)]
struct Paid {
    charged: Money,
    /// Before the fee.
    credited: Money,
    fee: Money,
    /// What the payee's currency is worth in the payer's, where they differ.
    rates: Option<Rates>,
}

/// Whether a session can be used at an index (steps 1668B and 1675). Exactly at the end of its lifetime it still can.
///
/// # Errors
/// Why not.
pub fn usable(session: &Session, index: Index, now: Date) -> Result<(), Problem> {
    match session.status {
        SessionStatus::Ended(_, SessionEnd::Expired) => Err(Problem::SESSION_EXPIRED),
        SessionStatus::Ended(_, SessionEnd::Closed | SessionEnd::UsedUp) => Err(Problem::SESSION_CLOSED),
        SessionStatus::Open if session.expires() < now => Err(Problem::SESSION_EXPIRED),
        SessionStatus::Open if index > session.use_limit => Err(Problem::INDEX_RANGE),
        SessionStatus::Open => Ok(()),
    }
}

impl<'a> Batch<'a> {
    /// A collection into `merchant`'s session, which can be used.
    pub fn new(
        desk: Desk<'a>,
        opened: &'a OpenCollection,
        merchant: Session,
        payers: HashMap<u64, Session>,
        collected: &'a Collected,
    ) -> Self {
        let merchant_before = merchant.clone();
        let (used_here, changes) = (HashSet::new(), ChangeSet::default());
        Self { desk, opened, merchant, merchant_before, payers, collected, used_here, changes }
    }

    /// Decides on payment `n`.
    pub fn pay(&mut self, n: usize, payment: Option<&Result<Money, SessionFault>>) -> Verdict {
        let opened = self.opened;
        let claim = &opened.payments[n];
        let number = claim.payer_session_id.number();
        let outcome = match (payment, self.payers.get(&number)) {
            (Some(payment), Some(payer)) => self.decide(n, claim, payer, payment),
            _ if number == self.merchant.id.number() => Err(Problem::SELF_PAYMENT),
            _ => Err(Problem::SESSION_UNKNOWN),
        };
        let outcome = outcome.map(|step| match step {
            Step::Pay(paid) => {
                self.apply(n, claim, &paid);
                paid
            }
            Step::Again(paid) => paid,
        });
        Verdict { n, language: self.desk.language, outcome, payer: self.payers.get(&number).cloned() }
    }

    fn decide(
        &self,
        n: usize,
        claim: &Claim,
        payer: &Session,
        payment: &Result<Money, SessionFault>,
    ) -> Result<Step, Problem> {
        if *payment == Err(SessionFault::BadOpaque) {
            return Err(Problem::BAD_OPAQUE);
        }
        let key = (payer.id.number(), claim.payer_index.get());
        let before = self.collected.get(&key).filter(|_| payment.is_ok());
        if let Some(paid) = before.and_then(|before| self.same_payment(n, claim, before)) {
            return Ok(Step::Again(paid));
        }
        usable(payer, claim.payer_index, self.desk.now)?;
        let amount = payment.clone().map_err(|fault| fault.problem())?;
        if let Some(problem) = self.desk.config.rehearsal.as_ref().and_then(|asked| asked.verdict(&claim.order_id)) {
            return Err(problem);
        }
        if self.collected.contains_key(&key) || self.used_here.contains(&(key.0, claim.payer_index)) {
            return Err(Problem::INDEX_USED);
        }
        self.desk.config.switches.check(&payer.persona, Service::Pay)?;
        self.check_parties(claim, payer)?;
        let rates = self.check_amount(claim, payer, amount)?;
        if payer.current.minor < amount.minor {
            return Err(Problem::FUNDS_INSUFFICIENT);
        }
        self.merchant.current.plus(claim.merchant_amount).map_err(|_| Problem::LIMIT_EXCEEDED)?;
        let credited = claim.merchant_amount;
        let fee = self.desk.config.fees.out_of(Service::Collect, credited);
        Ok(Step::Pay(Paid { charged: amount, credited, fee, rates }))
    }

    /// The first outcome, if this payment was collected by the same payee before (protocol.md section 5).
    fn same_payment(&self, n: usize, claim: &Claim, before: &Transaction) -> Option<Paid> {
        let same = before.payee == self.merchant.persona
            && before.order_id == claim.order_id
            && before.credited == claim.merchant_amount
            && before.opaque_hash == sha256(self.opened.customer_opaque(n));
        let (charged, credited, fee) = (before.charged, before.credited, before.fee);
        same.then(|| Paid { charged, credited, fee, rates: self.rates(credited, charged) })
    }

    fn check_parties(&self, claim: &Claim, payer: &Session) -> Result<(), Problem> {
        if claim.payee_id != self.merchant.persona {
            return Err(Problem::PAYEE_MISMATCH);
        }
        if payer.persona == self.merchant.persona {
            return Err(Problem::SELF_PAYMENT);
        }
        Ok(())
    }

    /// The payer's amount covers the price: equals it in the same currency, and is at least its worth in another.
    fn check_amount(&self, claim: &Claim, payer: &Session, amount: Money) -> Result<Option<Rates>, Problem> {
        let price = claim.merchant_amount;
        if price.currency != self.merchant.current.currency {
            return Err(Problem::CURRENCY_UNSUPPORTED);
        }
        if amount.currency != payer.current.currency {
            return Err(Problem::AMOUNT_MISMATCH);
        }
        if price.currency == amount.currency {
            return if price == amount { Ok(None) } else { Err(Problem::AMOUNT_MISMATCH) };
        }
        let cost = self.desk.config.convert(price, amount.currency).ok_or(Problem::CURRENCY_UNSUPPORTED)?;
        match cost {
            Ok(cost) if cost.minor <= amount.minor => Ok(self.rates(price, amount)),
            _ => Err(Problem::AMOUNT_MISMATCH),
        }
    }

    fn rates(&self, credited: Money, charged: Money) -> Option<Rates> {
        let differ = credited.currency != charged.currency;
        let rate = self.desk.config.rate(credited.currency, charged.currency).filter(|_| differ)?;
        Some(Rates(vec![(credited.currency, rate)]))
    }

    /// Step 1677.
    fn apply(&mut self, n: usize, claim: &Claim, paid: &Paid) {
        let number = claim.payer_session_id.number();
        let Some(payer) = self.payers.get_mut(&number) else { return };
        if !self.used_here.iter().any(|(session, _)| *session == number) {
            let (uses, current) = (payer.uses, payer.current);
            self.changes.require(Condition::SessionIs { session: number, uses, current });
        }
        self.used_here.insert((number, claim.payer_index));
        payer.uses += 1;
        payer.current.minor -= paid.charged.minor;
        self.merchant.current.minor += paid.credited.minor - paid.fee.minor;
        let payer = payer.clone();
        self.changes.push(Change::Collect(Box::new(self.transaction(n, claim, &payer, paid))));
        self.changes.push(Change::Use(number));
        self.journal_payment(&payer, claim, paid);
        if payer.uses_left() == 0 {
            let ended = end_used_up(&payer, self.desk.now, &mut self.changes);
            self.payers.insert(number, ended);
        }
    }

    fn transaction(&self, n: usize, claim: &Claim, payer: &Session, paid: &Paid) -> Transaction {
        Transaction {
            payer_session: claim.payer_session_id.clone(),
            payer_index: claim.payer_index,
            payer: payer.persona.clone(),
            payee_session: self.merchant.id.clone(),
            payee_index: self.opened.head().index,
            payee: self.merchant.persona.clone(),
            order_id: claim.order_id.clone(),
            charged: paid.charged,
            credited: paid.credited,
            fee: paid.fee,
            opaque_hash: sha256(self.opened.customer_opaque(n)),
            date: self.desk.now,
        }
    }

    /// From the payer's session into the payee's; between currencies, by way of the exchange. The fee goes on from there.
    fn journal_payment(&mut self, payer: &Session, claim: &Claim, paid: &Paid) {
        let reference = format!("{}/{}", payer.id.number(), claim.payer_index.get());
        let mut entry = |reason, debit, credit, amount| {
            let (date, reference) = (self.desk.now, reference.clone());
            self.changes.push(Change::Journal(Entry { date, reason, debit, credit, amount, reference }));
        };
        let (from, to) = (payer.account(), self.merchant.account());
        if paid.charged.currency == paid.credited.currency {
            entry(Reason::Payment, from, to.clone(), paid.charged);
        } else {
            entry(Reason::Payment, from, Account::Exchange(paid.charged.currency), paid.charged);
            entry(Reason::Payment, Account::Exchange(paid.credited.currency), to.clone(), paid.credited);
        }
        if paid.fee.minor > 0 {
            entry(Reason::Fee, to, Account::Fees(paid.fee.currency), paid.fee);
        }
    }

    /// Spends the merchant's use and, if it was the last, ends the session.
    pub fn finish(mut self) -> ChangeSet {
        let before = &self.merchant_before;
        let number = before.id.number();
        self.changes.push(Change::Use(number));
        self.merchant.uses += 1;
        if self.merchant.uses_left() == 0 {
            let (uses, current) = (before.uses, before.current);
            self.changes.require(Condition::SessionIs { session: number, uses, current });
            end_used_up(&self.merchant, self.desk.now, &mut self.changes);
        } else {
            let last = u32::from(before.use_limit.get()) - 1;
            self.changes.require(Condition::SessionUsesBelow { session: number, uses: last });
        }
        self.changes
    }
}

/// What follows from a decision.
enum Step {
    /// Money moves.
    Pay(Paid),
    /// It has moved before.
    Again(Paid),
}

/// The last use is spent: what is left returns to the container. Yields the session as its owner is told about it, with
/// what was left.
fn end_used_up(session: &Session, now: Date, changes: &mut ChangeSet) -> Session {
    let (number, left) = (session.id.number(), session.current);
    changes.push(Change::Journal(Entry {
        date: now,
        reason: Reason::Return,
        debit: session.account(),
        credit: Account::Container(session.persona.clone(), left.currency),
        amount: left,
        reference: number.to_string(),
    }));
    changes.push(Change::End(number, now, SessionEnd::UsedUp));
    changes.push(Change::Revise(session.persona.clone()));
    Session { status: SessionStatus::Ended(now, SessionEnd::UsedUp), ..session.clone() }
}

impl Verdict {
    /// Why the payment was not made.
    pub fn problem(&self) -> Option<&Problem> {
        self.outcome.as_ref().err()
    }

    /// What the payee gave of it, minor units; nothing of a payment that was not made.
    pub fn fee(&self) -> i64 {
        self.outcome.as_ref().map_or(0, |paid| paid.fee.minor)
    }

    fn outcome(&self) -> (ResponseCode, Option<Problem>) {
        match &self.outcome {
            Ok(_) => (ResponseCode::Success, None),
            Err(problem) => (problem.response(), Some(problem.clone())),
        }
    }

    fn remark(&self) -> Option<protocol::message::Sentence> {
        let refusal = |problem: &Problem| Refusal::from(problem.clone()).told_in(self.language);
        self.outcome.as_ref().err().and_then(|problem| refusal(problem).sentence())
    }

    /// What the merchant is told.
    pub fn to_payee(&self, opened: &OpenCollection) -> PaymentReceipt {
        let claim = &opened.payments[self.n];
        let (response_code, problem) = self.outcome();
        PaymentReceipt {
            subtype: token(PAYMENT_RECEIPT_TYPE),
            subversion: Version1,
            payer_session_id: claim.payer_session_id.clone(),
            payer_index: claim.payer_index,
            response_code,
            remark: self.remark(),
            collected_amount: self.outcome.as_ref().ok().map(|paid| paid.credited),
            problem,
            order_id: claim.order_id.clone(),
        }
    }

    /// What the customer is told, under the keys of the payer's session.
    pub fn to_payer<'a>(&'a self, opened: &OpenCollection, now: Date) -> Option<CustomerPart<'a>> {
        let payer = self.payer.as_ref()?;
        let claim = &opened.payments[self.n];
        let (response_code, problem) = self.outcome();
        let paid = self.outcome.as_ref().ok();
        let left = Some(payer).filter(|_| opened.protocol() == Protocol::V2);
        let receipt = PayerReceipt {
            response_code,
            remark: self.remark(),
            foreign_exchange: paid.and_then(|paid| paid.rates.clone()),
            amount: paid.map(|paid| paid.charged),
            problem,
            order_id: claim.order_id.clone(),
            request_version: Version1,
            session_balance: left.map(|payer| payer.current),
            uses_left: left.map(|payer| Count(payer.uses_left().into())),
            seconds_left: left.map(|payer| Count(seconds_left(payer, now))),
            auth_code: None,
        };
        let (session_id, index) = (claim.payer_session_id.clone(), claim.payer_index);
        Some(CustomerPart { session_id, index, secrets: &payer.secrets, receipt })
    }
}

fn seconds_left(session: &Session, now: Date) -> u64 {
    let millis = session.expires().millis() - now.millis();
    u64::try_from(millis / 1_000).ok().filter(|_| session.is_open()).unwrap_or_default()
}
