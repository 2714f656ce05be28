//! What the operator sets at run time, as the store keeps it: rows that every server process on the store sees. What they
//! mean is the server's business ([`crate::server::policy`]).

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Setting {
    /// What it is about: `rate`, `fee` ...
    pub topic: String,
    /// Which of that topic.
    pub name: String,
    /// What was set, as JSON.
    pub value: String,
}

/// Rows beyond these are not read: far more than any operator sets, and few enough to read each second.
pub const MAX_SETTINGS: usize = 100_000;
