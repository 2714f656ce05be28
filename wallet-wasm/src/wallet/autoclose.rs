//! Closing a persona whose keys are lost, from a new wallet: AC1 and AC2 (protocol.md 6.11).
//!
//! | state | after a crash |
//! | --- | --- |
//! | no record | nothing was sent, or all of it is over |
//! | pending record 257 | it may have been sent: the same passphrase typed again sends the same bytes again |
//!
//! A persona that is closed already is what was wanted: nothing is left to be done.

use protocol::date::Date;
use protocol::exchange::{ReplyFault, SentRequest, StoredRequest, seal};
use protocol::keys::ServerKey;
use protocol::message::autoclose::{AutoclosePersona, AutocloseResponse};
use protocol::message::{Reply as _, RequestHead, ServiceCategory};
use protocol::outcome::{Problem, ResponseCode};
use protocol::persona::PersonaId;
use protocol::store::{ChangeSet, Store};
use protocol::value::{Reading, Value as _};
use wallet_messages::{Autoclose, AutocloseWaiting, Autoclosed};
use zeroize::Zeroizing;

use super::books::one;
use super::conversation::heard;
use super::registration::autoclose_passphrase;
use super::step::{Env, Settled, problem_of, refusal, software, transaction};
use super::view::money_view;
use super::{Wallet, server};
use crate::fault::WalletFault;
use crate::json;
use crate::record::recovery::PendingAutoclose;
use crate::record::{Held, RecordChanges as _};
use crate::vault::{Cost, VaultFault, VaultRecord};
use crate::world::World;

/// What AC1 is made of.
struct Wish {
    server: String,
    persona: PersonaId,
    passphrase: String,
}

impl Wish {
    fn of(input: Autoclose) -> Result<Self, WalletFault> {
        let Autoclose { server, persona, passphrase } = input;
        let persona = persona.trim().to_ascii_lowercase();
        let persona = PersonaId::parse(&persona, Reading::STRICT).ok_or(WalletFault::FieldForm("persona"))?;
        autoclose_passphrase(Some(&passphrase))?.ok_or(WalletFault::FieldForm("autoclose-passphrase"))?;
        Ok(Self { server: server::normalised(&server)?, persona, passphrase })
    }

    fn is(&self, pending: &PendingAutoclose) -> bool {
        pending.server == self.server && pending.persona == self.persona
    }
}

/// AC1 and its pending record.
fn first_message(
    wish: &Wish,
    key: &ServerKey,
    server_date: Date,
    cost: Cost,
    env: &mut Env<'_>,
) -> Result<PendingAutoclose, WalletFault> {
    let passphrase = autoclose_passphrase(Some(&wish.passphrase))?;
    let body = AutoclosePersona {
        server_date,
        swversion: software(),
        passphrase: passphrase.ok_or(WalletFault::FieldForm("autoclose-passphrase"))?,
    };
    let transaction = transaction(env);
    let head = RequestHead {
        id: Some(wish.persona.clone()),
        transaction,
        date: env.now,
        serverkey: key.name.clone(),
        service_category: ServiceCategory::of("admin"),
    };
    let sent = seal(&head, &body, key, None, env.rng)?;
    let json = serde_json::to_vec(&StoredRequest::from(&sent)).map(Zeroizing::new);
    let json = json.map_err(|fault| WalletFault::Storage(fault.to_string()))?;
    let (lock, vault) = VaultRecord::create_of_any_length(&wish.passphrase, cost, env.rng)?;
    let original = vault.seal(PendingAutoclose::ORIGINAL, PendingAutoclose::KEY, &json, env.rng);
    let (server, persona, protocol) = (wish.server.clone(), wish.persona.clone(), key.protocol);
    Ok(PendingAutoclose { transaction: transaction.get(), at: env.now, server, persona, protocol, lock, original })
}

impl PendingAutoclose {
    /// The message as it was sent, for whoever knows the passphrase.
    fn sent(&self, passphrase: &str) -> Result<SentRequest, VaultFault> {
        let json = self.lock.unlock(passphrase)?.open(Self::ORIGINAL, Self::KEY, &self.original)?;
        let stored: Option<StoredRequest> = json::read(json.expose()).ok();
        stored.and_then(|stored| stored.restore()).ok_or(VaultFault::Damaged)
    }
}

