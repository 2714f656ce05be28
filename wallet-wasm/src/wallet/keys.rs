//! Another key for the persona (KC1, KC2), so that whoever has a copy of the old one has nothing.
//!
//! | state | after a crash |
//! | --- | --- |
//! | no pending record | nothing was sent, or all of it is over |
//! | pending record 258 | the server may know the new key already: the same bytes again get the same answer, whichever key it knows |
//!
//! What was signed with the old key and waits for an answer would be refused from then on, so nothing may wait. The new
//! key is in no backup file: the shopper is asked for a new one.

use protocol::message::Reply as _;
use protocol::message::key::{KeyChange, KeyResponse};
use protocol::outcome::Problem;
use protocol::store::{ChangeSet, Store};
use protocol::value::{AnyBytes, to_base64};
use wallet_messages::Done;

use super::Wallet;
use super::books::Books;
use super::conversation::{Conversation, reply_type};
use super::step::{Begun, Desk, Env, Settled, answer, is_historic, software};
use crate::fault::WalletFault;
use crate::record::log::RegistrationLog;
use crate::record::pending::{Pending as _, PendingKey};
use crate::record::settings::Settings;
use crate::record::{Held, Persona, RecordChanges as _, Stored as _};
use crate::world::World;

/// KC1 and its pending record 258.
fn change(desk: &Desk, env: &mut Env<'_>) -> Result<Begun, WalletFault> {
    if let Some(held) = desk.books.keys.first() {
        return Ok(Begun::again(held.record.key()));
    }
    if desk.books.waits() {
        return Err(WalletFault::StillWaiting);
    }
    let persona = desk.books.persona()?;
    if is_historic(persona.protocol) {
        return Err(WalletFault::refused(Problem::SERVICE_DISABLED));
    }
    let suite = persona.protocol.suite();
    let key = suite.generate(env.rng)?;
    let public = suite.public_key(&key)?;
    let body = KeyChange {
        server_date: desk.server_date(env),
        swversion: software(),
        pubkey: AnyBytes::of(public.spki().to_vec()).ok_or(WalletFault::Crypto)?,
        key: desk.key_label()?,
        signature: None,
    };
    let common = desk.request("admin", PendingKey::ORIGINAL, &body, env)?;
    let pending = PendingKey {
        common,
        persona: persona.id.clone(),
        private_key: desk.vault.seal(Persona::PRIVATE_KEY, Persona::KEY, key.pkcs8(), env.rng),
        public_key: to_base64(public.spki()),
    };
    let mut changes = ChangeSet::new();
    changes.create(&pending);
    Ok(Begun { changes, pending: pending.key() })
}

impl Conversation for PendingKey {
    type Reply = KeyResponse;
    type Output = Done;
    const TYPES: &'static [&'static str] = &[reply_type::<KeyChange>()];
    const MONEY: bool = false;

    fn all(books: &Books) -> &[Held<Self>] {
        &books.keys
    }

    fn answered(
        held: &Held<Self>,
        desk: &Desk,
        reply: Self::Reply,
        _: &mut Env<'_>,
    ) -> Result<Settled<Done>, WalletFault> {
        let known = desk.books.persona.as_ref().ok_or(WalletFault::NotRegistered)?;
        let PendingKey { private_key, public_key, .. } = held.record.clone();
        let mut changes = ChangeSet::new();
        changes.remove(held);
        changes.replace(known, &Persona { public_key, private_key, ..known.record.clone() });
        // The files that were made so far hold the old key, which opens nothing any more.
        let settings = Settings { backed_up_at: None, ..desk.books.settings() };
        desk.books.put_settings(&settings, &mut changes);
        held.record.log(desk, &reply, &mut changes);
        Ok(Settled { changes, result: Ok(Done {}) })
    }

    fn log(&self, desk: &Desk, reply: &Self::Reply, changes: &mut ChangeSet) {
        let email = desk.books.persona().map(|persona| persona.email.clone()).unwrap_or_default();
        changes.write(&RegistrationLog {
            answer: answer(&self.common, &reply.outcome(), reply.swseverity.as_ref(), reply.swmessage.as_ref()),
            requested_id: self.persona.as_str().to_owned(),
            response_id: Some(self.persona.clone()),
            email,
            update: true,
        });
    }
}

impl<S: Store, W: World> Wallet<S, W> {
    /// Makes another key for the persona, and lets the server know it.
    ///
    /// # Errors
    /// Something else waits for its answer, the server did not answer, or it refuses.
    pub async fn change_key(&self) -> Result<Done, WalletFault> {
        self.converse::<PendingKey>(change).await
    }
}
