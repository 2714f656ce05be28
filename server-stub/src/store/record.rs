//! The records of the server's database 102 (fig. 4), one struct each.

use std::collections::{BTreeMap, BTreeSet};

use protocol::Protocol;
use protocol::date::Date;
use protocol::keys::PublicKey;
use protocol::money::{Currency, Money};
use protocol::persona::PersonaId;
use protocol::secret::SessionSecrets;
use protocol::value::{Function, Index, OrderId, SessionId};
use serde::{Deserialize, Serialize};

use super::account::Account;

/// Whether a persona may do anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PersonaStatus {
    /// It may.
    Active,
    /// It was closed for good (AC1).
    Closed,
}

/// Persona 120 (figs 4B and 4E). No name and no address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Persona {
    /// 120A.
    pub id: PersonaId,
    /// 120B.
    pub email: String,
    /// The suite that the key belongs to.
    pub protocol: Protocol,
    /// 120C.
    pub public_key: PublicKey,
    /// Its name, as label `key` gives it (base64).
    pub key_name: String,
    /// 120D.
    pub registered: Date,
    /// 120E.
    pub language: String,
    /// What a container is opened in where nothing else is said.
    pub default_currency: Currency,
    /// 120F, as a keyed hash: the passphrase itself is nobody's business.
    pub autoclose: Option<Vec<u8>>,
    /// 120I.
    pub agreements: BTreeSet<u32>,
    /// Whether it may do anything.
    pub status: PersonaStatus,
    /// Grows with each change of the persona, its containers, instruments or sessions, so that a change set can tell
    /// whether it was made from what is still true.
    pub revision: u64,
}

/// Cash container 120G (fig. 4C), one per currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Container {
    /// 120G.2; 120G.1 is its currency.
    pub available: Money,
    /// 120G.3: loaded, and not cleared yet.
    pub on_hold: Money,
}

impl Container {
    /// An empty one.
    pub fn empty(currency: Currency) -> Self {
        Self { available: Money::zero(currency), on_hold: Money::zero(currency) }
    }
}

/// Names a bound instrument within its persona.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstrumentId(pub u32);

/// Binding-Status 120H.15, but for what time alone decides (see [`Instrument::enabled_from`]).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InstrumentStatus {
    /// Bound, and waiting for the operator's approval.
    Created,
    /// Waiting for a signature on paper.
    PendingSignature,
    /// Usable from [`Instrument::enabled_from`] on.
    #[default]
    Enabled,
    /// The operator or the issuer said no.
    Disabled,
}

impl InstrumentStatus {
    /// Every status and its name.
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::Created, "created"),
        (Self::PendingSignature, "pending-signature"),
        (Self::Enabled, "enabled"),
        (Self::Disabled, "disabled"),
    ];

    /// As the protocol names it.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(status, _)| *status == self).map_or("", |(_, name)| name)
    }
}

/// How much may move by one function of an instrument (120H.17 to .23, and .25 to .28), in whole units of the currency that
/// moves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// At once; nothing: no limit. None at all: the function is off.
    pub once: Option<i64>,
    /// Within so many hours; nothing: no limit.
    pub window: Option<i64>,
    /// How long the window is, hours.
    pub hours: u32,
}

impl Limit {
    /// A window is at most a year.
    pub const MAX_HOURS: u32 = 366 * 24;
}

/// The operator's own limits of an instrument; where there is none, what its issuer says counts.
pub type Limits = BTreeMap<Function, Limit>;

/// Instrument binding 120H (fig. 4D). The number is kept as prefix and hashes only, but where autoclose needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instrument {
    /// Which of the persona's.
    pub id: InstrumentId,
    /// 120H.3: `visa`, `dda` ...
    pub kind: String,
    /// 120H.4, sealed under a key outside of the database; only where autoclose sends the cash here.
    pub sealed_number: Option<Vec<u8>>,
    /// 120H.7.
    pub agreements: BTreeSet<u32>,
    /// 120H.8: the first two and the last four characters.
    pub prefix: String,
    /// 120H.9: of the number and a salt that only the client keeps.
    pub hash: Vec<u8>,
    /// Of the number under a key outside of the database: tells two bindings of one number.
    pub keyed_hash: Vec<u8>,
    /// 120H.13.
    pub bound: Date,
    /// 120H.14.
    pub first_used: Option<Date>,
    /// 120H.15.
    pub status: InstrumentStatus,
    /// Until then the status is `pending-pre-note`.
    pub enabled_from: Date,
    /// 120H.16 to .22: what the issuer granted.
    pub functions: BTreeSet<Function>,
    /// 120H.17 to .28, where the operator has set them.
    pub limits: Limits,
    /// 120H.24.
    pub autoclose: bool,
}

