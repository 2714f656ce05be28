//! The table of actions: name, input, output.

use serde::{Deserialize, Serialize};

use crate::{
    Action, ApprovalView, Autoclosed, Bound, Done, ExportFormat, FileView, HistoryFilter, HistoryView, MessagesView,
    Moved, OpeningRule, Paid, ReceiptView, Registered, Restored, ServerFacts, SessionView, SettingsView, TotalsView,
    WalletState,
};
#[cfg(doc)]
use crate::{ActivityView, InstrumentView, NoticeView, WaitingView};

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

    /// Sends one pending operation again: [`WaitingView::id`]. Asking again is always safe.
    "retry" Retry {
        /// Which operation.
        operation: String,
    } -> Done;

    /// Says that the shopper is at the keyboard: starts the time anew after which the wallet locks itself.
    "touch" Touch {} -> Done;

    /// Changes the passphrase of the vault. Nothing that is sealed is sealed anew.
    "change-passphrase" ChangePassphrase {
        /// The one that opens the vault now.
        old: String,
        /// The one that shall; at least [`SettingsView::passphrase_least`] characters, no other rule.
        new: String,
    } -> Done;

    /// The shopper's settings and rules.
    "settings" ReadSettings {} -> SettingsView;

    /// Sets after how many minutes without the shopper the wallet locks itself.
    "set-lock" SetLock {
        /// From [`SettingsView::lock_least`] to [`SettingsView::lock_most`].
        minutes: u32,
    } -> SettingsView;

    /// Lets one site be paid without asking, up to an amount each time, and never beyond a session's own limits.
    "allow-silent" AllowSilent {
        /// The site, as [`ApprovalView::origin`] names it; it must have asked before.
        origin: String,
        /// Decimal as typed, in the container's currency: the most that one payment may be.
        amount: String,
    } -> SettingsView;

    /// Ends that.
    "revoke-silent" RevokeSilent {
        /// The site.
        origin: String,
    } -> SettingsView;

    /// Sets the rule by which a payment that no session fits opens the next one by itself; nothing ends it.
    "set-opening" SetOpening {
        /// The rule.
        rule: Option<OpeningRule>,
    } -> SettingsView;

    /// The shopper has seen a notice.
    "dismiss-notice" DismissNotice {
        /// Which: [`NoticeView::id`].
        notice: String,
    } -> Done;

    /// What happened, searched and filtered, newest first.
    "history" ReadHistory {
        /// What to look for and how much of it to show.
        filter: HistoryFilter,
    } -> HistoryView;

    /// What was spent, by shop and by month.
    "totals" ReadTotals {
        /// Not before this time, milliseconds since 1970.
        from: Option<i64>,
        /// Before this time.
        until: Option<i64>,
        /// Minutes to be added to UTC for the shopper's own months (the negative of JavaScript's `getTimezoneOffset`).
        utc_offset_minutes: i32,
    } -> TotalsView;

    /// All that happened, as a file.
    "export" Export {
        /// Which form.
        format: ExportFormat,
        /// The entries to be exported; an empty filter takes all.
        filter: HistoryFilter,
    } -> FileView;

    /// The messages of one payment as they travelled, for a dispute.
    "payment-messages" ReadMessages {
        /// Which payment: [`ActivityView::id`].
        payment: String,
    } -> MessagesView;

    /// Everything that is needed to get at the money from another device, sealed under a passphrase of its own.
    "back-up" BackUp {
        /// Seals the file; at least [`SettingsView::passphrase_least`] characters.
        passphrase: String,
    } -> FileView;

    /// Takes over a backup file into a new wallet, then asks the server for the truth, and returns the cash of sessions that
    /// were open on the lost device to the container.
    "restore" Restore {
        /// What is in the file.
        file: String,
        /// The passphrase that it was sealed with.
        file_passphrase: String,
        /// Seals the keys on this device.
        passphrase: String,
    } -> Restored;

    /// Makes another key for the persona and lets the server know it (KC1/KC2): whoever has the old one, on a lost device or
    /// in a backup file, has nothing. Every backup file made so far is worthless then.
    "change-key" ChangeKey {} -> Done;

    /// Asks the server what the persona owns and what happened to it, refunds among it (ST1/ST2).
    "refresh" Refresh {} -> Done;

    /// Closes a persona whose keys are lost, and sends its cash to its autoclose instrument (AC1/AC2). For a new wallet.
    "autoclose" Autoclose {
        /// Base URL of the server.
        server: String,
        /// The persona's id, `brianb-40`.
        persona: String,
        /// The passphrase that was set for this.
        passphrase: String,
    } -> Autoclosed;
}
