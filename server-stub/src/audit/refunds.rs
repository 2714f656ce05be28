//! Refunds, against their payments and the journal.

use std::collections::{BTreeMap, BTreeSet};

use protocol::value::Value as _;

use super::payments::{key_of, payment_row};
use super::{Lie, tell};
use crate::store::record::{Entry, Reason, Transaction};
use crate::store::{Account, Refund};

/// The refunds, and what the journal moved for each. They are few beside the payments, and kept as they are.
#[derive(Default)]
pub struct Refunds {
    moved: BTreeMap<String, Vec<Entry>>,
    by_payment: BTreeMap<(u64, u16), Vec<Refund>>,
}

impl Refunds {
    /// A journal entry.
    pub fn entry(&mut self, entry: &Entry) {
        if entry.reason == Reason::Refund {
            self.moved.entry(entry.reference.clone()).or_default().push(entry.clone());
        }
    }

    /// A refund, which moved what it says, once; its entries were seen before.
    pub fn refund(&mut self, refund: &Refund, lies: &mut Vec<Lie>) {
        let entries = self.moved.remove(&refund.reference()).unwrap_or_default();
        check_moves(refund, &entries, lies);
        let key = (refund.payer_session.number(), refund.payer_index.get());
        self.by_payment.entry(key).or_default().push(refund.clone());
    }

    /// A payment, within which its refunds stay; they were seen before.
    pub fn payment(&mut self, payment: &Transaction, lies: &mut Vec<Lie>) {
        let key = (payment.payer_session.number(), payment.payer_index.get());
        if let Some(refunds) = self.by_payment.remove(&key) {
            check_payment(payment, &refunds, lies);
        }
    }

    /// Nothing else moved as a refund, and no refund is without a payment.
    pub fn finish(self, lies: &mut Vec<Lie>) {
        for reference in self.moved.into_keys() {
            tell(lies, format!("journal, refund {reference}"), "there is no such refund".to_owned());
        }
        for (session, index) in self.by_payment.into_keys() {
            tell(lies, format!("refund {session}/{index}"), "there is no such payment".to_owned());
        }
    }
}

/// Across currencies, both sides go by way of the exchange.
fn check_moves(refund: &Refund, entries: &[Entry], lies: &mut Vec<Lie>) {
    let payer = Account::Container(refund.payer.clone(), refund.returned.currency);
    let abroad = refund.given.currency != refund.returned.currency;
    let exchange = |account: &Account| abroad && matches!(account, Account::Exchange(_));
    // Wide sums: books that are damaged hold any numbers.
    let sum = |picked: &dyn Fn(&Entry) -> bool| -> i128 {
        entries.iter().filter(|entry| picked(entry)).map(|entry| i128::from(entry.amount.minor)).sum()
    };
    let given = sum(&|entry| !exchange(&entry.debit) && entry.amount.currency == refund.given.currency);
    let returned = sum(&|entry| entry.credit == payer && entry.amount.currency == refund.returned.currency);
    let astray =
        entries.iter().any(|entry| (entry.credit != payer && !exchange(&entry.credit)) || entry.date != refund.date);
    if given != refund.given.minor.into() || returned != refund.returned.minor.into() || astray {
        let Refund { given, returned, payee, .. } = refund;
        let when = refund.date.text();
        let claim = format!("the journal does not move {given} from {payee} and {returned} to {payer}, once, {when}");
        tell(lies, format!("refund {}", refund.reference()), claim);
    }
}

fn check_payment(payment: &Transaction, refunds: &[Refund], lies: &mut Vec<Lie>) {
    let given: i128 = refunds.iter().map(|refund| i128::from(refund.given.minor)).sum();
    let returned: i128 = refunds.iter().map(|refund| i128::from(refund.returned.minor)).sum();
    let (credited, charged) = (i128::from(payment.credited.minor), i128::from(payment.charged.minor));
    let fits = given <= credited
        && returned <= charged
        && (given < credited || returned == charged)
        && refunds.iter().map(|refund| refund.number).collect::<BTreeSet<_>>().len() == refunds.len()
        && refunds.iter().all(|refund| (1..=refunds.len()).contains(&(refund.number as usize)));
    if !fits {
        let row = format!("refund {}/{}", payment.payer_session.number(), payment.payer_index.get());
        tell(lies, row, format!("the refunds do not fit a payment of {} for {}", payment.credited, payment.charged));
    }
    let of_it = |refund: &&Refund| {
        (&refund.payer, &refund.payee, &refund.order_id) == (&payment.payer, &payment.payee, &payment.order_id)
    };
    for refund in refunds.iter().filter(|refund| !of_it(refund)) {
        let payment = payment_row(key_of(payment));
        tell(lies, format!("refund {}", refund.reference()), format!("{payment} is of another order or persona"));
    }
}
