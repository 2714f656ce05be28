//! Registration 401 (fig. 8), the customer's steps: 1202 to 1204, 1219 to 1224.

use protocol::message::Reply as _;
use protocol::message::registration::{AutoclosePassphrase, Registration, RegistrationResponse};
use protocol::money::Currency;
use protocol::outcome::{Problem, ResponseCode};
use protocol::persona::{PersonaId, RequestedId};
use protocol::store::ChangeSet;
use protocol::value::{Address, AnyBytes, Ints, Language, Reading, Value as _, to_base64};
use wallet_messages::{Register, Registered};

use super::books::Books;
use super::conversation::{Conversation, reply_type};
use super::step::{Begun, Desk, Env, Sending, Settled, answer, software};
use crate::fault::WalletFault;
use crate::record::log::RegistrationLog;
use crate::record::pending::{Pending as _, PendingRegistration};
use crate::record::{Application, Container, Field, Held, Persona, RecordChanges as _, Stored as _};
use crate::vault::{Cost, Vault, VaultFault, VaultRecord};

/// What the shopper typed, in its form.
struct Wishes {
    requested_id: RequestedId,
    email: Address,
    language: Language,
    currency: Currency,
    agreements: Option<Ints>,
    autoclose_passphrase: Option<AutoclosePassphrase>,
}

impl Wishes {
    fn of(input: &Register) -> Result<Self, WalletFault> {
        let requested_id = RequestedId::parse(input.requested_id.trim(), Reading::STRICT);
        Ok(Self {
            requested_id: requested_id.ok_or(WalletFault::FieldForm("requested-id"))?,
            email: Address::of(input.email.trim()).ok_or(WalletFault::FieldForm("email"))?,
            language: Language::of(&input.language.to_ascii_lowercase()).ok_or(WalletFault::FieldForm("language"))?,
            currency: Currency::of(&input.currency).ok_or(WalletFault::FieldForm("currency"))?,
            agreements: (!input.agreements.is_empty()).then(|| Ints(input.agreements.clone())),
            autoclose_passphrase: autoclose_passphrase(input.autoclose_passphrase.as_deref())?,
        })
    }
}

/// The autoclose passphrase as the server reads it (120F); an empty one is none.
///
/// # Errors
/// Shorter than six characters, or not one line of at most 50.
pub fn autoclose_passphrase(text: Option<&str>) -> Result<Option<AutoclosePassphrase>, WalletFault> {
    const LEAST: usize = 6;
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let passphrase = AutoclosePassphrase::of(text).filter(|_| text.chars().count() >= LEAST);
    passphrase.map(Some).ok_or(WalletFault::FieldForm("autoclose-passphrase"))
}

/// Whether an earlier attempt with the same wishes still waits for its answer: then that one is sent again.
pub fn same_as_pending(books: &Books, server: &str, input: &Register) -> Option<String> {
    let application = &books.application.as_ref()?.record;
    let same = |pending: &PendingRegistration| {
        application.server == server
            && pending.requested_id == input.requested_id.trim().to_ascii_lowercase()
            && pending.email == input.email.trim()
            && pending.currency.code() == input.currency
    };
    books.registrations.iter().find(|held| same(&held.record)).map(|held| held.record.key())
}

/// Steps 1202A and 1203: keys, vault and R1. What an earlier attempt left is replaced.
///
/// # Errors
/// The wishes are not of their form, or the passphrase is too short.
pub fn register(
    books: &Books,
    application: &Application,
    input: &Register,
    cost: Cost,
    env: &mut Env<'_>,
) -> Result<(Begun, Vault), WalletFault> {
    if books.persona.is_some() {
        return Err(WalletFault::AlreadyRegistered);
    }
    let wishes = Wishes::of(input)?;
    let (record, vault) = VaultRecord::create(&input.passphrase, cost, env.rng)?;
    let pending = first_message(application, &wishes, &vault, env)?;
    let mut changes = ChangeSet::new();
    for held in &books.registrations {
        changes.remove(held);
    }
    match &books.vault {
        Some(held) => changes.replace(held, &record),
        None => changes.create(&record),
    }
    changes.write(application);
    changes.create(&pending);
    Ok((Begun { changes, pending: pending.key() }, vault))
}

