//! The shopper's settings and rules (220G, software options), and what is remembered because of them.

use protocol::date::Date;
use protocol::money::Money;
use serde::{Deserialize, Serialize};

use super::{Field, Stored};
use crate::vault::Sealed;

/// The shopper's settings (220G). Rules by which money moves are sealed: who can write to the profile cannot grant himself
/// any.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// After how many minutes without the shopper the wallet locks itself.
    pub lock_minutes: u32,
    /// [`Rules`] as JSON; nothing: there are none.
    pub rules: Option<Sealed>,
    /// When the last backup file was made.
    pub backed_up_at: Option<Date>,
    /// Where the last statement was left (ST2, `next`).
    pub statement: Option<String>,
    /// A restore has not come to its end yet.
    #[serde(default)]
    pub recovering: bool,
}

impl Stored for Settings {
    const TABLE: &'static str = "220g-settings";

    fn key(&self) -> String {
        Self::KEY.to_owned()
    }
}

impl Settings {
    /// There is one.
    pub const KEY: &'static str = "settings";
    /// The sealed rules.
    pub const RULES: Field = Field { table: Self::TABLE, name: "rules" };
}

impl Default for Settings {
    fn default() -> Self {
        Self { lock_minutes: 15, rules: None, backed_up_at: None, statement: None, recovering: false }
    }
}

/// Rules by which the wallet moves money without asking.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// Sites that are paid without asking, in the order of their names.
    pub silent: Vec<Silent>,
    /// What the next session opens with.
    pub opening: Option<Opening>,
}

/// A site that is paid without asking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silent {
    /// The site.
    pub origin: String,
    /// The most that one payment may be charged.
    pub limit: Money,
    /// Since when.
    pub since: Date,
    /// How many payments were promised by it.
    pub payments: u32,
    /// When the last of them was.
    pub last_at: Option<Date>,
}

/// What the next session opens with, when a payment finds none that fits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    /// From the container.
    pub amount: Money,
    /// How long it may live.
    pub minutes: u32,
    /// How many payments it may make.
    pub uses: u16,
}

/// How often a site was refused of late.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusals {
    /// The site.
    pub origin: String,
    /// When, by our clock, the latest last.
    pub at: Vec<Date>,
    /// Until when it may not ask.
    pub blocked_until: Option<Date>,
}

impl Stored for Refusals {
    const TABLE: &'static str = "refusals";

    fn key(&self) -> String {
        self.origin.clone()
    }
}

impl Refusals {
    /// Refusals further apart than this are no nuisance.
    const WINDOW_SECONDS: i64 = 30;
    /// So many within the window block the site.
    const MOST: usize = 3;
    /// For how long.
    const BLOCK_SECONDS: i64 = 60;

    /// None yet.
    pub fn none(origin: &str) -> Self {
        Self { origin: origin.to_owned(), at: Vec::new(), blocked_until: None }
    }

    /// One more, now.
    pub fn and_now(&self, now: Date) -> Self {
        let recent = |at: &&Date| at.plus_secs(Self::WINDOW_SECONDS) >= now;
        let mut at: Vec<Date> = self.at.iter().filter(recent).copied().collect();
        at.push(now);
        let blocks = at.len() >= Self::MOST;
        let blocked_until = if blocks { Some(now.plus_secs(Self::BLOCK_SECONDS)) } else { self.blocked_until };
        Self { origin: self.origin.clone(), at, blocked_until }
    }

    /// Whether the site may not ask now.
    pub fn blocks(&self, now: Date) -> bool {
        self.blocked_until.is_some_and(|until| now < until)
    }

    /// Whether it says nothing any more.
    pub fn is_stale(&self, now: Date) -> bool {
        let last = self.at.last().is_none_or(|last| last.plus_secs(Self::WINDOW_SECONDS) < now);
        last && !self.blocks(now)
    }
}

/// Something that the shopper has not been shown yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Names it.
    pub id: String,
    /// When it happened, by our clock.
    pub at: Date,
    /// What happened.
    pub what: Noticed,
}

/// What happened without the shopper.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Noticed {
    /// A site was paid without asking.
    PaidSilently {
        /// The key of the payment.
        payment: String,
        /// The site.
        origin: String,
        /// What was charged.
        amount: Money,
    },
    /// A session was opened by the shopper's rule.
    Opened {
        /// With how much.
        amount: Money,
    },
    /// A merchant gave something back.
    Refunded {
        /// The merchant.
        merchant: String,
        /// The order.
        order: String,
        /// How much.
        amount: Money,
    },
}

impl Stored for Notice {
    const TABLE: &'static str = "notice";

    fn key(&self) -> String {
        self.id.clone()
    }
}
