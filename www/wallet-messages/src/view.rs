//! What the worker shows to the pages: values without secrets, ready to be drawn.

use serde::{Deserialize, Serialize};

use crate::{AutocloseWaiting, NoticeView};

/// An amount in minor units, with what is needed to draw it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoneyView {
    /// ISO 4217, lower case.
    pub currency: String,
    /// Minor units: cents for `usd`.
    pub minor: i64,
    /// How many decimals the currency has.
    pub digits: u8,
}

/// Everything that the home page draws.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct WalletState {
    /// How far the wallet is.
    pub phase: Phase,
    /// Present when the vault is open.
    pub home: Option<Home>,
    /// The persona id, known even when locked.
    pub persona: Option<String>,
    /// Requests that wait for the shopper, oldest first.
    pub approvals: Vec<String>,
    /// What the shopper has not been shown yet, oldest first.
    pub notices: Vec<NoticeView>,
    /// When the wallet locks itself unless the shopper does something, milliseconds since 1970.
    pub locks_at: Option<i64>,
    /// In a new wallet: an autoclose that waits for its answer.
    pub autoclose: Option<AutocloseWaiting>,
    /// In a new wallet: a registration that waits for its answer; `with` is the name that was asked for.
    pub registration: Option<WaitingView>,
}

/// How far the wallet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// No persona yet.
    New,
    /// There is a persona, and its secrets are sealed.
    Locked,
    /// Ready.
    Open,
}

/// The open wallet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Home {
    /// The persona id, `brianb-40`.
    pub persona: String,
    /// The address it registered.
    pub email: String,
    /// Base URL of its server.
    pub server: String,
    /// True if the server speaks nothing newer than protocol 1.0: screens then say "historic cipher".
    pub historic_cipher: bool,
    /// The cash container's balance.
    pub balance: MoneyView,
    /// Loads that the bank has not cleared yet.
    pub on_hold: Option<MoneyView>,
    /// Bound instruments.
    pub instruments: Vec<InstrumentView>,
    /// Sessions, open ones first, newest first.
    pub sessions: Vec<SessionView>,
    /// What happened, newest first, at most 200 entries.
    pub activity: Vec<ActivityView>,
    /// What waits for an answer, oldest first: nothing of it has failed, and each is safe to ask again.
    pub waiting: Vec<WaitingView>,
    /// When the last backup file was made, milliseconds since 1970; nothing: there is none.
    pub backed_up_at: Option<i64>,
}

/// An operation whose outcome is not known yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct WaitingView {
    /// Names it for `retry`.
    pub id: String,
    /// What was asked for.
    pub kind: ActivityKind,
    /// Since when, milliseconds since 1970.
    pub since: i64,
    /// How much, signed as in [`ActivityView::amount`].
    pub amount: Option<MoneyView>,
    /// The merchant id of a payment.
    pub with: Option<String>,
    /// The problem code that was last heard of it, which settles nothing.
    pub heard: Option<String>,
}

/// What a server says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ServerFacts {
    /// The base URL, normalised.
    pub server: String,
    /// True if it speaks nothing newer than protocol 1.0.
    pub historic_cipher: bool,
    /// ISO 4217, lower case.
    pub currencies: Vec<String>,
    /// What a persona has to agree to.
    pub agreements: Vec<AgreementView>,
}

/// A legal agreement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgreementView {
    /// Its number.
    pub number: u32,
    /// Its title, plain text.
    pub title: String,
    /// Where it can be read.
    pub url: String,
}

/// How a registration ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Registered {
    /// The persona exists now.
    Persona(String),
    /// The id is in use; the server suggests this one.
    Suggested(String),
}

/// How a binding ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bound {
    /// The instrument is bound; see its status.
    Instrument(InstrumentView),
    /// The issuer wants to know more.
    Challenge {
        /// To be given back with the answers.
        challenge: String,
        /// What is asked, in order.
        questions: Vec<String>,
    },
}

