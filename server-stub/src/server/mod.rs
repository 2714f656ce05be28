//! The server computer 100: what becomes of a message.
//!
//! [`Server::handle`] is the shell: it loads records, calls a procedure, commits its change set, and only then answers. A
//! conflict means that something else came first: it loads again and decides again. Procedures are functions of records,
//! message, clock and random numbers, one file per process of the seed.
//!
//! | message | procedure | process |
//! | --- | --- | --- |
//! | R1 | `registration` | 401, fig. 8 |
//! | R1 of a persona | `modification` | 401, fig. 5G (`modification`) |
//! | BI1, BI3 | `binding` | 403, fig. 15 |
//! | LU1 | `funds` | 405, fig. 18 |
//! | OS1 | `opening` | 407, fig. 21 |
//! | CA2 | `collection` | 409, fig. 24; 1660, fig. 32; 3400, fig. 33 |
//! | CS1 | `closing` | 411, fig. 38 |
//! | AC1 | `autoclose` | the seed's autoclose passphrase, section I |
//! | RF1 | `refund` | docs/protocol.md, "Refunds" |
//! | ST1 | `statement` | docs/protocol.md, "Statements" |
//! | MR1 | `report` | steps 1220, 1310 ... (1) |
//!
//! Invariant: nothing is answered before it is stored, and what is answered once is answered the same again.

mod autoclose;
mod binding;
mod closing;
mod collection;
pub mod config;
mod draft;
pub mod epoch;
mod exchange;
pub mod fee;
mod funds;
mod key;
pub mod language;
mod modification;
mod opening;
pub mod policy;
mod refund;
mod refusal;
mod registration;
pub mod rehearsal;
mod report;
pub mod service;
pub mod setting;
mod statement;

use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use protocol::FormFault;
use protocol::Protocol;
use protocol::buggify::{Site, strikes};
use protocol::date::Date;
use protocol::envelope::Envelope;
use protocol::exchange::{OpenFault, OpenedRequest, write_error};
use protocol::keys::Published;
use protocol::message::autoclose::AutoclosePersona;
use protocol::message::binding::{BindAnswer, BindInstrument};
use protocol::message::funds::LoadUnload;
use protocol::message::key::KeyChange;
use protocol::message::payment::COLLECTION_TYPE;
use protocol::message::refund::RefundPayment;
use protocol::message::registration::Registration;
use protocol::message::report::MessageReport;
use protocol::message::session::{CloseSession, OpenSession};
use protocol::message::statement::StatementRequest;
use protocol::message::{ErrorMessage, Request, RequestHead};
use protocol::outcome::Problem;
use protocol::persona::PersonaId;
use protocol::suite::CryptoFault;
use protocol::template::Record;
use protocol::value::{Lines, Num, Reading};
use rand_core::CryptoRng;

pub use config::Config;

use self::draft::Draft;
use self::language::Language;
pub use self::policy::Policy;
use self::refusal::Refusal;
use crate::bank::Issuer;
use crate::door::lane::Lost;
use crate::door::{Door, PAUSE, TurnedAway};
use crate::keys::ServerKeys;
use crate::metrics::{self, Lane};
use crate::store::record::{LogEntry, LogKey};
use crate::store::{Change, ChangeSet, CommitError, Logged, Signer, Store, StoreError};
use crate::vault::{Vault, sha256};

/// A generator that may be kept while something is awaited.
pub type Rng = dyn CryptoRng + Send;

/// The server computer 100.
pub struct Server {
    store: Arc<dyn Store>,
    vault: Vault,
    bank: Box<dyn Issuer>,
    /// What the process was started with; the operator's settings in the store come on top.
    base: Policy,
    policy: RwLock<Arc<Policy>>,
    door: Door,
}

/// What goes back to whoever sent a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A message.
    Reply(String),
    /// Nothing: a report is not answered (MR1).
    NoContent,
    /// It was not a message; nothing was stored.
    Malformed(FormFault),
}

/// What keeps the server from a reply of the proper type; answered with `error` (protocol.md 6.13).
#[derive(Debug)]
enum Trouble {
    Problem(Problem),
    Refused(Refusal),
    Busy,
    Store(StoreError),
    Crypto,
}

/// What to commit, if anything, and the reply to send once it is.
type Decided = (Option<ChangeSet>, String);

