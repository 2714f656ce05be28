//! What a till gives back (RF1): asked for at the counter, sent until its RF2 is booked.

use std::rc::Rc;

use merchant_widget::till::record::{LogStatus, Pending, Purpose};
use merchant_widget::till::refund::{self, NewRefund, RefundLog};
use protocol::money::Money;

use super::super::clockwork::{between, happens, sleep};
use super::super::fate::{count, note};
use super::{PAUSES_MILLIS, Stop, Till};

/// How often a till looks whether something is to be given back, milliseconds.
const LOOK_MILLIS: i64 = 1_500;

impl Till {
    /// Begins to give back all or some of what an order paid.
    pub(super) async fn give_back(&self, order: &str) -> Option<Vec<u8>> {
        match self.begin_refund(order).await {
            Ok(()) => Some(b"soon".to_vec()),
            Err(stop) => {
                note(self.party, "gives nothing back", || stop.to_string());
                None
            }
        }
    }

    async fn begin_refund(&self, order: &str) -> Result<(), Stop> {
        let made = {
            let books = self.disk.borrow();
            let persona = books.persona.clone().ok_or(Stop::Conflict)?;
            let sold = books.orders.get(order).cloned().ok_or(Stop::Conflict)?;
            let paid = books.log.values().find(|log| log.order_id == sold.id && log.status == LogStatus::Success);
            let earlier: Vec<_> = books.refunds.values().filter(|log| log.order_id == sold.id).cloned().collect();
            let left = refund::left(&sold, &earlier);
            let some = left.minor > 1 && happens(500);
            let amount = some.then(|| Money::new(left.currency, between(1, left.minor)));
            let new = NewRefund { amount, note: None };
            let paid = paid.ok_or(Stop::Conflict)?;
            self.step(|moment| refund::begin(&persona, &sold, paid, &earlier, &new, moment))
        };
        let (changes, ..) = made.map_err(|_| Stop::Crypto)?;
        self.commit(changes).await?;
        count("refunds begun");
        Ok(())
    }

    /// Sends what is to be given back; never ends.
    pub(super) async fn keep_refunds(self: Rc<Self>) {
        loop {
            let open = |log: &&RefundLog| matches!(log.status, LogStatus::Attempt | LogStatus::Retry);
            let open: Vec<_> = self.disk.borrow().refunds.values().filter(open).cloned().collect();
            for log in open {
                if let Err(stop) = self.see_to(&log).await {
                    note(self.party, "gives back later", || stop.to_string());
                    sleep(PAUSES_MILLIS.0).await;
                }
            }
            sleep(LOOK_MILLIS).await;
        }
    }

    async fn see_to(&self, log: &RefundLog) -> Result<(), Stop> {
        let begun = self.begun(|purpose| matches!(purpose, Purpose::Refund(id) if *id == log.id));
        let pending = match begun {
            Some(pending) => pending,
            None => self.ask_anew(log).await?,
        };
        let log = self.disk.borrow().refunds.get(log.id.as_str()).cloned().ok_or(Stop::Conflict)?;
        let read = |pending: &Pending, reply: &[u8]| {
            refund::concluded(&log, pending, reply, self.now()).map(|(changes, _)| changes)
        };
        self.talk(&pending, read, |pending, fault| refund::refused(&log, pending, fault, self.now())).await
    }

    async fn ask_anew(&self, log: &RefundLog) -> Result<Pending, Stop> {
        let (persona, paid) = {
            let books = self.disk.borrow();
            (books.persona.clone().ok_or(Stop::Conflict)?, books.log.get(&log.payment).cloned().ok_or(Stop::Conflict)?)
        };
        let (changes, pending, _) =
            self.step(|moment| refund::again(&persona, log, &paid, moment)).map_err(|_| Stop::Crypto)?;
        self.commit(changes).await?;
        Ok(pending)
    }
}