/// A bound instrument.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct InstrumentView {
    /// What the wallet calls it.
    pub id: String,
    /// `visa`, `dda` ...
    pub kind: String,
    /// Last four digits.
    pub last_digits: String,
    /// `created`, `pending-pre-note`, `pending-signature`, `enabled`, `disabled`.
    pub status: String,
    /// May load.
    pub loads: bool,
    /// May unload.
    pub unloads: bool,
}

/// A session and its three limits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SessionView {
    /// Its id (base64).
    pub id: String,
    /// The shopper's note.
    pub note: String,
    /// What it opened with.
    pub opened: MoneyView,
    /// What is left of the amount.
    pub left: MoneyView,
    /// How many payments it may make in all.
    pub use_limit: u32,
    /// How many are left.
    pub uses_left: u32,
    /// When it was opened, milliseconds since 1970.
    pub opened_at: i64,
    /// When it ends, milliseconds since 1970.
    pub ends_at: i64,
    /// Whether it can still pay.
    pub state: SessionState,
    /// Its three limits by the values that the server last confirmed: amount, uses, time, in this order.
    pub gauges: [Gauge; 3],
    /// When the server confirmed them (OS2, or the last CA4), milliseconds since 1970.
    pub confirmed_at: i64,
}

/// How far one limit of a session is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gauge {
    /// Which limit.
    pub limit: Limit,
    /// What is used, as the server confirmed it: minor units, payments, seconds. For the time: until now.
    pub used: i64,
    /// What is promised in payments that wait for an answer, in the same unit.
    pub promised: i64,
    /// The limit itself, in the same unit.
    pub of: i64,
    /// Used and promised, in whole per cent of the limit, 0 to 100.
    pub percent: u8,
    /// At 80 per cent and above.
    pub warns: bool,
}

impl Gauge {
    /// From so many per cent on, a gauge warns.
    pub const WARNS_AT: u8 = 80;

    /// How far a limit is used, by what is used and what is promised of it.
    pub fn new(limit: Limit, used: i64, promised: i64, of: i64) -> Self {
        let reached = i128::from(used + promised).clamp(0, of.into());
        // A limit of nothing is used up.
        let percent = if of > 0 { reached * 100 / i128::from(of) } else { 100 };
        let percent = u8::try_from(percent).unwrap_or(100);
        Self { limit, used, promised, of, percent, warns: percent >= Self::WARNS_AT }
    }
}

/// A limit of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// How much it may spend.
    Amount,
    /// How often.
    Uses,
    /// How long.
    Time,
}

/// Whether a session can still pay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SessionState {
    /// It can.
    Open,
    /// It was closed.
    Closed,
    /// Its lifetime is over.
    Expired,
    /// Its last use is spent.
    UsedUp,
}

/// One line of the activity list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ActivityView {
    /// Names the entry; a payment's receipt is asked by it.
    pub id: String,
    /// What was done.
    pub kind: ActivityKind,
    /// When it began, milliseconds since 1970.
    pub at: i64,
    /// How much; positive came in, negative went out of the wallet, for sessions what moved into or out of them.
    pub amount: Option<MoneyView>,
    /// The merchant id, or the instrument's last digits.
    pub with: Option<String>,
    /// The origin of the shop, from the browser.
    pub origin: Option<String>,
    /// How it ended.
    pub state: ActivityState,
    /// The problem code, where it did not end well.
    pub problem: Option<String>,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActivityKind {
    /// R1.
    Register,
    /// KC1.
    Keys,
    /// BI1 or BI3.
    Bind,
    /// LU1, positive.
    Load,
    /// LU1, negative.
    Unload,
    /// OS1.
    Open,
    /// CA1.
    Pay,
    /// CS1, or the end of a session by its limits.
    Close,
    /// A merchant gave something back.
    Refund,
}

/// How an activity ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActivityState {
    /// Done.
    Done,
    /// Waiting for an answer: safe to send again.
    Waiting,
    /// Refused; nothing moved.
    Refused,
}