/// How often a message was decided on.
#[derive(Default)]
struct Rounds(usize);

/// A message as it came.
struct Incoming {
    envelope: Arc<Envelope>,
    hash: [u8; 32],
    now: Date,
    address: Option<IpAddr>,
    /// What is in force while the message is answered, from first to last.
    policy: Arc<Policy>,
}

/// How often a decision is made anew because something else came first. Each round lets at least one of the racers
/// through, so this many can race for one session.
const MAX_ROUNDS: usize = 64;
/// How many personas one sweep settles.
const SWEEP: usize = 256;

impl Server {
    /// A server over a store; everyone may ask as often as they like.
    pub fn new(store: Arc<dyn Store>, keys: ServerKeys, vault: Vault, bank: Box<dyn Issuer>, config: Config) -> Self {
        let base = Policy { config, keys: Arc::new(keys) };
        let policy = RwLock::new(Arc::new(base.clone()));
        Self { store, vault, bank, base, policy, door: Door::open() }
    }

    /// The same server, refusing on request: for the sandbox's playground.
    pub fn rehearsing(mut self, rehearsal: rehearsal::Rehearsal) -> Self {
        self.base.config.rehearsal = Some(rehearsal);
        self.policy = RwLock::new(Arc::new(self.base.clone()));
        self
    }

    /// The same server behind a door.
    pub fn behind(self, door: Door) -> Self {
        Self { door, ..self }
    }

    /// The door.
    pub fn door(&self) -> &Door {
        &self.door
    }

    /// The store.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// What the server publishes of itself (protocol.md section 7).
    pub fn published(&self) -> Published {
        self.policy().published()
    }

