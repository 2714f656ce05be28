//! What steps are made of: (records, input, now, rng) in, (changes, outputs) out.
//!
//! A step that begins a procedure yields changes that hold its pending record, and the key of that record; the shell
//! commits them and then sends what the record holds. A step that ends one yields changes that remove the record.

use protocol::Protocol;
use protocol::date::Date;
use protocol::exchange::{SentRequest, StoredRequest, seal};
use protocol::keys::{PersonaKey, ServerKey, key_name};
use protocol::message::{Outcome, Request, RequestHead, Sentence, ServiceCategory, SoftwareVersion};
use protocol::money::{Currency, Money};
use protocol::outcome::Problem;
use protocol::persona::PersonaId;
use protocol::store::ChangeSet;
use protocol::value::{AnyBytes, Num, Token, from_base64};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::books::Books;
use crate::fault::WalletFault;
use crate::json;
use crate::record::log::Answer;
use crate::record::pending::Common;
use crate::record::{Field, RecordChanges as _};
use crate::vault::{Vault, VaultFault};

/// `swversion` of this wallet; the server's operator may call it current, ageing or finished (structure 170).
pub const SOFTWARE: &str = "1.0web";

/// What a step may use beside records.
pub struct Env<'a> {
    /// Our clock.
    pub now: Date,
    /// Random bytes.
    pub rng: &'a mut dyn CryptoRng,
}

/// The open wallet at one moment.
#[derive(Debug)]
pub struct Desk {
    /// The records.
    pub books: Books,
    /// Opens their secrets.
    pub vault: Vault,
}

/// A procedure that has begun: what to commit, and which pending record then has to be sent.
#[derive(Debug)]
pub struct Begun {
    /// Holds the pending record.
    pub changes: ChangeSet,
    /// Its key.
    pub pending: String,
}

impl Begun {
    /// One that was begun before: its message is sent again.
    pub fn again(pending: String) -> Self {
        Self { changes: ChangeSet::new(), pending }
    }
}

/// A procedure that has ended, or learnt something.
#[derive(Debug)]
pub struct Settled<T> {
    /// What to commit.
    pub changes: ChangeSet,
    /// What the shopper is told once it is committed.
    pub result: Result<T, WalletFault>,
}

impl Desk {
    /// The name of the persona's key (label `key`).
    ///
    /// # Errors
    /// The persona's record is damaged.
    pub fn key_label(&self) -> Result<AnyBytes, WalletFault> {
        let persona = self.books.persona()?;
        let public = persona.public().ok_or(VaultFault::Damaged)?;
        let name = key_name(persona.protocol, &public)?;
        Ok(from_base64(&name).and_then(AnyBytes::of).ok_or(VaultFault::Damaged)?)
    }

    /// The client's idea of the server's clock (label `server-date`).
    pub fn server_date(&self, env: &Env<'_>) -> Date {
        self.books.server_time(env.now)
    }

    /// The server's key.
    ///
    /// # Errors
    /// No server is known, or its record is damaged.
    pub fn server_key(&self) -> Result<ServerKey, WalletFault> {
        let key = self.books.application()?.server_key();
        Ok(key.ok_or(VaultFault::Damaged)?)
    }

    /// Signs and seals a request of the persona (procedure 800), ready for its pending record.
    ///
    /// # Errors
    /// There is no persona, or its record is damaged.
    pub fn request<M: Request>(
        &self,
        category: &str,
        original: Field,
        body: &M,
        env: &mut Env<'_>,
    ) -> Result<Common, WalletFault> {
        let persona = self.books.persona()?;
        let signer = persona.signer(&self.vault)?;
        let server = self.server_key()?;
        // A server that changed its suite cannot be talked to with the old key.
        if server.protocol != persona.protocol {
            return Err(WalletFault::refused(Problem::PROTOCOL_UNSUPPORTED));
        }
        let sending = Sending { server: &server, signer: &signer, persona: Some(&persona.id), category };
        sending.common(&self.vault, original, body, env)
    }
}

/// What a request is made with.
pub struct Sending<'a> {
    /// To whom.
    pub server: &'a ServerKey,
    /// By whom.
    pub signer: &'a PersonaKey,
    /// The persona's id, once it has one.
    pub persona: Option<&'a PersonaId>,
    /// `service-category`.
    pub category: &'a str,
}

