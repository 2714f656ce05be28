//! What happened: searched, added up, exported.

use serde::{Deserialize, Serialize};

use crate::{ActivityKind, ActivityState, ActivityView, MoneyView};

/// What to look for. Fields that say nothing exclude nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct HistoryFilter {
    /// Words that all have to appear somewhere in the entry: merchant, site, order, note, amount. Case does not matter.
    pub text: String,
    /// These kinds only.
    pub kinds: Vec<ActivityKind>,
    /// These states only.
    pub states: Vec<ActivityState>,
    /// This site only.
    pub origin: Option<String>,
    /// Not before this time, milliseconds since 1970.
    pub from: Option<i64>,
    /// Before this time.
    pub until: Option<i64>,
    /// How many of the entries found to leave out.
    pub skip: u32,
    /// How many to show at most; 0 stands for as many as the wallet gives at once (200).
    pub most: u32,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct HistoryView {
    /// Newest first.
    pub entries: Vec<ActivityView>,
    /// How many were found in all.
    pub found: u32,
    /// Every site that was ever paid, for a choice.
    pub origins: Vec<String>,
}

/// What was spent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TotalsView {
    /// By shop and currency, the largest first.
    pub shops: Vec<ShopTotal>,
    /// By month and currency, the newest first; months without payments are left out.
    pub months: Vec<MonthTotal>,
}

/// What one shop got.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ShopTotal {
    /// The site; empty where it is not known (after a restore).
    pub origin: String,
    /// The merchant's persona id.
    pub merchant: String,
    /// How many payments.
    pub payments: u32,
    /// What they come to, less what was given back.
    pub total: MoneyView,
    /// When the last was, milliseconds since 1970.
    pub last_at: i64,
}

/// What was spent in one month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MonthTotal {
    /// Of our era.
    pub year: i32,
    /// 1 to 12.
    pub month: u8,
    /// How many payments.
    pub payments: u32,
    /// What they come to, less what was given back.
    pub total: MoneyView,
}

/// The form of an exported file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExportFormat {
    /// RFC 4180, UTF-8, one line an entry.
    Csv,
    /// One array of objects.
    Json,
}

/// A file for the shopper to keep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileView {
    /// What to call it.
    pub name: String,
    /// Its media type.
    pub mime: String,
    /// What is in it.
    pub text: String,
}

/// The messages of a payment as they travelled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessagesView {
    /// PR1, with the merchant's signature.
    pub offer: String,
    /// CA1.
    pub payment: String,
    /// CA4; nothing while it waits, or where a session's log settled it.
    pub receipt: Option<String>,
    /// All of them in one file.
    pub file: FileView,
}