    /// What is in force.
    pub fn policy(&self) -> Arc<Policy> {
        // Whoever panics while holding the lock has not changed what it guards.
        self.policy.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes note of what the operator has set in the store since: rates, fees, keys and the like. Every process that serves
    /// from the store does so once a second, so that is how long a change may take.
    ///
    /// # Errors
    /// The database failed, or a setting cannot be read; what was in force stays so.
    pub async fn refresh(&self, now: Date) -> Result<(), StoreError> {
        let settings = self.store.settings().await?;
        let policy = self
            .base
            .with(&settings, &self.policy(), &self.vault, now)
            .map_err(|fault| StoreError::Failed(fault.to_string()))?;
        *self.policy.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(policy);
        Ok(())
    }

    /// Answers a message of nobody knows whom.
    pub async fn handle(&self, message: &[u8], now: Date, rng: &mut Rng) -> Answer {
        self.handle_from(message, None, now, rng).await
    }

    /// Answers a message that came from an address.
    pub async fn handle_from(&self, message: &[u8], address: Option<IpAddr>, now: Date, rng: &mut Rng) -> Answer {
        let came = Instant::now();
        if self.door.is_shut_to(message) {
            return self.turned_away(message).await;
        }
        let (lane, answer) = match Envelope::parse(message) {
            Ok(envelope) => {
                let (envelope, hash, policy) = (Arc::new(envelope), sha256(message), self.policy());
                let incoming = Incoming { envelope, hash, now, address, policy };
                (incoming.lane(), self.answer_or_error(&incoming, rng).await)
            }
            Err(FormFault::UnknownProtocol(_)) => (Lane::Unread, Answer::Reply(unsupported(None))),
            Err(fault) => (Lane::Unread, Answer::Malformed(fault)),
        };
        metrics::answered(lane, &answer, came.elapsed());
        answer
    }

    /// `busy`, to a message of which nothing was read but the first line: what it asks, and of whom, is not repeated.
    async fn turned_away(&self, message: &[u8]) -> Answer {
        tokio::time::sleep(PAUSE).await;
        let protocol = Envelope::peek_protocol(message).unwrap_or(Protocol::V2);
        Answer::Reply(write_error(protocol, None, &Trouble::Busy.message(self.policy().config.language)))
    }

    async fn answer_or_error(&self, incoming: &Incoming, rng: &mut Rng) -> Answer {
        let envelope = &*incoming.envelope;
        if !incoming.policy.speaks(envelope.protocol) {
            return Answer::Reply(unsupported(Some(envelope)));
        }
        self.answer(incoming, rng).await.unwrap_or_else(|trouble| {
            let message = trouble.message(incoming.policy.config.language);
            metrics::decided("error", Some(&message.problem));
            Answer::Reply(write_error(envelope.protocol, Some(envelope), &message))
        })
    }

    async fn answer(&self, incoming: &Incoming, rng: &mut Rng) -> Result<Answer, Trouble> {
        match incoming.kind() {
            None => self.answer_sealed(incoming, rng).await,
            Some(COLLECTION_TYPE) => self.collect(incoming, rng).await,
            Some(_) => Err(Trouble::Problem(Problem::FORM)),
        }
    }

    async fn answer_sealed(&self, incoming: &Incoming, rng: &mut Rng) -> Result<Answer, Trouble> {
        let head = RequestHead::read(&incoming.envelope.pairs, "", Reading::of(incoming.envelope.protocol)).ok();
        let asks = head.as_ref().and_then(|head| Some((head.id.as_ref()?, head.transaction)));
        let (answered, signer) = self.asked_before(incoming, asks).await?;
        if let Some(reply) = answered {
            return Ok(Answer::Reply(reply));
        }
        let place = self.door.enter(incoming.address, asks.map(|(id, _)| id));
        if place.is_err() {
            tokio::time::sleep(PAUSE).await;
        }
        let _place = place?;
        let (envelope, keys) = (incoming.envelope.clone(), incoming.policy.keys.clone());
        let open = move || OpenedRequest::open(&envelope, |head, protocol| keys.find(&head.serverkey, protocol));
        let opened = Arc::new(self.door.lane().run(open).await??);
        match opened.kind() {
            Some(Registration::TYPE) if opened.head.id.is_some() => self.modify(incoming, &opened, signer, rng).await,
            Some(Registration::TYPE) => self.register(incoming, &opened, rng).await,
            Some(BindInstrument::TYPE) => self.exchange::<BindInstrument>(incoming, &opened, signer, rng).await,
            Some(BindAnswer::TYPE) => self.exchange::<BindAnswer>(incoming, &opened, signer, rng).await,
            Some(LoadUnload::TYPE) => self.exchange::<LoadUnload>(incoming, &opened, signer, rng).await,
            Some(OpenSession::TYPE) => self.exchange::<OpenSession>(incoming, &opened, signer, rng).await,
            Some(CloseSession::TYPE) => self.exchange::<CloseSession>(incoming, &opened, signer, rng).await,
            // Extensions of the seed, which 1.0 does not know.
            Some(RefundPayment::TYPE) if opened.protocol() == Protocol::V2 => {
                self.exchange::<RefundPayment>(incoming, &opened, signer, rng).await
            }
            Some(StatementRequest::TYPE) if opened.protocol() == Protocol::V2 => {
                self.exchange::<StatementRequest>(incoming, &opened, signer, rng).await
            }
            Some(KeyChange::TYPE) if opened.protocol() == Protocol::V2 => {
                self.exchange::<KeyChange>(incoming, &opened, signer, rng).await
            }
            Some(AutoclosePersona::TYPE) => self.autoclose(incoming, &opened, rng).await,
            Some(MessageReport::TYPE) => self.report(incoming, &opened).await,
            _ => Err(Trouble::Problem(Problem::FORM)),
        }
    }

    /// The reply to the very same message, if it was answered before; found without any cryptography. And what the persona
    /// that it names signs with, which is looked for in any case.
    async fn asked_before(
        &self,
        incoming: &Incoming,
        asks: Option<(&PersonaId, Num)>,
    ) -> Result<(Option<String>, Option<Signer>), Trouble> {
        let Some((id, transaction)) = asks else { return Ok((None, None)) };
        let key = LogKey::Persona(id.clone(), transaction.get());
        let (logged, signer) = self.store.answer_and_signer(&key, id).await?;
        let logged = logged.filter(|logged| logged.message_hash == incoming.hash);
        Ok((logged.map(|logged| logged.response), signer))
    }

    /// Commits what was decided and yields the reply; nothing if something else came first and it has to be decided anew.
    async fn commit(&self, (changes, reply): Decided, rounds: &mut Rounds) -> Result<Option<String>, Trouble> {
        let Some(changes) = changes else { return Ok(Some(reply)) };
        if strikes(Site::Overtaken) {
            return rounds.another();
        }
        match self.store.commit(changes).await {
            Ok(()) => Ok(Some(reply)),
            Err(CommitError::Conflict(conflict)) => {
                tracing::debug!(%conflict, "decided anew");
                rounds.another()
            }
            Err(CommitError::Busy) => Err(Trouble::Busy),
            Err(CommitError::Store(error)) => Err(error.into()),
        }
    }

    /// Ends sessions whose lifetime is over and clears loads, for every persona whose time has come. Messages do this
    /// for their own persona as well; the sweep is for those who send none.
    ///
    /// # Errors
    /// The database failed.
    pub async fn sweep(&self, now: Date) -> Result<usize, StoreError> {
        let due = self.store.due(now, SWEEP).await?;
        for id in &due {
            let Some(file) = self.store.persona(id).await? else { continue };
            match Draft::settled(file, now) {
                Ok(draft) if draft.is_idle() => {}
                Ok(draft) => match self.store.commit(draft.finish()).await {
                    Ok(()) => {}
                    // Somebody was faster; if anything is left to do, the next sweep finds it.
                    Err(error @ (CommitError::Conflict(_) | CommitError::Busy)) => {
                        tracing::debug!(%error, "swept later");
                    }
                    Err(CommitError::Store(error)) => return Err(error),
                },
                Err(error) => tracing::error!(%id, %error, "cannot be settled"),
            }
        }
        Ok(due.len())
    }
}

impl Rounds {
    /// Something else came first: it is decided anew, but not for ever.
    fn another(&mut self) -> Result<Option<String>, Trouble> {
        self.0 += 1;
        if self.0 < MAX_ROUNDS { Ok(None) } else { Err(Trouble::Busy) }
    }
}

impl Incoming {
    /// The type of a message in a session, which it names in the clear (step 906A); messages under a server key do not.
    fn kind(&self) -> Option<&str> {
        self.envelope.pairs.get("type")
    }

