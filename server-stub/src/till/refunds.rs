//! Gives money back (RF1), and goes on with what was under way.

use std::sync::Arc;
use std::time::Duration;

use merchant_widget::till::record::{CollectionLog, LogStatus, Order, Pending, Purpose};
use merchant_widget::till::refund::{self, NewRefund, RefundFault, RefundLog};
use thiserror::Error;
use tokio::time::timeout;

use super::desk::{Desk, Patience, TalkFault};
use super::setup::pending;
use super::store::StoreFault;
use super::store::access::Answered;

/// How long whoever asks waits for the server's word; after that the refund is `attempt`, and goes on.
const PATIENCE: Duration = Duration::from_secs(15);

/// Why no refund begins.
#[derive(Debug, Error)]
pub enum Trouble {
    /// The order does not allow it.
    #[error(transparent)]
    Fault(#[from] RefundFault),
    /// The books.
    #[error(transparent)]
    Store(#[from] StoreFault),
}

/// Gives money back.
#[derive(Debug)]
pub struct Refunder {
    desk: Arc<Desk>,
}

impl Refunder {
    /// One that has not begun.
    pub fn new(desk: Arc<Desk>) -> Arc<Self> {
        Arc::new(Self { desk })
    }

    /// Goes on with every refund that is not decided.
    pub async fn resume(self: Arc<Self>) {
        let mut patience = Patience::default();
        let open = loop {
            match self.desk.store.open_refunds().await {
                Ok(open) => break open,
                Err(fault) => tracing::error!("{fault}"),
            }
            patience.wait().await;
        };
        for refund in open {
            tracing::info!("going on with refund {}", refund.id);
            tokio::spawn(self.clone().fly(refund));
        }
    }

    /// Begins a refund, keeps what is answered under an Idempotency-Key, and waits a while for the server's word. Yields
    /// the refund as it stands then.
    ///
    /// # Errors
    /// The order does not allow it; nothing has begun.
    pub async fn refund(
        self: &Arc<Self>,
        order: &Order,
        new: &NewRefund,
        answered: impl FnOnce(&RefundLog) -> Option<Answered>,
    ) -> Result<RefundLog, Trouble> {
        let store = &self.desk.store;
        let persona = self.desk.persona().await?;
        let payments = store.payments_of(&order.id).await?;
        let paid = payments.iter().find(|payment| payment.status == LogStatus::Success).ok_or(RefundFault::NotPaid)?;
        let earlier = store.refunds_of(&order.id).await?;
        let begun = self.desk.step(|moment| refund::begin(&persona, order, paid, &earlier, new, moment));
        let (changes, _, log) = begun?;
        store.commit_answered(changes, answered(&log)).await?;
        let begun = self.stored(&log).await?;
        let flight = tokio::spawn(self.clone().fly(begun));
        // Where patience ends, the flight goes on.
        let _ = timeout(PATIENCE, flight).await;
        Ok(self.stored(&log).await?)
    }

    async fn stored(&self, log: &RefundLog) -> Result<RefundLog, StoreFault> {
        self.desk.store.refund(log.id.as_str()).await?.ok_or(StoreFault::Damaged("cash_log_370_refunds"))
    }

    /// Sends RF1 until RF2 is booked; where the server did not look at it, another.
    async fn fly(self: Arc<Self>, log: RefundLog) {
        let mut patience = Patience::default();
        loop {
            match self.try_to_land(&log).await {
                Ok(()) => return,
                Err(fault) if fault.is_stale() => {
                    tracing::warn!("refund {}: {fault}; asking anew", log.id);
                    if let Err(fault) = self.desk.mend(&fault).await {
                        tracing::warn!("{fault}");
                    }
                }
                Err(TalkFault::Answer(fault)) => return tracing::warn!("refund {}: {fault}", log.id),
                Err(fault) => tracing::error!("refund {}: {fault}", log.id),
            }
            patience.wait().await;
        }
    }

    async fn try_to_land(&self, log: &RefundLog) -> Result<(), TalkFault> {
        let log = self.stored(log).await?;
        let ours = |purpose: &Purpose| matches!(purpose, Purpose::Refund(id) if *id == log.id);
        let (pending, log) = match (log.status, pending(&self.desk, ours).await?) {
            (LogStatus::Success | LogStatus::Failure, _) => return Ok(()),
            (_, Some(pending)) => (pending, log),
            (_, None) => self.anew(&log).await?,
        };
        let now = || self.desk.clock.now();
        let read = |pending: &Pending, reply: &[u8]| refund::concluded(&log, pending, reply, now());
        let refused = |pending: &Pending, fault: &_| refund::refused(&log, pending, fault, now());
        self.desk.talk(&pending, read, refused).await.map(drop)
    }

    async fn anew(&self, log: &RefundLog) -> Result<(Pending, RefundLog), TalkFault> {
        let persona = self.desk.persona().await?;
        let paid = self.desk.store.collection(&log.payment).await?;
        let paid: CollectionLog = paid.ok_or(StoreFault::Damaged("cash_log_370"))?;
        let (changes, pending, _) = self.desk.step(|moment| refund::again(&persona, log, &paid, moment))?;
        self.desk.store.commit(changes).await?;
        Ok((pending, self.stored(log).await?))
    }
}