impl Sending<'_> {
    /// Assembles the message and seals it, with the key of its reply, for the pending record.
    ///
    /// # Errors
    /// The keys are not of one suite.
    pub fn common<M: Request>(
        &self,
        vault: &Vault,
        original: Field,
        body: &M,
        env: &mut Env<'_>,
    ) -> Result<Common, WalletFault> {
        let transaction = transaction(env);
        let head = RequestHead {
            id: self.persona.cloned(),
            transaction,
            date: env.now,
            serverkey: self.server.name.clone(),
            service_category: ServiceCategory::of(self.category),
        };
        let sent = seal(&head, body, self.server, Some(self.signer), env.rng)?;
        let json = serde_json::to_vec(&StoredRequest::from(&sent)).map(Zeroizing::new);
        let json = json.map_err(|fault| WalletFault::Storage(fault.to_string()))?;
        let key = transaction.get().to_string();
        let original = vault.seal(original, &key, &json, env.rng);
        let (transaction, software) = (transaction.get(), SOFTWARE.to_owned());
        Ok(Common { transaction, at: env.now, software, original, heard: None })
    }
}

impl Common {
    /// The message as it was sent.
    ///
    /// # Errors
    /// The record is damaged.
    pub fn sent(&self, vault: &Vault, original: Field) -> Result<SentRequest, WalletFault> {
        let json = vault.open(original, &self.transaction.to_string(), &self.original)?;
        let stored: Option<StoredRequest> = json::read(json.expose()).ok();
        Ok(stored.and_then(|stored| stored.restore()).ok_or(VaultFault::Damaged)?)
    }
}

/// `swversion` as a value.
///
/// # Panics
/// Never: [`SOFTWARE`] is a constant of the right form.
pub fn software() -> SoftwareVersion {
    SoftwareVersion::of(SOFTWARE).expect("invariant: the version is a token")
}

/// A number that no message of this persona had: the time, and three random digits for a copied profile.
pub fn transaction(env: &mut Env<'_>) -> Num {
    let random = u64::from(env.rng.next_u32() % 1000);
    let time = env.now.millis().unsigned_abs();
    // Until the year 2255 the product stays below 2^53.
    Num::of((time * 1000 + random).clamp(1, Num::MAX)).expect("invariant: clamped to the range")
}

/// What an authentic reply says of itself, for the log.
pub fn answer(
    common: &Common,
    outcome: &Outcome<'_>,
    severity: Option<&Token<16>>,
    software: Option<&Sentence>,
) -> Answer {
    Answer {
        transaction: common.transaction,
        at: common.at,
        severity: severity.map(|severity| severity.as_str().to_owned()),
        software: software.map(|message| message.as_str().to_owned()),
        problem: problem_of(outcome).map(|problem| problem.code().to_owned()),
        message: outcome.message.map(str::to_owned),
    }
}

/// The problem of a reply that is no success; one that names none is the server's own fault.
pub fn problem_of(outcome: &Outcome<'_>) -> Option<Problem> {
    use protocol::outcome::ResponseCode::Success;
    let refused = outcome.response != Success;
    refused.then(|| outcome.problem.cloned().unwrap_or(Problem::INTERNAL))
}

/// The fault of a reply that is no success.
pub fn refusal(outcome: &Outcome<'_>) -> WalletFault {
    let problem = problem_of(outcome).unwrap_or(Problem::INTERNAL);
    WalletFault::Refused { problem, message: outcome.message.map(str::to_owned) }
}

/// Sets our idea of the server's clock right by an authentic reply.
pub fn learn_clock(books: &Books, changes: &mut ChangeSet, server_date: Date, now: Date) {
    let Some(application) = &books.application else { return };
    if let Some(corrected) = application.record.with_clock(server_date, now) {
        changes.write(&corrected);
    }
}

/// A positive amount as the shopper typed it: exactly in the currency's form, or with fewer decimals.
///
/// # Errors
/// It is not.
pub fn typed_amount(currency: Currency, text: &str) -> Result<Money, WalletFault> {
    let money = Money::of_decimal(currency, text.trim(), true).filter(|money| money.minor > 0);
    money.ok_or(WalletFault::AmountForm)
}

/// True for protocol 1.0: screens then say "historic cipher".
pub fn is_historic(protocol: Protocol) -> bool {
    protocol == Protocol::V1
}
