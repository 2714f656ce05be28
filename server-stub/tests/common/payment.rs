//! Payments: what a wallet promises, what a till collects.

use protocol::collect::{
    Receipts, ReceivedPayment, read_payer_receipt, write_collection, write_payer_receipt, write_payment,
};
use protocol::message::payment::{BatchHead, COLLECTION_TYPE, Collected, PAYMENT_TYPE, PayerReceipt, Payment};
use protocol::money::Money;
use protocol::offer::note_hash;
use protocol::outcome::Problem;
use protocol::persona::PersonaId;
use protocol::value::{Bytes, Index, Version1};

use super::actor::OpenedSession;
use super::{World, money, value};

/// A payment that a wallet has promised, as the till holds it.
#[derive(Clone, Debug)]
pub struct Promise {
    pub received: ReceivedPayment,
    pub claim: Collected,
    pub payer: OpenedSession,
}

/// A payment as both sides agree on it.
#[derive(Clone, Debug)]
pub struct Deal<'a> {
    pub payee: &'a PersonaId,
    pub order: &'a str,
    /// In the payee's currency.
    pub price: &'a str,
    /// In the payer's.
    pub amount: &'a str,
}

impl World {
    /// The wallet promises, at its next index.
    pub fn promise(&mut self, payer: &mut OpenedSession, deal: &Deal<'_>) -> Promise {
        let index = payer.next();
        self.promise_at(payer, index, deal)
    }

    /// The wallet promises, at an index of the test's choice.
    pub fn promise_at(&mut self, payer: &OpenedSession, index: Index, deal: &Deal<'_>) -> Promise {
        let price = money(deal.price);
        let note_hash = Bytes::of(note_hash(self.protocol, "Rocket Shoes")).expect("a hash");
        let payment = Payment {
            kind: value(PAYMENT_TYPE),
            version: Version1,
            session_id: payer.id.clone(),
            index,
            payee_currency: price.currency,
            note_hash: note_hash.clone(),
            payee_id: deal.payee.clone(),
            order_id: value(deal.order),
            service_category: None,
        };
        let amount: Money = money(deal.amount);
        let ca1 = write_payment(self.protocol, &payer.secrets, &payment, amount, &mut self.rng).expect("secrets");
        let received = ReceivedPayment::read(ca1.as_bytes()).expect("a CA1");
        let claim = Collected {
            kind: value(PAYMENT_TYPE),
            subversion: Version1,
            payer_session_id: payer.id.clone(),
            payer_index: index,
            note_hash,
            payee_id: deal.payee.clone(),
            order_id: value(deal.order),
            merchant_amount: price,
        };
        Promise { received, claim, payer: payer.clone() }
    }

    /// The till writes CA2 at its next index.
    pub fn collection(&mut self, merchant: &mut OpenedSession, promises: &[Promise]) -> (BatchHead, String) {
        let index = merchant.next();
        self.collection_at(merchant, index, promises)
    }

    /// The till writes CA2 at an index of the test's choice.
    pub fn collection_at(
        &mut self,
        merchant: &OpenedSession,
        index: Index,
        promises: &[Promise],
    ) -> (BatchHead, String) {
        let head = BatchHead {
            kind: value(COLLECTION_TYPE),
            version: Version1,
            session_id: merchant.id.clone(),
            index,
            service_category: None,
        };
        let payments: Vec<_> =
            promises.iter().map(|promise| (promise.claim.clone(), promise.received.opaque.clone())).collect();
        let ca2 = write_collection(self.protocol, &merchant.secrets, &head, &payments, &mut self.rng);
        (head, ca2.expect("secrets of this suite"))
    }

    /// The till collects and reads CA3.
    pub async fn collect(&mut self, merchant: &mut OpenedSession, promises: &[Promise]) -> Receipts {
        let (head, ca2) = self.collection(merchant, promises);
        let ca3 = self.send(&ca2).await;
        self.receipts(merchant, &head, &ca3, promises.len())
    }

    pub fn receipts(&self, merchant: &OpenedSession, head: &BatchHead, ca3: &str, payments: usize) -> Receipts {
        let read = Receipts::read(ca3.as_bytes(), self.protocol, &merchant.secrets, head, payments);
        read.unwrap_or_else(|fault| panic!("{fault}: {ca3}"))
    }

    /// Promises and collects one payment, and yields what the payer is told.
    pub async fn pay(
        &mut self,
        payer: &mut OpenedSession,
        merchant: &mut OpenedSession,
        deal: &Deal<'_>,
    ) -> PayerReceipt {
        let promise = self.promise(payer, deal);
        let receipts = self.collect(merchant, std::slice::from_ref(&promise)).await;
        self.payer_receipt(&promise, &receipts, 0)
    }

    /// The wallet reads CA4.
    pub fn payer_receipt(&self, promise: &Promise, receipts: &Receipts, n: usize) -> PayerReceipt {
        let opaque = receipts.customer_opaques[n].as_ref().expect("a customer part");
        let ca4 = write_payer_receipt(&promise.received, opaque);
        let payment = &promise.received.payment;
        read_payer_receipt(ca4.as_bytes(), self.protocol, &promise.payer.secrets, payment).expect("a CA4")
    }
}

/// The problem of each payment; nothing for those that were made.
pub fn problems(receipts: &Receipts) -> Vec<Option<Problem>> {
    receipts.verdicts.payments.iter().map(|payment| payment.problem.clone()).collect()
}

/// The problem of the collection as a whole.
pub fn whole(receipts: &Receipts) -> Option<Problem> {
    receipts.verdicts.batch.problem.clone()
}
