//! Collects CA1s: those that wait together go out in one CA2, a lonely one goes at once.
//!
//! One task examines and assembles, so that no two payments of one order ever run. Each CA2 then is a flight of its own:
//! sent, and sent again, until its CA3 is booked. While all flights are in the air, CA1s gather for the next.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use merchant_widget::till::collection::{
    AssembleFault, Claim, ConcludeFault, Concluded, Underway, assemble, conclude, fitting,
};
use merchant_widget::till::payment::{Examined, examine, name_of, undecided};
use merchant_widget::till::record::{Batch, BatchId, Persona};
use protocol::buggify::{Site, strikes};
use protocol::collect::ReceivedPayment;
use protocol::message::payment::MAX_PAYMENTS;
use protocol::money::Currency;
use protocol::value::OrderId;
use thiserror::Error;
use tokio::sync::{Mutex as AsyncMutex, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::{Instant, timeout};

use super::desk::{Desk, Patience, TalkFault};
use super::sessions::Sessions;
use super::store::StoreFault;

/// How many CA2s are under way at once; more would only make smaller batches.
const FLIGHTS: usize = 4;
/// How many CA1s wait at most; a wallet that finds the queue full is told to come back.
const QUEUE: usize = 4_096;
/// CA1s that follow each other this closely are waited for, so that they share a CA2.
const CLOSE: Duration = Duration::from_millis(4);
/// How long a wallet is kept waiting before it is told to ask again; below what browsers and gateways allow.
const WALLET_PATIENCE: Duration = Duration::from_secs(25);
/// How long payments wait for a sales session before their wallets are told to ask again.
const SESSION_PATIENCE: Duration = Duration::from_secs(20);

/// A CA1 on its way into a CA2.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// The CA1.
    pub received: ReceivedPayment,
    /// As it came.
    pub text: String,
    /// The order of the address it came to.
    pub addressed: OrderId,
}

/// The collector.
#[derive(Debug)]
pub struct Collector {
    desk: Arc<Desk>,
    persona: Persona,
    sessions: Arc<Sessions>,
    /// Wallets that wait, under the names of their CA1s.
    waiting: Mutex<HashMap<String, Vec<oneshot::Sender<String>>>>,
    queue: mpsc::Sender<Incoming>,
    /// Held from loading records to committing what was made of them.
    books: AsyncMutex<()>,
    /// CA2s that are under way.
    flying: Mutex<HashSet<BatchId>>,
}

impl Collector {
    /// A collector, and the queue that [`Collector::run`] empties.
    pub fn new(desk: Arc<Desk>, persona: Persona, sessions: Arc<Sessions>) -> (Arc<Self>, mpsc::Receiver<Incoming>) {
        let (queue, receiver) = mpsc::channel(QUEUE);
        let waiting = Mutex::default();
        let collector =
            Self { desk, persona, sessions, waiting, queue, books: AsyncMutex::default(), flying: Mutex::default() };
        (Arc::new(collector), receiver)
    }