/// What follows from a reply, and what it says of the server's clock.
fn settle(held: &Held<PendingAutoclose>, sent: &SentRequest, bytes: &[u8]) -> (Settled<Autoclosed>, Option<Date>) {
    let mut changes = ChangeSet::new();
    let persona = held.record.persona.as_str().to_owned();
    let reply = match sent.read_reply::<AutocloseResponse>(bytes) {
        Ok(reply) => reply,
        Err(ReplyFault::Refused(error)) => {
            let result = Err(WalletFault::NoAnswer { heard: Some(heard(&error)), money: true });
            return (Settled { changes, result }, None);
        }
        Err(_) => return (Settled { changes, result: Err(WalletFault::AnswerUnreadable { money: true }) }, None),
    };
    let outcome = reply.outcome();
    let result = match problem_of(&outcome) {
        None => Ok(Autoclosed { persona, amount: reply.amount.map(money_view) }),
        Some(problem) if problem == Problem::PERSONA_CLOSED => Ok(Autoclosed { persona, amount: None }),
        Some(_) if outcome.response == ResponseCode::Retry => Err(WalletFault::NoAnswer { heard: None, money: true }),
        Some(_) => Err(refusal(&outcome)),
    };
    if !matches!(result, Err(WalletFault::NoAnswer { .. })) {
        changes.remove(held);
    }
    (Settled { changes, result }, Some(reply.server_date))
}

/// An autoclose that waits, as the pages see it.
pub fn waiting(pending: &PendingAutoclose) -> AutocloseWaiting {
    let PendingAutoclose { server, persona, at, .. } = pending;
    AutocloseWaiting { server: server.clone(), persona: persona.as_str().to_owned(), since: at.millis() }
}

impl<S: Store, W: World> Wallet<S, W> {
    /// Closes a persona by its autoclose passphrase, and sends its cash to its autoclose instrument.
    ///
    /// # Errors
    /// There is a persona in this wallet, the server cannot be reached, or it refuses.
    pub async fn autoclose(&self, input: Autoclose) -> Result<Autoclosed, WalletFault> {
        let wish = Wish::of(input)?;
        if self.books().await?.persona.is_some() {
            return Err(WalletFault::AlreadyRegistered);
        }
        let (result, told) = self.ask_to_close(&wish, None).await?;
        match (result, told) {
            // The refusal has set our idea of the server's clock right.
            (Err(fault), Some(told)) if fault == WalletFault::refused(Problem::CLOCK_SKEW) => {
                self.ask_to_close(&wish, Some(told)).await?.0
            }
            (result, _) => result,
        }
    }

    async fn ask_to_close(
        &self,
        wish: &Wish,
        server_date: Option<Date>,
    ) -> Result<(Result<Autoclosed, WalletFault>, Option<Date>), WalletFault> {
        let sent = match self.asked_before(wish).await? {
            Some(sent) => sent,
            None => self.begin_autoclose(wish, server_date).await?,
        };
        self.world.changed();
        let silence = WalletFault::NoAnswer { heard: None, money: true };
        let bytes = self.world.post(&format!("{}/cybercash", wish.server), &sent.text).await.ok_or(silence.clone())?;
        let held = one::<PendingAutoclose>(&self.store, PendingAutoclose::KEY).await?.ok_or(silence)?;
        let (Settled { changes, result }, told) = settle(&held, &sent, &bytes);
        // Whoever was faster has settled it by the same answer.
        self.try_commit(changes).await?;
        self.world.changed();
        Ok((result, told))
    }

    /// The same wish, sent before and not answered yet, if the passphrase is the one that was typed then.
    async fn asked_before(&self, wish: &Wish) -> Result<Option<SentRequest>, WalletFault> {
        let held = one::<PendingAutoclose>(&self.store, PendingAutoclose::KEY).await?;
        let pending = held.map(|held| held.record).filter(|pending| wish.is(pending));
        Ok(pending.and_then(|pending| pending.sent(&wish.passphrase).ok()))
    }

    async fn begin_autoclose(&self, wish: &Wish, server_date: Option<Date>) -> Result<SentRequest, WalletFault> {
        let key = self.published(&wish.server).await?.best_key().ok_or(WalletFault::ServerUnreachable)?;
        let before = one::<PendingAutoclose>(&self.store, PendingAutoclose::KEY).await?;
        let cost = self.calibrated();
        let pending = {
            let mut rng = self.world.rng();
            let mut env = Env { now: self.world.now(), rng: &mut *rng };
            let server_date = server_date.unwrap_or(env.now);
            first_message(wish, &key, server_date, cost, &mut env)?
        };
        let mut changes = ChangeSet::new();
        match &before {
            Some(held) => changes.replace(held, &pending),
            None => changes.create(&pending),
        }
        self.store.commit(changes).await?;
        Ok(pending.sent(&wish.passphrase)?)
    }
}