/// Step 1203: R1 and its pending record 251.
fn first_message(
    application: &Application,
    wishes: &Wishes,
    vault: &Vault,
    env: &mut Env<'_>,
) -> Result<PendingRegistration, WalletFault> {
    let server = application.server_key().ok_or(VaultFault::Damaged)?;
    let suite = server.protocol.suite();
    let signer = suite.generate(env.rng)?;
    let public = suite.public_key(&signer)?;
    let body = Registration {
        server_date: application.server_time(env.now),
        swversion: software(),
        content_language: wishes.language.clone(),
        default_currency: wishes.currency,
        requested_id: wishes.requested_id.clone(),
        email: wishes.email.clone(),
        agreements: wishes.agreements.clone(),
        autoclose_passphrase: wishes.autoclose_passphrase.clone(),
        pubkey: AnyBytes::of(public.spki().to_vec()).ok_or(WalletFault::Crypto)?,
        signature: None,
    };
    let sending = Sending { server: &server, signer: &signer, persona: None, category: "admin" };
    let common = sending.common(vault, PendingRegistration::ORIGINAL, &body, env)?;
    let mut seal = |field: Field, secret: &[u8]| vault.seal(field, Persona::KEY, secret, env.rng);
    let passphrase = wishes.autoclose_passphrase.as_ref();
    Ok(PendingRegistration {
        common,
        language: wishes.language.as_str().to_owned(),
        currency: wishes.currency,
        requested_id: wishes.requested_id.as_str().to_owned(),
        email: wishes.email.as_str().to_owned(),
        autoclose_passphrase: passphrase.map(|text| seal(Persona::AUTOCLOSE, text.as_str().as_bytes())),
        agreements: wishes.agreements.clone().unwrap_or_default().0,
        private_key: seal(Persona::PRIVATE_KEY, signer.pkcs8()),
        public_key: to_base64(public.spki()),
    })
}

impl Conversation for PendingRegistration {
    type Reply = RegistrationResponse;
    type Output = Registered;
    const TYPES: &'static [&'static str] = &[reply_type::<Registration>()];
    const MONEY: bool = false;

    fn all(books: &Books) -> &[Held<Self>] {
        &books.registrations
    }

    fn knows(reply: &Self::Reply) -> bool {
        reply.problem.as_ref() == Some(&Problem::ID_IN_USE) && reply.response_id.is_some()
    }

    /// Steps 1223 and 1224.
    fn answered(
        held: &Held<Self>,
        desk: &Desk,
        reply: Self::Reply,
        _: &mut Env<'_>,
    ) -> Result<Settled<Registered>, WalletFault> {
        let id = reply.response_id.clone().ok_or(WalletFault::AnswerUnreadable { money: false })?;
        let mut changes = ChangeSet::new();
        changes.remove(held);
        held.record.log(desk, &reply, &mut changes);
        if reply.response_code != ResponseCode::Success {
            let suggested = id.as_str().rsplit_once('-').map_or(id.as_str(), |(name, _)| name);
            return Ok(Settled { changes, result: Ok(Registered::Suggested(suggested.to_owned())) });
        }
        let persona = held.record.persona(desk, id.clone())?;
        changes.create(&Container::empty(persona.currency));
        changes.create(&persona);
        Ok(Settled { changes, result: Ok(Registered::Persona(id.as_str().to_owned())) })
    }

    fn log(&self, _: &Desk, reply: &Self::Reply, changes: &mut ChangeSet) {
        changes.write(&RegistrationLog {
            answer: answer(&self.common, &reply.outcome(), reply.swseverity.as_ref(), reply.swmessage.as_ref()),
            requested_id: self.requested_id.clone(),
            response_id: reply.response_id.clone(),
            email: self.email.clone(),
            update: false,
        });
    }
}

impl PendingRegistration {
    /// Record 220 of what was asked for.
    fn persona(&self, desk: &Desk, id: PersonaId) -> Result<Persona, WalletFault> {
        let Self { language, currency, email, autoclose_passphrase, agreements, private_key, public_key, .. } =
            self.clone();
        let protocol = desk.books.application()?.protocol;
        Ok(Persona {
            id,
            email,
            public_key,
            autoclose_passphrase,
            language,
            currency,
            private_key,
            protocol,
            agreements,
        })
    }
}
