//! What the pages of the extension ask of its worker, and what it answers.
//!
//! One table: [`Action`] ties a name to an input and an output. A page sends `{"action": NAME, "input": INPUT}` and gets
//! `{"ok": OUTPUT}` or `{"error": ERROR}`. Web pages speak another language, with a listener of its own
//! (`www/extension/content.js`); nothing here is reachable from them.
//!
//! Money, times and limits are typed and unformatted here: how they look is the page's business (`Intl`).

mod view;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

pub use view::*;

/// One thing a page may ask of the worker.
pub trait Action: Serialize + DeserializeOwned {
    /// The name on the wire.
    const NAME: &'static str;
    /// What the worker answers.
    type Output: Serialize + DeserializeOwned;
}

/// A request as it travels from a page of the extension to its worker.
#[derive(Debug, Serialize, Deserialize)]
pub struct Ask {
    /// [`Action::NAME`].
    pub action: String,
    /// The action itself, as JSON.
    #[serde(default)]
    pub input: serde_json::Value,
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
        "field-form",
        "locked",
        "no-answer",
        "no-session-fits",
        "not-registered",
        "passphrase-short",
        "passphrase-wrong",
        "receipt-unknown",
        "server-unreachable",
        "storage-failed",
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

/// Ties the names of actions to their inputs and outputs.
macro_rules! actions {
    ($( $(#[$doc:meta])* $name:literal $input:ident { $( $(#[$fdoc:meta])* $field:ident : $type:ty ),* $(,)? } -> $output:ty; )*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
            #[serde(rename_all = "kebab-case")]
            pub struct $input { $( $(#[$fdoc])* pub $field: $type, )* }

            impl Action for $input {
                const NAME: &'static str = $name;
                type Output = $output;
            }
        )*

        /// The names of all actions.
        pub const ACTIONS: &[&str] = &[ $($name),* ];
    };
}

actions! {
    /// What the wallet holds; the first thing every page asks.
    "state" ReadState {} -> WalletState;

    /// What a payment server offers (its `GET /cybercash/keys`), before a persona is made there.
    "look-up-server" LookUpServer {
        /// Base URL of the server, as typed.
        server: String,
    } -> ServerFacts;

    /// Makes keys and registers a persona (R1/R2).
    "register" Register {
        /// Base URL of the server.
        server: String,
        /// The persona id wished for, without check digits.
        requested_id: String,
        /// Where the server may write to.
        email: String,
        /// BCP 47, lower case.
        language: String,
        /// ISO 4217, lower case.
        currency: String,
        /// Numbers of the legal agreements agreed to.
        agreements: Vec<u32>,
        /// Seals the keys on this device.
        passphrase: String,
        /// Sends the cash home if the device is lost; at least six characters.
        autoclose_passphrase: Option<String>,
    } -> Registered;

    /// Opens the vault.
    "unlock" Unlock {
        /// The passphrase chosen at registration.
        passphrase: String,
    } -> Done;

    /// Forgets the key of the vault until it is unlocked again.
    "lock" Lock {} -> Done;

    /// Binds a bank account or card to the persona (BI1/BI4).
    "bind-instrument" BindInstrument {
        /// `visa`, `mastercard`, `amex`, `discover` or `dda`.
        kind: String,
        /// Digits of the card or account.
        number: String,
        /// `MM/yyyy`, cards only.
        expires: Option<String>,
        /// Holder, as the bank knows it.
        name: String,
        /// Street and number.
        address: String,
        /// City.
        city: String,
        /// State or province, if the country has them.
        state: String,
        /// Postal code.
        postal_code: String,
        /// ISO 3166 alpha-2, lower case.
        country: String,
        /// Send the cash here when the persona is closed by its autoclose passphrase.
        autoclose: Option<String>,
    } -> Bound;

    /// Answers the questions of an issuer (BI3/BI4).
    "answer-challenge" AnswerChallenge {
        /// Which challenge.
        challenge: String,
        /// One answer a question, in order.
        answers: Vec<String>,
    } -> Bound;

    /// Moves money from an instrument into the cash container (LU1/LU2).
    "load" Load {
        /// Which instrument: [`InstrumentView::id`].
        instrument: String,
        /// Decimal as typed, in the container's currency: `100.00`.
        amount: String,
    } -> Moved;

    /// Moves money from the cash container to an instrument (LU1/LU2, negative amount).
    "unload" Unload {
        /// Which instrument: [`InstrumentView::id`].
        instrument: String,
        /// Decimal as typed, positive.
        amount: String,
    } -> Moved;

    /// Opens a session (OS1/OS2).
    "open-session" OpenSession {
        /// Decimal as typed, in the container's currency.
        amount: String,
        /// How long it may live, in minutes.
        minutes: u32,
        /// How many payments it may make.
        uses: u16,
        /// The shopper's own note, may be empty.
        note: String,
    } -> SessionView;

    /// Closes a session; what is left returns to the container (CS1/CS2).
    "close-session" CloseSession {
        /// Which session: [`SessionView::id`].
        session: String,
    } -> Moved;

    /// What the approval window shows.
    "approval" ReadApproval {
        /// The id in the window's address.
        request: String,
    } -> ApprovalView;

    /// The shopper said Pay.
    "approve" Approve {
        /// Which request.
        request: String,
    } -> Paid;

    /// The shopper said Cancel, or closed the window.
    "refuse" Refuse {
        /// Which request.
        request: String,
    } -> Done;

    /// One payment's receipt.
    "receipt" ReadReceipt {
        /// Which payment: [`ActivityView::id`].
        payment: String,
    } -> ReceiptView;

    /// Sends again what still waits for an answer.
    "resend" Resend {} -> Done;
}

/// An action that answers nothing but that it was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {}
