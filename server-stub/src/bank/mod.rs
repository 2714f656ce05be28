//! What the server talks to where real money lies: issuers of instruments.
//!
//! A decision is a function of the request, so that procedures stay functions and can be run again after a conflict. An
//! issuer that has to be asked over a network needs a step of its own before the procedure, whose answer is stored.

mod sandbox;

use std::collections::BTreeSet;

use protocol::date::Date;
use protocol::money::Money;
use protocol::value::{Function, Month};

pub use sandbox::Sandbox;

/// What an issuer is told when an instrument is bound (BI1).
#[derive(Clone, Copy, Debug)]
pub struct Application<'a> {
    /// 4417D.
    pub number: &'a str,
    /// Whether it is a card (4417F); accounts are not.
    pub is_card: bool,
    /// 4417K.
    pub expires: Option<&'a Month>,
    /// 4417I.
    pub functions: &'a BTreeSet<Function>,
}

/// What an issuer says to a binding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Yes.
    Bound(Terms),
    /// Only if these questions are answered; then on these terms.
    Challenge(Vec<String>, Terms),
    /// No.
    Declined,
}

/// On which terms an instrument is bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// What it may be used for.
    pub functions: BTreeSet<Function>,
    /// From when on; the status is `pending-pre-note` until then.
    pub enabled_from: Date,
}

/// What an issuer says to a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadDecision {
    /// The money is there.
    Cleared,
    /// It will be there then.
    OnHold(Date),
    /// No.
    Declined,
}

/// How much may be loaded from one instrument, in whole units of its currency (120H.21, 120H.27).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// At once.
    pub load_units: i64,
    /// Within [`Limits::window_secs`].
    pub window_units: i64,
    /// How long the window is.
    pub window_secs: i64,
}

/// Whoever stands behind the instruments.
pub trait Issuer: Send + Sync {
    /// What the issuer is called, for people.
    fn name(&self) -> &str;

    /// Decides on a binding.
    fn bind(&self, application: Application<'_>, now: Date) -> Decision;

    /// Whether these are the answers to the questions asked about an instrument.
    fn answers_fit(&self, number: &str, answers: &[&str]) -> bool;

    /// Takes money from an instrument.
    fn load(&self, number: &str, amount: Money, now: Date) -> LoadDecision;

    /// Sends money to an instrument; whether it takes it.
    fn unload(&self, number: &str, amount: Money) -> bool;

    /// How much may be loaded.
    fn limits(&self) -> Limits;
}
