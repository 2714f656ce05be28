//! Keeps a usable sales session in every currency of the till (opening 407).

use std::sync::Arc;
use std::time::Duration;

use merchant_widget::till::record::{Pending, Purpose, SalesSession};
use merchant_widget::till::session::{self, SessionLimits};
use protocol::money::Currency;
use tokio::sync::{Mutex, Notify};
use tokio::time::timeout;

use super::desk::{Desk, TalkFault};
use super::setup::pending;

/// How often the sessions are looked at when nothing else asks for it; far less than the tenth of a session's time that
/// is kept spare.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How long after a refusal the next session is asked for.
const AFTER_REFUSAL: Duration = Duration::from_secs(10);

/// The keeper of sales sessions.
#[derive(Debug)]
pub struct Sessions {
    desk: Arc<Desk>,
    currencies: Vec<Currency>,
    limits: SessionLimits,
    /// Somebody wants the sessions to be looked at.
    wanted: Notify,
    /// A session was opened.
    opened: Notify,
    /// Held from looking for an OS1 to booking its OS2: two that book the same one stand in each other's way.
    opening: Mutex<()>,
}

impl Sessions {
    /// A keeper that has not begun.
    pub fn new(desk: Arc<Desk>, currencies: Vec<Currency>, limits: SessionLimits) -> Self {
        Self { desk, currencies, limits, wanted: Notify::new(), opened: Notify::new(), opening: Mutex::default() }
    }

    /// Opens sessions whenever one is needed; never ends.
    pub async fn keep(&self) {
        loop {
            for currency in &self.currencies {
                if let Err(fault) = self.look_after(*currency).await {
                    tracing::error!("opening a sales session in {currency}: {fault}");
                    let mended = self.desk.mend(&fault).await;
                    if !fault.is_stale() || mended.is_err() {
                        tokio::time::sleep(AFTER_REFUSAL).await;
                    }
                }
            }
            // Running out of time is as good as being asked.
            let _ = timeout(LOOK_EVERY, self.wanted.notified()).await;
        }
    }

    async fn look_after(&self, currency: Currency) -> Result<(), TalkFault> {
        let _opening = self.opening.lock().await;
        let begun = self.begun(currency).await?;
        let sessions = self.desk.store.sessions().await?;
        if begun.is_none() && !session::needs_next(&sessions, currency, self.desk.clock.now()) {
            return Ok(());
        }
        self.open(currency, begun).await
    }

    /// Opens a session whether one is needed or not, so that those there are can be closed. One that is being opened will
    /// do.
    ///
    /// # Errors
    /// The server refused.
    pub async fn renew(&self, currency: Currency) -> Result<(), TalkFault> {
        let _opening = self.opening.lock().await;
        let begun = self.begun(currency).await?;
        self.open(currency, begun).await
    }

    /// The opening that has no reply yet.
    async fn begun(&self, currency: Currency) -> Result<Option<Pending>, TalkFault> {
        pending(&self.desk, |purpose| matches!(purpose, Purpose::Opening(other) if *other == currency)).await
    }

    async fn open(&self, currency: Currency, begun: Option<Pending>) -> Result<(), TalkFault> {
        let pending = match begun {
            Some(pending) => pending,
            None => self.request(currency).await?,
        };
        self.opened(&pending).await
    }

    async fn opened(&self, pending: &Pending) -> Result<(), TalkFault> {
        let persona = self.desk.persona().await?;
        let Purpose::Opening(currency) = pending.purpose else { return Ok(()) };
        let read = |pending: &Pending, reply: &[u8]| session::opened(&persona, pending, reply);
        let refused = |pending: &Pending, fault: &_| session::refused(pending, fault, &self.limits);
        let opened = self.desk.talk(pending, read, refused).await?;
        let (uses, minutes) = (opened.use_limit.get(), opened.lifetime_minutes.get());
        tracing::info!("sales session in {currency} open: {uses} collections, {minutes} minutes");
        self.opened.notify_waiters();
        Ok(())
    }

    async fn request(&self, currency: Currency) -> Result<Pending, TalkFault> {
        let persona = self.desk.persona().await?;
        let made = self.desk.step(|moment| session::open(&persona, currency, &self.limits, moment));
        let (changes, pending) = made?;
        self.desk.store.commit(changes).await?;
        Ok(pending)
    }

    /// Asks for a look at the sessions, since one was used.
    pub fn look(&self) {
        self.wanted.notify_one();
    }

    /// A session to collect in, waiting for one at most `patience`.
    ///
    /// # Errors
    /// The books cannot be read.
    pub async fn usable(&self, currency: Currency, patience: Duration) -> Result<Option<SalesSession>, TalkFault> {
        let found = timeout(patience, self.wait_for(currency)).await;
        found.unwrap_or(Ok(None))
    }

    async fn wait_for(&self, currency: Currency) -> Result<Option<SalesSession>, TalkFault> {
        loop {
            let opened = self.opened.notified();
            tokio::pin!(opened);
            // Counted from here on, so that no opening between the look and the wait is missed.
            opened.as_mut().enable();
            if let Some(session) = self.usable_now(currency).await? {
                return Ok(Some(session));
            }
            self.look();
            opened.await;
        }
    }

    /// A session to collect in, if there is one.
    ///
    /// # Errors
    /// The books cannot be read.
    pub async fn usable_now(&self, currency: Currency) -> Result<Option<SalesSession>, TalkFault> {
        let sessions = self.desk.store.sessions().await?;
        Ok(session::pick(&sessions, currency, self.desk.clock.now()).cloned())
    }
}