/// What a load, an unload or a closing moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Moved {
    /// How much moved.
    pub amount: MoneyView,
    /// The container afterwards.
    pub balance: MoneyView,
    /// What the operator charged, if anything.
    pub fee: Option<MoneyView>,
}

/// What the approval window shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ApprovalView {
    /// Which request.
    pub request: String,
    /// Who asks: the origin as the browser gives it.
    pub origin: String,
    /// The merchant's persona id.
    pub merchant: String,
    /// The merchant's order id.
    pub order: String,
    /// The merchant's words: plain text, several lines.
    pub note: String,
    /// What the merchant asks.
    pub price: MoneyView,
    /// What the session is charged; another currency than the price is possible.
    pub charge: Option<MoneyView>,
    /// The session that would pay, if one fits.
    pub from: Option<PaysFrom>,
    /// What a new session would take, if none fits.
    pub offer: Option<SessionOffer>,
    /// The session that Pay opens first, by the shopper's rule, if none fits.
    pub opens: Option<crate::OpeningRule>,
    /// Where price and charge are of different currencies: the rate.
    pub exchange: Option<ExchangeView>,
    /// True if the merchant's words were cut, or cleared of characters that deceive.
    pub note_changed: bool,
    /// How many requests wait, this one included.
    pub waiting: u32,
    /// When the request is forgotten if nobody decides, milliseconds since 1970.
    pub forgotten_at: i64,
    /// What this site is paid without asking at present.
    pub silent_limit: Option<MoneyView>,
    /// True when the vault has to be opened first.
    pub locked: bool,
    /// True when protocol 1.0 is used.
    pub historic_cipher: bool,
}

/// The rate of a payment between currencies, as the server told it when the session was opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ExchangeView {
    /// One unit of the price's currency ...
    pub one: MoneyView,
    /// ... costs so much of the session's, as a decimal: `0.6`. Charges are rounded up to the minor unit.
    pub rate: String,
    /// The session's currency, ISO 4217, lower case.
    pub currency: String,
    /// When the server told it, milliseconds since 1970.
    pub told_at: i64,
}

/// The session that would pay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PaysFrom {
    /// Its id.
    pub session: String,
    /// What it holds now.
    pub holds: MoneyView,
    /// What it will hold afterwards.
    pub holds_after: MoneyView,
    /// Payments left afterwards.
    pub uses_after: u32,
    /// When it ends, milliseconds since 1970.
    pub ends_at: i64,
}

/// A session that the wallet offers to open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SessionOffer {
    /// What is in the container.
    pub balance: MoneyView,
    /// A decimal that fits the price, in the container's currency; empty if the container does not hold enough.
    pub amount: String,
    /// Suggested lifetime.
    pub minutes: u32,
    /// Suggested number of uses.
    pub uses: u16,
}

/// How a payment ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Paid {
    /// Names the receipt.
    pub payment: String,
    /// What is left in the session.
    pub left: MoneyView,
}

/// A receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ReceiptView {
    /// Names the payment.
    pub payment: String,
    /// When it was paid, milliseconds since 1970.
    pub at: i64,
    /// How it stands.
    pub state: ActivityState,
    /// The problem code, where it did not end well.
    pub problem: Option<String>,
    /// The shop's origin.
    pub origin: String,
    /// The merchant's persona id.
    pub merchant: String,
    /// The merchant's order id.
    pub order: String,
    /// The merchant's words.
    pub note: String,
    /// What the merchant asked.
    pub price: MoneyView,
    /// What was charged.
    pub charged: MoneyView,
    /// The session it was paid from.
    pub session: String,
    /// The payment's number in that session.
    pub index: u32,
    /// True when protocol 1.0 was used.
    pub historic_cipher: bool,
    /// What the merchant said against the server's word (a problem code, or `declined`). The server's word counts: it is
    /// sealed, and the shopper can show it.
    pub merchant_said: Option<String>,
    /// What came back since, if anything.
    pub refunded: Option<MoneyView>,
    /// True if it was paid by a rule, without asking.
    pub silent: bool,
}
