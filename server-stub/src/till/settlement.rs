//! Brings what was earned to the bank account, now and then, or when asked.

use std::sync::Arc;
use std::time::Duration;

use merchant_widget::till::record::{Pending, Purpose, SalesSession};
use merchant_widget::till::settlement::{self, Settlement};
use protocol::message::statement::{Mark, StatementResponse};
use protocol::money::{Currency, Money};
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};

use super::desk::{Desk, Patience, TalkFault};
use super::sessions::Sessions;
use super::store::StoreFault;

/// How long CA2s that are under way in a session may take before it is left to end by itself.
const LAST_COLLECTIONS: Duration = Duration::from_mins(1);
/// How often they are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long after a fault a settlement that is due is tried again: a server that is down for a while is back by then.
const AFTER_FAULT: Duration = Duration::from_mins(1);

/// Settles.
#[derive(Debug)]
pub struct Settler {
    desk: Arc<Desk>,
    sessions: Arc<Sessions>,
    currencies: Vec<Currency>,
    /// What stays in the containers, for refunds.
    keep: Vec<Money>,
    /// One settlement at a time.
    busy: Mutex<()>,
}

impl Settler {
    /// One that has not begun.
    pub fn new(desk: Arc<Desk>, sessions: Arc<Sessions>, currencies: Vec<Currency>, keep: Vec<Money>) -> Arc<Self> {
        Arc::new(Self { desk, sessions, currencies, keep, busy: Mutex::default() })
    }

    /// Settles every so often, and goes on with what was begun before the last end; never ends.
    pub async fn keep(self: Arc<Self>, every: Option<Duration>) {
        let mut patience = Patience::default();
        while let Err(fault) = self.go_on().await {
            tracing::warn!("a settlement that was begun: {fault}");
            if fault.is_stale() {
                let _ = self.desk.mend(&fault).await;
            }
            patience.wait().await;
        }
        let Some(every) = every else { return };
        loop {
            if let Err(fault) = self.settle_when_due(every).await {
                tracing::error!("settling: {fault}");
                sleep(AFTER_FAULT.min(every)).await;
            }
        }
    }

    async fn settle_when_due(&self, every: Duration) -> Result<(), TalkFault> {
        let wait = self.due_in(every).await?;
        if wait.is_zero() {
            return self.settle().await.map(drop);
        }
        sleep(wait).await;
        Ok(())
    }

    /// How long until settling is due. When it was done last is in the books, so that a till that is started anew every
    /// night settles all the same, and one that was killed on the way goes on at once.
    async fn due_in(&self, every: Duration) -> Result<Duration, StoreFault> {
        let now = crate::http::now();
        let Some(last) = self.desk.store.settled().await? else {
            self.desk.store.put_settled(now).await?;
            return Ok(every);
        };
        let passed = u64::try_from(now.millis().saturating_sub(last.millis())).unwrap_or_default();
        Ok(every.saturating_sub(Duration::from_millis(passed)))
    }

    /// Closes the sessions that have earned something, once others are open, and unloads what the containers hold beyond
    /// what is to be kept.
    ///
    /// # Errors
    /// The server refused a part; what was done stays done.
    pub async fn settle(&self) -> Result<Vec<Settlement>, TalkFault> {
        let made = match self.try_to_settle().await {
            Err(fault) if fault.is_stale() => {
                self.desk.mend(&fault).await?;
                self.try_to_settle().await
            }
            other => other,
        }?;
        self.desk.store.put_settled(crate::http::now()).await?;
        Ok(made)
    }

    async fn try_to_settle(&self) -> Result<Vec<Settlement>, TalkFault> {
        let _busy = self.busy.lock().await;
        self.finish_pending().await?;
        for currency in &self.currencies {
            self.close_sessions(*currency).await?;
        }
        let statement = self.statement(None).await?;
        let mut made = Vec::new();
        for container in statement.containers.0 {
            let currency = container.available.currency;
            let kept = self.keep.iter().filter(|keep| keep.currency == currency).map(|keep| keep.minor).max();
            let surplus = container.available.minor - kept.unwrap_or_default();
            if surplus > 0 {
                made.push(self.unload(Money::new(currency, surplus)).await?);
            }
        }
        Ok(made)
    }

