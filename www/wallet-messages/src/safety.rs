//! Ways back to one's money: what they end with.

use serde::{Deserialize, Serialize};

use crate::MoneyView;

/// How a restore ended. The wallet is open, and its persona is the one of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Restored {
    /// The persona's id.
    pub persona: String,
    /// The container as the server tells it; nothing if the server has not answered yet: the wallet goes on asking.
    pub balance: Option<MoneyView>,
    /// What came back from sessions that were open elsewhere.
    pub returned: Option<MoneyView>,
}

/// How an autoclose ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Autoclosed {
    /// The persona that is closed now.
    pub persona: String,
    /// What went to its autoclose instrument; nothing if it was closed before.
    pub amount: Option<MoneyView>,
}

/// An autoclose that waits for its answer: with the same passphrase typed again, it is safe to ask again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AutocloseWaiting {
    /// Base URL of the server.
    pub server: String,
    /// The persona.
    pub persona: String,
    /// Since when, milliseconds since 1970.
    pub since: i64,
}
