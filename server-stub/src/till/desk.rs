//! What all parts of a running till share: books, server, clock; and how a request finds its reply.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use merchant_widget::till::conversation::AnswerFault;
use merchant_widget::till::record::{Pending, Persona};
use merchant_widget::till::{Change, ChangeSet, Moment};
use protocol::date::Date;
use protocol::outcome::Problem;
use rand::rngs::SysRng;
use rand_core::UnwrapErr;
use thiserror::Error;

use super::server::{Server, ServerFault};
use super::store::{Store, StoreFault};

/// The first pause before something is sent again; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// The longest pause.
const LAST_PAUSE: Duration = Duration::from_secs(30);

/// Pauses that grow.
#[derive(Debug)]
pub struct Patience(Duration);

impl Default for Patience {
    /// Nothing has failed yet.
    fn default() -> Self {
        Self(FIRST_PAUSE)
    }
}

impl Patience {
    /// Waits, and will wait longer the next time.
    pub async fn wait(&mut self) {
        tokio::time::sleep(self.0).await;
        self.0 = (self.0 * 2).min(LAST_PAUSE);
    }
}

/// The server's clock, as far as it is known: our own until a reply tells otherwise.
#[derive(Debug, Default)]
pub struct Clock {
    ahead_millis: AtomicI64,
}

impl Clock {
    /// The server's time.
    pub fn now(&self) -> Date {
        Date::from_millis(own_millis().saturating_add(self.ahead_millis.load(Ordering::Relaxed)))
    }

    /// Learns the server's time from a reply.
    fn set(&self, server: Date) {
        self.ahead_millis.store(server.millis().saturating_sub(own_millis()), Ordering::Relaxed);
    }
}

fn own_millis() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Why a conversation with the server ended without success.
#[derive(Debug, Error)]
pub enum TalkFault {
    /// The server's word.
    #[error(transparent)]
    Answer(#[from] AnswerFault),
    /// The till's books.
    #[error(transparent)]
    Store(#[from] StoreFault),
    /// No request could be made.
    #[error(transparent)]
    Crypto(#[from] protocol::suite::CryptoFault),
    /// Nobody to talk to.
    #[error(transparent)]
    Server(#[from] ServerFault),
}

impl TalkFault {
    /// Whether a new request is worth sending, once [`Desk::mend`] has done its work.
    pub fn is_stale(&self) -> bool {
        matches!(self, Self::Answer(fault) if fault.is_stale())
    }
}

/// Books, server and clock.
#[derive(Debug)]
pub struct Desk {
    /// The books.
    pub store: Store,
    /// The payment server.
    pub server: Server,
    /// Its clock.
    pub clock: Clock,
}

impl Desk {
    /// Runs a step that makes something: with the time and random numbers of the system.
    pub fn step<T>(&self, step: impl FnOnce(&mut Moment<'_>) -> T) -> T {
        step(&mut Moment { now: self.clock.now(), rng: &mut UnwrapErr(SysRng) })
    }

    /// Sends a pending request, the same bytes as often as it takes, and books its reply.
    ///
    /// # Errors
    /// The server's refusal; what `refused` makes of it is booked, so that a new request can be made.
    pub async fn talk<T>(
        &self,
        pending: &Pending,
        read: impl Fn(&Pending, &[u8]) -> Result<(ChangeSet, T), AnswerFault>,
        refused: impl Fn(&Pending, &AnswerFault) -> ChangeSet,
    ) -> Result<T, TalkFault> {
        let message = pending.message()?.text;
        let mut patience = Patience::default();
        loop {
            let fault = match self.server.send(&message).await {
                Ok(reply) => match read(pending, &reply) {
                    Ok((changes, made)) => return self.store.commit(changes).await.map(|()| made).map_err(Into::into),
                    Err(fault) if !fault.is_passing() => return self.give_up(pending, fault, refused).await,
                    Err(fault) => fault.to_string(),
                },
                Err(fault) => fault.to_string(),
            };
            tracing::warn!("{fault}; sending again");
            patience.wait().await;
        }
    }

    /// The persona, with the server's key as it is now.
    ///
    /// # Errors
    /// The books cannot be read.
    pub async fn persona(&self) -> Result<Persona, StoreFault> {
        self.store.persona().await?.ok_or(StoreFault::Damaged("persona_320"))
    }

    /// Mends what made a request stale: the clock was set right already; a server key that the server does not know any
    /// more is fetched again.
    ///
    /// # Errors
    /// The server publishes no key of the persona's protocol, or another one than it knows itself.
    pub async fn mend(&self, fault: &TalkFault) -> Result<(), TalkFault> {
        let TalkFault::Answer(answer) = fault else { return Ok(()) };
        if answer.problem() != Some(&Problem::SERVERKEY_UNKNOWN) {
            return Ok(());
        }
        let persona = self.persona().await?;
        let published = self.server.published().await?;
        let key = published.key_for(persona.protocol).filter(|key| *key != persona.server_key);
        let key = key.ok_or(AnswerFault::Refused { problem: Problem::SERVERKEY_UNKNOWN, message: None })?;
        tracing::info!("the server has another key: {}", key.name.as_str());
        Ok(self.store.commit(vec![Change::PutServerKey(key)].into()).await?)
    }

    async fn give_up<T>(
        &self,
        pending: &Pending,
        fault: AnswerFault,
        refused: impl Fn(&Pending, &AnswerFault) -> ChangeSet,
    ) -> Result<T, TalkFault> {
        if let AnswerFault::ClockSkew(server) = &fault {
            self.clock.set(*server);
        }
        self.store.commit(refused(pending, &fault)).await?;
        Err(fault.into())
    }
}