    fn lane(&self) -> Lane {
        if self.kind().is_some() { Lane::Session } else { Lane::Sealed }
    }

    /// Puts the message and its reply into the log (140).
    fn log(&self, key: LogKey, response: &str) -> Change {
        Change::Log(LogEntry { key, message_hash: self.hash, response: response.to_owned(), date: self.now })
    }

    /// The logged reply to the same bytes, or else what `reused` yields.
    fn same_or<E>(&self, logged: Logged, reused: impl FnOnce() -> Result<String, E>) -> Result<String, E> {
        if logged.message_hash == self.hash { Ok(logged.response) } else { reused() }
    }
}

/// `protocol-unsupported`, to whoever may understand it.
fn unsupported(envelope: Option<&Envelope>) -> String {
    write_error(Protocol::V2, envelope, &ErrorMessage::of(Problem::PROTOCOL_UNSUPPORTED))
}

impl Trouble {
    fn message(&self, language: Language) -> ErrorMessage {
        let refusal = match self {
            Self::Problem(problem) => Refusal::from(problem.clone()),
            Self::Refused(refusal) => refusal.clone(),
            Self::Busy => Problem::BUSY.into(),
            Self::Store(error) => {
                tracing::error!(%error, "a message could not be answered");
                Problem::INTERNAL.into()
            }
            Self::Crypto => Problem::INTERNAL.into(),
        };
        let refusal = refusal.told_in(language);
        let message = refusal.sentence().and_then(|sentence| Lines::of(sentence.as_str()));
        ErrorMessage { message, ..ErrorMessage::of(refusal.problem) }
    }
}

impl From<TurnedAway> for Trouble {
    fn from(_: TurnedAway) -> Self {
        Self::Busy
    }
}

impl From<Lost> for Trouble {
    fn from(_: Lost) -> Self {
        Self::Crypto
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Failed(_) => Self::Store(error),
            StoreError::Busy => Self::Busy,
        }
    }
}

impl From<CryptoFault> for Trouble {
    fn from(_: CryptoFault) -> Self {
        Self::Crypto
    }
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<OpenFault> for Trouble {
    fn from(fault: OpenFault) -> Self {
        match fault {
            OpenFault::Form(fault) => Self::Refused(Refusal::from(fault)),
            OpenFault::ServerKeyUnknown => Self::Problem(Problem::SERVERKEY_UNKNOWN),
            OpenFault::BadOpaque => Self::Problem(Problem::BAD_OPAQUE),
        }
    }
}