/// A question of an issuer that waits for its answer (BI2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// Label `challenge-id`.
    pub id: String,
    /// When it was asked.
    pub asked: Date,
    /// How many answers were wrong.
    pub wrong_answers: u32,
    /// The binding as it will be.
    pub binding: Instrument,
    /// 120H.4, sealed: the issuer wants to see it again with the answer.
    pub sealed_number: Vec<u8>,
    /// 230Q, which BI4 gives back.
    pub salt: Vec<u8>,
    /// What the questions are.
    pub questions: Vec<String>,
}

/// A load that has not cleared (the money stands in 120G.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingLoad {
    /// Names it.
    pub id: u64,
    /// How much.
    pub amount: Money,
    /// What the operator took of it; the rest is on hold.
    pub fee: Money,
    /// From then on it is available.
    pub clears: Date,
}

impl PendingLoad {
    /// What is on hold of it.
    pub fn held(&self) -> Money {
        Money::new(self.amount.currency, self.amount.minor - self.fee.minor)
    }
}

/// A movement between an instrument and the container (LU1), for the limits of 120H.25 to .28.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Movement {
    /// Whose.
    pub persona: PersonaId,
    /// Which instrument.
    pub instrument: InstrumentId,
    /// When.
    pub date: Date,
    /// How much; negative: to the instrument.
    pub amount: Money,
    /// What the operator took for it.
    pub fee: Money,
    /// When a load clears that is on hold.
    pub clears: Option<Date>,
}

/// A fee that belongs to no payment: of LU1, OS1 or CS1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    /// Who gave it.
    pub persona: PersonaId,
    /// When.
    pub date: Date,
    /// How much, never nothing.
    pub amount: Money,
    /// What for, as the journal refers to it: the operation's name, and of a session also its number (`open/17`).
    pub reference: String,
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionEnd {
    /// Its owner closed it (CS1), or the persona (AC1).
    Closed,
    /// Its lifetime was over.
    Expired,
    /// Its last use was spent.
    UsedUp,
}

/// Status 130L.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionStatus {
    /// It can pay and collect.
    Open,
    /// It ended, then and so (130H).
    Ended(Date, SessionEnd),
}

/// Session 130 (figs 4H and 4J), of a customer or a merchant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// 130A.
    pub id: SessionId,
    /// The suite it was opened under, and stays with.
    pub protocol: Protocol,
    /// 130B and 130C.
    pub secrets: SessionSecrets,
    /// 130E; 130D is its currency.
    pub opening: Money,
    /// 130F.
    pub current: Money,
    /// 130G.
    pub opened: Date,
    /// 130J, minutes.
    pub lifetime_minutes: u32,
    /// 130I.
    pub use_limit: Index,
    /// How many uses are spent: payments collected from it, and collections made with it.
    pub uses: u32,
    /// 130K.
    pub persona: PersonaId,
    /// 130L.
    pub status: SessionStatus,
    /// 130M.
    pub memo: String,
}

impl Session {
    /// When its lifetime is over; at this very millisecond it is not.
    pub fn expires(&self) -> Date {
        self.opened.plus_secs(i64::from(self.lifetime_minutes) * 60)
    }

    /// Whether it has not ended, whatever the clock says.
    pub fn is_open(&self) -> bool {
        self.status == SessionStatus::Open
    }

    /// The account of its money.
    pub fn account(&self) -> Account {
        Account::Session(self.id.number(), self.current.currency)
    }

    /// How many uses are left.
    pub fn uses_left(&self) -> u32 {
        u32::from(self.use_limit.get()).saturating_sub(self.uses)
    }
}

