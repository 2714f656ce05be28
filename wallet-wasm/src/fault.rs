//! What can go wrong in the wallet, and what the pages are told of it.

use protocol::outcome::Problem;
use protocol::store::{CommitFault, StoreFault};
use protocol::suite::CryptoFault;
use thiserror::Error;
use wallet_messages::{Fault, MoneyMoved, PaidBefore};

use crate::record::pending::Heard;
use crate::vault::VaultFault;

/// Why something was not done, or not yet.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WalletFault {
    /// No action has that name, or its input is not of its form.
    #[error("no such action")]
    ActionUnknown,
    /// An amount that is not exactly in its currency's form, or not positive.
    #[error("not an amount in the currency's form")]
    AmountForm,
    /// A field that is not of its form.
    #[error("the field {0} is not of its form")]
    FieldForm(&'static str),
    /// There is no persona yet.
    #[error("there is no persona yet")]
    NotRegistered,
    /// There is one already.
    #[error("there is a persona already")]
    AlreadyRegistered,
    /// The vault.
    #[error(transparent)]
    Vault(#[from] VaultFault),
    /// The vault has to be opened first.
    #[error("the vault is locked")]
    Locked,
    /// The server did not say what it offers.
    #[error("the server cannot be reached")]
    ServerUnreachable,
    /// A message was sent and its outcome is not known: it waits, and may be sent again.
    #[error("no answer yet")]
    NoAnswer {
        /// What was heard, if anything.
        heard: Option<Heard>,
        /// Whether money would move by it.
        money: bool,
    },
    /// As [`WalletFault::NoAnswer`], where what came cannot be read.
    #[error("the answer cannot be read")]
    AnswerUnreadable {
        /// Whether money would move by it.
        money: bool,
    },
    /// The server, authentically, or the wallet itself on its behalf: it was not done.
    #[error("refused: {problem}")]
    Refused {
        /// Why.
        problem: Problem,
        /// A sentence for people.
        message: Option<String>,
    },
    /// No session can pay that.
    #[error("no session fits")]
    NoSessionFits,
    /// The order was paid before.
    #[error("already paid")]
    AlreadyPaid(PaidBefore),
    /// No request of that name waits for approval.
    #[error("no such request")]
    ApprovalGone,
    /// No payment of that name.
    #[error("no such receipt")]
    ReceiptUnknown,
    /// A page asks too often.
    #[error("too many requests")]
    TooManyRequests,
    /// A site was refused too often of late.
    #[error("the site may not ask for a while")]
    OriginBlocked,
    /// Something else has to be answered first.
    #[error("something else still waits for its answer")]
    StillWaiting,
    /// A backup file that its passphrase does not open, or no backup file.
    #[error("the backup cannot be opened")]
    BackupWrong,
    /// A backup file of a later version.
    #[error("the backup is of a later version")]
    BackupVersion,
    /// The store failed, or somebody was faster again and again.
    #[error("the store failed: {0}")]
    Storage(String),
    /// Keys or random numbers could not be made.
    #[error("cryptography failed")]
    Crypto,
}

impl WalletFault {
    /// An authentic refusal.
    pub fn refused(problem: Problem) -> Self {
        Self::Refused { problem, message: None }
    }

    /// Its stable code: of [`Fault::OWN`], or of protocol.md section 5.
    pub fn code(&self) -> &str {
        match self {
            Self::ActionUnknown => "action-unknown",
            Self::AmountForm => "amount-form",
            Self::FieldForm(_) => "field-form",
            Self::NotRegistered => "not-registered",
            Self::AlreadyRegistered => "already-registered",
            Self::Vault(VaultFault::PassphraseShort) => "passphrase-short",
            Self::Vault(VaultFault::PassphraseWrong) => "passphrase-wrong",
            Self::Vault(VaultFault::Damaged) | Self::Storage(_) => "storage-failed",
            Self::Locked => "locked",
            Self::ServerUnreachable => "server-unreachable",
            Self::NoAnswer { .. } => "no-answer",
            Self::AnswerUnreadable { .. } => "answer-unreadable",
            Self::Refused { problem, .. } => problem.code(),
            Self::NoSessionFits => "no-session-fits",
            Self::AlreadyPaid(_) => "already-paid",
            Self::ApprovalGone => "approval-gone",
            Self::ReceiptUnknown => "receipt-unknown",
            Self::TooManyRequests => "too-many-requests",
            Self::OriginBlocked => "origin-blocked",
            Self::StillWaiting => "still-waiting",
            Self::BackupWrong => "backup-wrong",
            Self::BackupVersion => "backup-version",
            Self::Crypto => "internal",
        }
    }

    /// What was said about it, in words.
    fn detail(&self) -> Option<String> {
        match self {
            Self::Refused { message, .. } => message.clone(),
            Self::NoAnswer { heard: Some(Heard { problem, message }), .. } => {
                Some(message.clone().unwrap_or_else(|| problem.clone()))
            }
            Self::FieldForm(field) => Some((*field).to_owned()),
            Self::Storage(_) => Some(self.to_string()),
            _ => None,
        }
    }

    fn paid(&self) -> Option<PaidBefore> {
        match self {
            Self::AlreadyPaid(before) => Some(before.clone()),
            _ => None,
        }
    }

    fn money(&self) -> MoneyMoved {
        match self {
            Self::NoAnswer { money: true, .. } | Self::AnswerUnreadable { money: true } => MoneyMoved::Waiting,
            Self::AlreadyPaid(_) => MoneyMoved::Yes,
            _ => MoneyMoved::No,
        }
    }
}

impl From<&WalletFault> for Fault {
    fn from(fault: &WalletFault) -> Self {
        Self { code: fault.code().to_owned(), detail: fault.detail(), money: fault.money(), paid: fault.paid() }
    }
}

impl From<StoreFault> for WalletFault {
    fn from(fault: StoreFault) -> Self {
        Self::Storage(fault.0)
    }
}

impl From<CommitFault> for WalletFault {
    fn from(fault: CommitFault) -> Self {
        Self::Storage(fault.to_string())
    }
}

impl From<CryptoFault> for WalletFault {
    fn from(_: CryptoFault) -> Self {
        Self::Crypto
    }
}
