//! What was said in the latest payments, and what each order rehearses.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use protocol::envelope::Envelope;
use protocol::value::OrderId;

use super::Scenario;

/// Payments that are remembered: those of one person who plays.
const MAX_PAYMENTS: usize = 50;
/// Orders whose plans are remembered.
const MAX_PLANS: usize = 1_000;
/// Prefix of the labels under which CA2 and CA3 carry the payers' sealed values.
const CUSTOMER_OPAQUE: &str = "customer-opaque";

/// The messages of one payment, as they were sent.
#[derive(Clone, Debug)]
pub struct Payment {
    /// Whose.
    pub order: OrderId,
    /// Wallet to till.
    pub ca1: String,
    /// Till to server.
    pub ca2: Option<String>,
    /// Server to till.
    pub ca3: Option<String>,
    /// Till to wallet.
    pub ca4: Option<String>,
    /// How often the till has sent CA2.
    pub tries: u32,
    /// CA1's sealed value, which CA2 carries on.
    opaque: String,
}

#[derive(Debug, Default)]
struct Reel {
    payments: VecDeque<Payment>,
    plans: VecDeque<(OrderId, Scenario)>,
}

/// A recorder.
#[derive(Debug, Default)]
pub struct Tape(Mutex<Reel>);

impl Tape {
    fn reel(&self) -> MutexGuard<'_, Reel> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers what an order rehearses.
    pub fn plan(&self, order: &OrderId, scenario: Scenario) {
        let mut reel = self.reel();
        if reel.plans.len() >= MAX_PLANS {
            reel.plans.pop_front();
        }
        reel.plans.push_back((order.clone(), scenario));
    }

    /// What an order rehearses.
    pub fn scenario(&self, order: &OrderId) -> Option<Scenario> {
        self.reel().plans.iter().rev().find(|(planned, _)| planned == order).map(|(_, scenario)| scenario.clone())
    }

    /// Writes CA1 down. The same one again is the same payment.
    pub fn ca1(&self, order: &OrderId, text: &str) {
        let Some(opaque) = value(text, "opaque") else { return };
        let mut reel = self.reel();
        if reel.payments.iter().any(|payment| payment.opaque == opaque) {
            return;
        }
        if reel.payments.len() >= MAX_PAYMENTS {
            reel.payments.pop_front();
        }
        let (order, ca1) = (order.clone(), text.to_owned());
        reel.payments.push_back(Payment { order, ca1, ca2: None, ca3: None, ca4: None, tries: 0, opaque });
    }

    /// Writes CA2 down; yields what the first of its payments rehearses, and how often it was sent.
    pub fn ca2(&self, text: &str) -> Option<(Scenario, u32)> {
        let mut reel = self.reel();
        let Reel { payments, plans } = &mut *reel;
        let mut found = None;
        for payment in payments.iter_mut().filter(|payment| carried(text, &payment.opaque).is_some()) {
            payment.ca2 = Some(text.to_owned());
            payment.tries += 1;
            let plan = plans.iter().rev().find(|(order, _)| *order == payment.order);
            found = found.or(plan.map(|(_, scenario)| (scenario.clone(), payment.tries)));
        }
        found
    }

    /// Writes the answer to a CA2 down.
    pub fn ca3(&self, ca2: &str, text: &str) {
        let mut reel = self.reel();
        for payment in reel.payments.iter_mut().filter(|payment| payment.ca2.as_deref() == Some(ca2)) {
            payment.ca3 = Some(text.to_owned());
        }
    }

    /// Writes the answer to a CA1 down.
    pub fn ca4(&self, ca1: &str, text: &str) {
        let mut reel = self.reel();
        for payment in reel.payments.iter_mut().filter(|payment| payment.ca1 == ca1) {
            payment.ca4 = Some(text.to_owned());
        }
    }

    /// The latest payment, or the latest of an order.
    pub fn latest(&self, order: Option<&OrderId>) -> Option<Payment> {
        let reel = self.reel();
        let fits = |payment: &&Payment| order.is_none_or(|order| payment.order == *order);
        reel.payments.iter().rev().find(fits).cloned()
    }
}

/// The label in CA2 under which it carries a CA1's sealed value; CA3 answers under the same.
pub fn carried(ca2: &str, opaque: &str) -> Option<String> {
    let envelope = Envelope::parse(ca2.as_bytes()).ok()?;
    let mut labels = envelope.pairs.iter().filter(|(label, _)| label.starts_with(CUSTOMER_OPAQUE));
    labels.find(|(_, value)| *value == opaque).map(|(label, _)| label.to_owned())
}

/// The value of a label in the clear part of a message.
pub fn value(message: &str, label: &str) -> Option<String> {
    Envelope::parse(message.as_bytes()).ok()?.pairs.get(label).map(str::to_owned)
}