    /// Collects a CA1 and gives back the answer for its wallet.
    ///
    /// # Errors
    /// The books cannot be read.
    pub async fn pay(&self, incoming: Incoming) -> Result<String, StoreFault> {
        if let Examined::Answer(answer) = self.examine(&incoming).await?.0 {
            return Ok(answer);
        }
        let protocol = incoming.received.protocol;
        let (sender, answer) = oneshot::channel();
        self.waiting().entry(name_of(&incoming.received)).or_default().push(sender);
        let name = name_of(&incoming.received);
        if strikes(Site::TillQueueFull) || self.queue.try_send(incoming).is_err() {
            // Whoever else waits for this CA1 asks again as well: nobody is left behind in the list.
            self.tell(&name, None);
            return Ok(undecided(protocol));
        }
        let patience = if strikes(Site::EarlyTimer) { Duration::ZERO } else { WALLET_PATIENCE };
        let answer = timeout(patience, answer).await;
        Ok(answer.ok().and_then(Result::ok).unwrap_or_else(|| undecided(protocol)))
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, HashMap<String, Vec<oneshot::Sender<String>>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the wallets that wait for a CA1; without an answer they are told to ask again.
    fn tell(&self, payment: &str, answer: Option<&str>) {
        for sender in self.waiting().remove(payment).unwrap_or_default() {
            if let Some(answer) = answer {
                // A wallet that went away finds its answer in the books when it asks again.
                let _ = sender.send(answer.to_owned());
            }
        }
    }

    async fn examine(&self, incoming: &Incoming) -> Result<(Examined, Option<Claim>), StoreFault> {
        let Incoming { received, text, addressed } = incoming;
        let earlier = self.desk.store.collection(&name_of(received)).await?;
        let order = self.desk.store.order(&received.payment.order_id).await?;
        let now = self.desk.clock.now();
        let examined = examine(received, addressed, &self.persona, order.as_ref(), earlier.as_ref(), now);
        let claim = order.map(|order| Claim { received: received.clone(), ca1: text.clone(), order, earlier });
        Ok((examined, claim))
    }

    /// Goes on with what was under way, then collects what comes; never ends.
    pub async fn run(self: Arc<Self>, mut queue: mpsc::Receiver<Incoming>) {
        self.clone().resume().await;
        let flights = Arc::new(Semaphore::new(FLIGHTS));
        let mut last = None;
        while let Some(first) = queue.recv().await {
            let Ok(permit) = flights.clone().acquire_owned().await else { return };
            let gathered = gather(first, &mut queue, last).await;
            last = Some(Instant::now());
            self.dispatch(gathered, permit).await;
        }
    }

    /// Sends the CA2s again that have no CA3, the same bytes.
    async fn resume(self: Arc<Self>) {
        let mut patience = Patience::default();
        let unanswered = loop {
            match self.desk.store.unanswered().await {
                Ok(unanswered) => break unanswered,
                Err(fault) => tracing::error!("{fault}"),
            }
            patience.wait().await;
        };
        for batch in unanswered {
            self.launch(batch, None);
        }
    }

    /// Lets a CA2 fly that does not fly yet.
    fn launch(self: &Arc<Self>, batch: Batch, permit: Option<OwnedSemaphorePermit>) {
        if self.flying().insert(batch.id.clone()) {
            tokio::spawn(self.clone().fly(batch, permit));
        }
    }

    fn flying(&self) -> std::sync::MutexGuard<'_, HashSet<BatchId>> {
        self.flying.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Turns what was gathered into one flight; what does not fit into it queues again.
    async fn dispatch(self: &Arc<Self>, gathered: Vec<Incoming>, permit: OwnedSemaphorePermit) {
        let names: Vec<_> = gathered.iter().map(|incoming| name_of(&incoming.received)).collect();
        match self.assemble(&gathered).await {
            Ok(Tried::Made(batch)) => {
                self.sessions.look();
                self.launch(batch, Some(permit));
            }
            Ok(Tried::NoSession(currency, claims)) => {
                tokio::spawn(self.clone().wait_for_session(currency, claims));
            }
            Ok(Tried::Nothing | Tried::Overtaken) => {}
            Err(fault) => {
                tracing::error!("a collection could not be made: {fault}");
                for name in &names {
                    self.tell(name, None);
                }
                // A commit that is reported as failed may have happened: what it stored has to be sent.
                tokio::spawn(self.clone().resume());
            }
        }
    }

    /// Makes a CA2 of what fits into it.
    async fn assemble(&self, gathered: &[Incoming]) -> Result<Tried, TalkFault> {
        loop {
            match self.try_to_assemble(gathered).await? {
                Tried::Overtaken => {}
                tried => return Ok(tried),
            }
        }
    }

    /// Lets payments queue again once there is a session for them; payments in other currencies go on meanwhile.
    async fn wait_for_session(self: Arc<Self>, currency: Currency, claims: Vec<Claim>) {
        let found = self.sessions.usable(currency, SESSION_PATIENCE).await;
        if let Err(fault) = &found {
            tracing::error!("waiting for a sales session in {currency}: {fault}");
        }
        let found = found.is_ok_and(|session| session.is_some());
        for claim in claims {
            if found {
                self.queue_again(claim.received, claim.ca1);
            } else {
                self.tell(&name_of(&claim.received), None);
            }
        }
    }

    async fn try_to_assemble(&self, gathered: &[Incoming]) -> Result<Tried, TalkFault> {
        let _books = self.books.lock().await;
        let (claims, later) = fitting(self.claims(gathered).await?);
        let Some(first) = claims.first() else { return Ok(Tried::Nothing) };
        let currency = first.order.amount.currency;
        let made = match self.sessions.usable_now(currency).await? {
            Some(session) => self.desk.step(|moment| assemble(&self.persona, &session, &claims, moment)),
            None => Err(AssembleFault::UsedUp),
        };
        let tried = match made {
            Ok((changes, batch)) => match self.desk.store.commit(changes).await {
                Ok(()) => Tried::Made(batch),
                // The order was taken back meanwhile: examined again, it says so.
                Err(StoreFault::Conflict) => return Ok(Tried::Overtaken),
                Err(fault) => return Err(fault.into()),
            },
            Err(AssembleFault::UsedUp) => Tried::NoSession(currency, claims),
            Err(AssembleFault::Crypto(fault)) => return Err(fault.into()),
        };
        for claim in later {
            self.queue_again(claim.received, claim.ca1);
        }
        Ok(tried)
    }

    /// What of the gathered is to be collected; the rest is answered.
    async fn claims(&self, gathered: &[Incoming]) -> Result<Vec<Claim>, StoreFault> {
        let mut claims = Vec::with_capacity(gathered.len());
        for incoming in gathered {
            match self.examine(incoming).await? {
                (Examined::Answer(answer), _) => self.tell(&name_of(&incoming.received), Some(&answer)),
                (Examined::OnItsWay, _) => {}
                (Examined::Collect, claim) => claims.extend(claim),
            }
        }
        Ok(claims)
    }

    fn queue_again(&self, received: ReceivedPayment, text: String) {
        let (name, addressed) = (name_of(&received), received.payment.order_id.clone());
        if self.queue.try_send(Incoming { received, text, addressed }).is_err() {
            self.tell(&name, None);
        }
    }

    /// Sends a CA2, the same bytes as often as it takes, until its CA3 is booked.
    async fn fly(self: Arc<Self>, batch: Batch, permit: Option<OwnedSemaphorePermit>) {
        let mut patience = Patience::default();
        loop {
            let landed = match self.desk.server.send(&batch.ca2).await {
                Ok(reply) => self.land(&batch.id, &reply).await.map_err(|fault| fault.to_string()),
                Err(fault) => Err(fault.to_string()),
            };
            let Err(fault) = landed else { break };
            tracing::warn!("a collection of {}: {fault}; sending it again", batch.payments);
            patience.wait().await;
        }
        self.flying().remove(&batch.id);
        drop(permit);
    }

    /// Books a CA3 and answers the wallets; payments whose session was over queue for another one.
    async fn land(&self, id: &BatchId, reply: &[u8]) -> Result<(), LandFault> {
        let books = self.books.lock().await;
        let underway = self.desk.store.underway(id).await?;
        let concluded = conclude(&underway, reply, self.desk.clock.now())?;
        let (changes, answers) = match concluded {
            Concluded::Decided(changes, answers) => (changes, Some(answers)),
            Concluded::SessionOver(changes) => (changes, None),
        };
        self.desk.store.commit(changes).await?;
        drop(books);
        let Some(answers) = answers else {
            self.collect_again(underway);
            return Ok(());
        };
        for (payment, answer) in &answers {
            self.tell(payment, Some(answer));
        }
        Ok(())
    }

    fn collect_again(&self, underway: Underway) {
        self.sessions.look();
        for (log, _) in underway.entries {
            match ReceivedPayment::read(log.ca1.as_bytes()) {
                Ok(received) => self.queue_again(received, log.ca1),
                Err(fault) => tracing::error!("a CA1 in the books cannot be read: {fault}"),
            }
        }
    }
}

/// Why an answer to a CA2 was not booked; the CA2 is sent again.
#[derive(Debug, Error)]
enum LandFault {
    #[error(transparent)]
    Store(#[from] StoreFault),
    #[error(transparent)]
    Conclude(#[from] ConcludeFault),
}

/// What an attempt to make a CA2 came to.
enum Tried {
    /// It is stored and can be sent.
    Made(Batch),
    /// Everything was answered.
    Nothing,
    /// There is no session in that currency for these.
    NoSession(Currency, Vec<Claim>),
    /// A record changed meanwhile.
    Overtaken,
}

/// Takes what waits in the queue. Where the last CA2 was made a moment ago, more is likely to follow: a moment's patience
/// then lets it share this one.
async fn gather<T>(first: T, queue: &mut mpsc::Receiver<T>, last: Option<Instant>) -> Vec<T> {
    let mut gathered = vec![first];
    if last.is_some_and(|last| last.elapsed() < CLOSE) {
        tokio::time::sleep(CLOSE).await;
    }
    while gathered.len() < MAX_PAYMENTS {
        let Ok(next) = queue.try_recv() else { break };
        gathered.push(next);
    }
    gathered
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn a_lonely_payment_goes_at_once() {
        let (_sender, mut queue) = mpsc::channel::<u32>(1);
        for last in [None, Instant::now().checked_sub(Duration::from_secs(1))] {
            // Ready without waiting even once.
            assert_eq!(gather(1, &mut queue, last).now_or_never(), Some(vec![1]));
        }
    }

    #[tokio::test]
    async fn payments_that_follow_closely_are_waited_for() {
        let (sender, mut queue) = mpsc::channel(1);
        let gathering = gather(1, &mut queue, Some(Instant::now() + Duration::from_hours(1)));
        let (gathered, sent) = tokio::join!(gathering, sender.send(2));
        sent.expect("a queue");
        assert_eq!(gathered, [1, 2]);
    }

    #[tokio::test]
    async fn what_waits_goes_together_as_far_as_a_ca2_holds_it() {
        let (sender, mut queue) = mpsc::channel(300);
        for n in 1..300 {
            sender.try_send(n).expect("room");
        }
        let gathered = gather(0, &mut queue, None).await;
        assert_eq!((gathered.len(), gathered.last()), (255, Some(&254)));
    }
}
