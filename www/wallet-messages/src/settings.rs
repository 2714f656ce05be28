//! The shopper's settings and rules, and what the wallet did by them.

use serde::{Deserialize, Serialize};

use crate::MoneyView;

/// The shopper's settings and rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SettingsView {
    /// After how many minutes without the shopper the wallet locks itself.
    pub lock_minutes: u32,
    /// The least that may be set.
    pub lock_least: u32,
    /// The most that may be set.
    pub lock_most: u32,
    /// How many characters a passphrase has at least; there is no other rule.
    pub passphrase_least: u32,
    /// Sites that are paid without asking, in the order of their names.
    pub silent: Vec<SilentRule>,
    /// The rule by which the next session opens by itself, if there is one.
    pub opening: Option<OpeningRule>,
    /// Sites that may not ask for a while, because they were refused too often.
    pub blocked: Vec<BlockedOrigin>,
    /// When the last backup file was made, milliseconds since 1970.
    pub backed_up_at: Option<i64>,
    /// True if the server tells statements and takes new keys (protocol 2.0).
    pub tells_statements: bool,
}

/// A site that is paid without asking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SilentRule {
    /// The site.
    pub origin: String,
    /// The most that one payment may be.
    pub limit: MoneyView,
    /// Since when, milliseconds since 1970.
    pub since: i64,
    /// How many payments were made by it.
    pub payments: u32,
    /// When the last of them was, milliseconds since 1970.
    pub last_at: Option<i64>,
}

/// What the next session opens with, when a payment finds none that fits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct OpeningRule {
    /// Decimal, in the container's currency. A payment that costs more opens nothing.
    pub amount: String,
    /// How long it may live, in minutes.
    pub minutes: u32,
    /// How many payments it may make.
    pub uses: u16,
}

/// A site that may not ask for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockedOrigin {
    /// The site.
    pub origin: String,
    /// Until when, milliseconds since 1970.
    pub until: i64,
}

/// Something that the shopper has not been shown yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeView {
    /// Names it.
    pub id: String,
    /// When it happened, milliseconds since 1970.
    pub at: i64,
    /// What happened.
    pub what: Notice,
}

/// What a notice says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Notice {
    /// A site was paid without asking.
    PaidSilently {
        /// Names the receipt.
        payment: String,
        /// The site.
        origin: String,
        /// What was charged.
        amount: MoneyView,
    },
    /// A session was opened by the shopper's rule.
    Opened {
        /// With how much.
        amount: MoneyView,
    },
    /// A merchant gave something back.
    Refunded {
        /// The merchant.
        merchant: String,
        /// The order.
        order: String,
        /// How much.
        amount: MoneyView,
    },
}
