//! What the pages of the extension ask of its worker, and what it answers.
//!
//! One table: [`Action`] ties a name to an input and an output. A page sends `{"action": NAME, "input": INPUT}` and gets
//! `{"ok": OUTPUT}` or `{"error": ERROR}`. Web pages speak another language, with a listener of its own
//! (`www/extension/content.js`); nothing here is reachable from them.
//!
//! Money, times and limits are typed and unformatted here: how they look is the page's business (`Intl`).

mod action;
mod history;
mod safety;
mod settings;
mod view;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

pub use action::*;
pub use history::*;
pub use safety::*;
pub use settings::*;
pub use view::*;

/// One thing a page may ask of the worker.
pub trait Action: Serialize + DeserializeOwned {
    /// The name on the wire.
    const NAME: &'static str;
    /// What the worker answers.
    type Output: Serialize + DeserializeOwned;
}

/// A request as it travels from a page of the extension to its worker.
#[derive(Debug, Serialize)]
pub struct Ask<'a, A> {
    action: &'static str,
    input: &'a A,
}

impl<'a, A: Action> Ask<'a, A> {
    /// Asks for an action.
    pub fn of(input: &'a A) -> Self {
        Self { action: A::NAME, input }
    }
}

/// The worker's answer to an [`Ask`].
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer<T> {
    /// It was done; the output of the action.
    Ok(T),
    /// It was not, or not yet.
    Error(Fault),
}

/// Why something was not done: what happened, whether money moved, and what may help.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Fault {
    /// A stable code: a problem code of protocol.md section 5, or one of the wallet's own ([`Fault::OWN`]).
    pub code: String,
    /// The server's or merchant's own sentence, plain text, if it sent one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What is known of the money.
    pub money: MoneyMoved,
    /// With `already-paid`: when and how that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paid: Option<PaidBefore>,
}

/// The payment that answered an order before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaidBefore {
    /// Names its receipt.
    pub payment: String,
    /// When it was paid, milliseconds since 1970.
    pub at: i64,
}

impl Fault {
    /// The codes that the wallet itself gives, beside those of protocol.md section 5. Each has a text in `_locales`.
    pub const OWN: &'static [&'static str] = &[
        "action-unknown",
        "amount-form",
        "answer-unreadable",
        "already-paid",
        "already-registered",
        "approval-gone",
        "backup-version",
        "backup-wrong",
        "field-form",
        "locked",
        "no-answer",
        "no-session-fits",
        "not-registered",
        "origin-blocked",
        "passphrase-short",
        "passphrase-wrong",
        "receipt-unknown",
        "server-unreachable",
        "storage-failed",
        "still-waiting",
        "too-many-requests",
    ];
}

/// Whether money moved when something went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MoneyMoved {
    /// Nothing moved.
    No,
    /// It is not known yet; the wallet goes on asking, and asking again is safe.
    Waiting,
    /// It moved although something went wrong afterwards.
    Yes,
}

/// An action that answers nothing but that it was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {}
