//! Refunds, against their payments and the journal.

use std::collections::BTreeMap;

use super::{Lie, tell};
use crate::store::record::{Entry, Reason, Transaction};
use crate::store::{Account, Books, Refund};

/// Each refund moved what it says, once; all of a payment stay within it; nothing else moved as a refund.
pub fn check(books: &Books, lies: &mut Vec<Lie>) {
    let mut moved: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
    for (_, entry) in books.journal.iter().filter(|(_, entry)| entry.reason == Reason::Refund) {
        moved.entry(&entry.reference).or_default().push(entry);
    }
    let mut by_payment: BTreeMap<(u64, u16), Vec<&Refund>> = BTreeMap::new();
    for refund in &books.refunds {
        by_payment.entry((refund.payer_session.number(), refund.payer_index.get())).or_default().push(refund);
        let entries = moved.remove(refund.reference().as_str()).unwrap_or_default();
        check_moves(refund, &entries, lies);
    }
    for (reference, _) in moved {
        tell(lies, format!("journal, refund {reference}"), "there is no such refund".to_owned());
    }
    for payment in &books.transactions {
        let key = (payment.payer_session.number(), payment.payer_index.get());
        check_payment(payment, &by_payment.remove(&key).unwrap_or_default(), lies);
    }
    for (session, index) in by_payment.into_keys() {
        tell(lies, format!("refund {session}/{index}"), "there is no such payment".to_owned());
    }
}

/// Across currencies, both sides go by way of the exchange.
fn check_moves(refund: &Refund, entries: &[&Entry], lies: &mut Vec<Lie>) {
    let payer = Account::Container(refund.payer.clone(), refund.returned.currency);
    let abroad = refund.given.currency != refund.returned.currency;
    let exchange = |account: &Account| abroad && matches!(account, Account::Exchange(_));
    let sum = |picked: &dyn Fn(&Entry) -> bool| -> i64 {
        entries.iter().filter(|entry| picked(entry)).map(|entry| entry.amount.minor).sum()
    };
    let given = sum(&|entry| !exchange(&entry.debit));
    let returned = sum(&|entry| entry.credit == payer);
    let astray = entries.iter().any(|entry| entry.credit != payer && !exchange(&entry.credit));
    if given != refund.given.minor || returned != refund.returned.minor || astray {
        let Refund { given, returned, payee, .. } = refund;
        let claim = format!("the journal does not move {given} from {payee} and {returned} to {payer}, once");
        tell(lies, format!("refund {}", refund.reference()), claim);
    }
}

fn check_payment(payment: &Transaction, refunds: &[&Refund], lies: &mut Vec<Lie>) {
    let given: i64 = refunds.iter().map(|refund| refund.given.minor).sum();
    let returned: i64 = refunds.iter().map(|refund| refund.returned.minor).sum();
    let fits = given <= payment.credited.minor
        && returned <= payment.charged.minor
        && (given < payment.credited.minor || returned == payment.charged.minor)
        && refunds.iter().all(|refund| refund.payer == payment.payer && refund.payee == payment.payee);
    if !fits && !refunds.is_empty() {
        let row = format!("refund {}/{}", payment.payer_session.number(), payment.payer_index.get());
        tell(lies, row, format!("the refunds do not fit a payment of {} for {}", payment.credited, payment.charged));
    }
}