    /// Asks the server for a statement.
    ///
    /// # Errors
    /// It refused, or cannot be reached.
    pub async fn statement(&self, after: Option<Mark>) -> Result<StatementResponse, TalkFault> {
        let persona = self.desk.persona().await?;
        let sent = self.desk.step(|moment| settlement::ask(&persona, after, moment))?.message()?;
        let reply = self.desk.server.send(&sent.text).await?;
        Ok(settlement::told(&sent, &reply)?)
    }

    async fn go_on(&self) -> Result<(), TalkFault> {
        let _busy = self.busy.lock().await;
        self.finish_pending().await
    }

    async fn finish_pending(&self) -> Result<(), TalkFault> {
        for pending in self.desk.store.pending().await? {
            match &pending.purpose {
                Purpose::Closing(_) => self.close(&pending).await?,
                Purpose::Settlement => drop(self.finish_unload(&pending).await?),
                _ => {}
            }
        }
        Ok(())
    }

    /// Opens another session, and closes those that have earned something.
    async fn close_sessions(&self, currency: Currency) -> Result<(), TalkFault> {
        let earned = |session: &SalesSession| session.current.currency == currency && session.current.minor > 0;
        let sessions: Vec<_> = self.desk.store.sessions().await?.into_iter().filter(earned).collect();
        if sessions.is_empty() {
            return Ok(());
        }
        self.sessions.renew(currency).await?;
        for session in sessions {
            let persona = self.desk.persona().await?;
            let (changes, pending) = self.desk.step(|moment| settlement::close(&persona, &session, moment))?;
            match self.desk.store.commit(changes).await {
                // A collection went out in it meanwhile: the next settlement closes it.
                Err(StoreFault::Conflict) => {}
                other => {
                    other?;
                    self.close(&pending).await?;
                }
            }
        }
        Ok(())
    }

    /// Sends CS1, once everything in the session has its answer.
    async fn close(&self, pending: &Pending) -> Result<(), TalkFault> {
        let Purpose::Closing(session) = &pending.purpose else { return Ok(()) };
        let calm = async {
            while self.desk.store.under_way_in(session).await? > 0 {
                sleep(LOOK_EVERY).await;
            }
            Ok::<_, StoreFault>(())
        };
        if let Ok(calm) = timeout(LAST_COLLECTIONS, calm).await {
            calm?;
            let read = |pending: &Pending, reply: &[u8]| settlement::closed(pending, reply);
            let closed = self.desk.talk(pending, read, |pending, _| settlement::not_closed(pending)).await;
            return match closed {
                Err(TalkFault::Answer(fault)) => {
                    tracing::warn!("a sales session was not closed: {fault}");
                    Ok(())
                }
                other => other,
            };
        }
        tracing::warn!("a sales session has collections under way; it is left to end by itself");
        Ok(self.desk.store.commit(settlement::not_closed(pending)).await?)
    }

    async fn unload(&self, amount: Money) -> Result<Settlement, TalkFault> {
        let persona = self.desk.persona().await?;
        let instrument = self.desk.store.instrument().await?.ok_or(StoreFault::Damaged("instrument_330"))?;
        let made = self.desk.step(|moment| settlement::unload(&persona, &instrument, amount, moment));
        let (changes, pending, _) = made?;
        self.desk.store.commit(changes).await?;
        self.finish_unload(&pending).await
    }

    /// Sends LU1 until LU2 is booked. A refusal is a settlement that failed, not a fault.
    async fn finish_unload(&self, pending: &Pending) -> Result<Settlement, TalkFault> {
        let number = pending.transaction.get();
        let log = self.settlement(number).await?;
        let now = || self.desk.clock.now();
        let read = |pending: &Pending, reply: &[u8]| settlement::unloaded(&log, pending, reply, now());
        let refused = |pending: &Pending, fault: &_| settlement::not_unloaded(&log, pending, fault, now());
        match self.desk.talk(pending, read, refused).await {
            Err(fault) if !matches!(fault, TalkFault::Answer(_)) => Err(fault),
            _ => Ok(self.settlement(number).await?),
        }
    }

    async fn settlement(&self, number: u64) -> Result<Settlement, StoreFault> {
        self.desk.store.settlement(number).await?.ok_or(StoreFault::Damaged("settlement"))
    }
}