/// Transaction data 130N and 130NN (figs 4I and 4K): one collected payment. Its existence marks the payer's index as used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// 130N.2.
    pub payer_session: SessionId,
    /// 130N.5.
    pub payer_index: Index,
    /// The payer's persona.
    pub payer: PersonaId,
    /// 130N.4.
    pub payee_session: SessionId,
    /// 130NN.5: the index of the CA2.
    pub payee_index: Index,
    /// The payee's persona.
    pub payee: PersonaId,
    /// 130N.3.
    pub order_id: OrderId,
    /// 130N.1: what the payer was charged, in the payer's currency.
    pub charged: Money,
    /// 130NN.1: what the payee was credited, in the payee's currency, before the fee.
    pub credited: Money,
    /// What the payee gave the operator of it, in the payee's currency.
    pub fee: Money,
    /// SHA-256 of the customer's opaque value: tells the same payment in another CA2.
    pub opaque_hash: [u8; 32],
    /// When it was collected.
    pub date: Date,
}

/// The key of a logged message (protocol.md section 5).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogKey {
    /// 140A and 140C.
    Persona(PersonaId, u64),
    /// R1, whose persona does not exist yet: the name of its key (base64), and 140C.
    Registration(String, u64),
    /// CA2: 140B and 140D.
    Collection(u64, Index),
}

/// Message log 140 (fig. 4L): a message that was answered for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// 140A to 140D.
    pub key: LogKey,
    /// 140E, as its SHA-256.
    pub message_hash: [u8; 32],
    /// 140F.
    pub response: String,
    /// When.
    pub date: Date,
}

/// A report that a client sent (MR1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Tells the same report sent twice: SHA-256 of the message.
    pub message_hash: [u8; 32],
    /// When it came.
    pub date: Date,
    /// Who says to have sent it; nothing proves it.
    pub persona: Option<PersonaId>,
    /// The problem named.
    pub problem: String,
    /// In words.
    pub diagnosis: String,
    /// The message that could not be used.
    pub received: String,
}

/// Wrong passphrases of AC1 for one id, whether a persona has it or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempts {
    /// When the count began, or when the door was closed.
    pub since: Date,
    /// How many were wrong.
    pub wrong: u32,
}

/// Why money moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// From an instrument (LU1).
    Load,
    /// What was on hold is available now.
    Clearing,
    /// What was on hold goes back where it came from (AC1).
    Cancel,
    /// To an instrument (LU1, AC1).
    Unload,
    /// From the container into a session (OS1).
    Open,
    /// What was left in a session, back into the container.
    Return,
    /// From a payer's session to a payee's (CA2).
    Payment,
    /// From a payee's container and sessions to a payer's container (RF1).
    Refund,
    /// To the operator: for a payment (CA2), a load or unload (LU1), the opening (OS1) or closing (CS1) of a session.
    Fee,
}

impl Reason {
    const ALL: [(Self, &'static str); 9] = [
        (Self::Load, "load"),
        (Self::Clearing, "clearing"),
        (Self::Cancel, "cancel"),
        (Self::Unload, "unload"),
        (Self::Open, "open"),
        (Self::Return, "return"),
        (Self::Payment, "payment"),
        (Self::Refund, "refund"),
        (Self::Fee, "fee"),
    ];

    /// As the journal names it.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(reason, _)| *reason == self).map_or("", |(_, name)| name)
    }

    /// The reason of a name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(reason, _)| *reason)
    }
}

/// What a restore from a backup begins (`server-stub restore`): what happened between backup and restore is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch {
    /// Counts restores, from 1.
    pub number: u64,
    /// When it began. Requests that were dated before may have been answered in what was lost.
    pub began: Date,
}

impl Epoch {
    /// How many session numbers each millisecond has: more than are opened in one.
    const NUMBERS: u32 = 20;

    /// Session numbers of this epoch are larger than this; those of what was lost were smaller. They follow the clock and not
    /// the count of restores, which is lost as well where the same backup has to serve twice.
    pub fn sessions_after(&self) -> u64 {
        u64::try_from(self.began.millis()).unwrap_or(0) << Self::NUMBERS
    }
}

/// A journal entry: an amount leaves one account and enters another of the same currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When.
    pub date: Date,
    /// Why.
    pub reason: Reason,
    /// Gives.
    pub debit: Account,
    /// Receives.
    pub credit: Account,
    /// Never negative.
    pub amount: Money,
    /// What it belongs to: `SESSION/INDEX` of a payment and its fee, `SESSION/INDEX/NUMBER` of its refunds, `SESSION` of an opening or return,
    /// that of [`Charge`] of other fees, empty for others.
    pub reference: String,
}
