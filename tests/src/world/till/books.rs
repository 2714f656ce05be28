//! What a till keeps on its disk.

use std::collections::BTreeMap;

use merchant_widget::till::collection::Underway;
use merchant_widget::till::record::{
    Batch, CollectionLog, Instrument, LogStatus, Order, Pending, Persona, SalesSession,
};
use merchant_widget::till::refund::RefundLog;
use merchant_widget::till::settlement::Settlement;
use merchant_widget::till::{Change, ChangeSet};

/// What a till keeps on its disk.
#[derive(Clone, Default)]
pub struct Books {
    /// Record 320.
    pub persona: Option<Persona>,
    /// Record 330.
    pub instrument: Option<Instrument>,
    /// Records 360.
    pub sessions: Vec<SalesSession>,
    /// Records 320N.
    pub pending: Vec<Pending>,
    /// Records 350.
    pub orders: BTreeMap<String, Order>,
    /// Records 370.
    pub log: BTreeMap<String, CollectionLog>,
    /// CA2s.
    pub batches: Vec<Batch>,
    /// What goes back.
    pub refunds: BTreeMap<String, RefundLog>,
    /// What goes to the bank, by its transaction.
    pub settlements: BTreeMap<u64, Settlement>,
}

/// Somebody was faster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Conflict;

impl Books {
    fn fits(&self, change: &Change) -> bool {
        match change {
            Change::PutOrder(order) => order.version.0 == self.orders.get(order.id.as_str()).map_or(0, |o| o.version.0),
            Change::PutSession(session) => {
                let stored = self.sessions.iter().find(|stored| stored.id == session.id);
                session.version.0 == stored.map_or(0, |stored| stored.version.0)
            }
            Change::PutCollection(log) => log.version.0 == self.log.get(&log.payment).map_or(0, |log| log.version.0),
            Change::PutSettlement(settlement) => {
                let stored = self.settlements.get(&settlement.transaction.get());
                settlement.version.0 == stored.map_or(0, |stored| stored.version.0)
            }
            Change::PutRefund(log) => log.version.0 == self.refunds.get(log.id.as_str()).map_or(0, |log| log.version.0),
            _ => true,
        }
    }

    /// Stores all of a change set, or nothing.
    pub(super) fn apply(&mut self, changes: ChangeSet) -> Result<(), Conflict> {
        if !changes.0.iter().all(|change| self.fits(change)) {
            return Err(Conflict);
        }
        for change in changes.0 {
            self.put(change);
        }
        Ok(())
    }

    fn put(&mut self, change: Change) {
        match change {
            Change::PutPersona(persona) => self.persona = Some(persona),
            Change::PutInstrument(instrument) => self.instrument = Some(instrument),
            Change::PutPending(pending) => self.pending.push(pending),
            Change::DeletePending(transaction) => self.pending.retain(|pending| pending.transaction != transaction),
            Change::PutOrder(mut order) => {
                order.version.0 += 1;
                self.orders.insert(order.id.to_string(), order);
            }
            Change::PutSession(mut session) => {
                session.version.0 += 1;
                self.sessions.retain(|stored| stored.id != session.id);
                self.sessions.push(session);
            }
            Change::PutCollection(mut log) => {
                log.version.0 += 1;
                self.log.insert(log.payment.clone(), log);
            }
            Change::PutBatch(batch) => {
                self.batches.retain(|stored| stored.id != batch.id);
                self.batches.push(batch);
            }
            Change::PutServerKey(key) => {
                if let Some(persona) = &mut self.persona {
                    persona.server_key = key;
                }
            }
            Change::PutRefund(mut log) => {
                log.version.0 += 1;
                self.refunds.insert(log.id.as_str().to_owned(), log);
            }
            Change::PutSettlement(mut settlement) => {
                settlement.version.0 += 1;
                self.settlements.insert(settlement.transaction.get(), settlement);
            }
            // A log that no step reads again.
            Change::PutOpening(_) => {}
        }
    }

    /// What lies on its disk but its own keys and its own account, which its LU1s name: its owner's, like the till.
    pub fn text(&self) -> String {
        let requests: Vec<_> = self.pending.iter().map(|pending| serde_json::json!(pending.request)).collect();
        let (orders, log, batches) = (&self.orders, &self.log, &self.batches);
        let (refunds, settlements) = (&self.refunds, &self.settlements);
        format!("{requests:?} {orders:?} {log:?} {batches:?} {refunds:?} {settlements:?}")
    }

    /// Whether a CA1 has its final answer.
    pub fn is_decided(&self, payment: &str) -> bool {
        self.log.get(payment).is_some_and(|log| matches!(log.status, LogStatus::Success | LogStatus::Failure))
    }

    /// A CA2 with all that its CA3 decides.
    pub(super) fn underway(&self, batch: &Batch) -> Option<Underway> {
        let session = self.sessions.iter().find(|session| session.id == batch.id.session)?.clone();
        let of_batch = |log: &&CollectionLog| log.batch == batch.id;
        let mut logs: Vec<_> = self.log.values().filter(of_batch).cloned().collect();
        logs.sort_by_key(|log| log.position);
        let with_order = |log: CollectionLog| Some((log.clone(), self.orders.get(log.order_id.as_str())?.clone()));
        Some(Underway { batch: batch.clone(), session, entries: logs.into_iter().filter_map(with_order).collect() })
    }
}
