//! What the operator decides.

use std::collections::BTreeMap;

use protocol::date::Date;
use protocol::keys::Agreement;
use protocol::money::{Currency, Money, MoneyFault, Rate, Rates};
use serde::{Deserialize, Serialize};

use super::fee::Fees;
use super::language::Language;
use super::service::Switches;

use super::rehearsal::Rehearsal;
use crate::store::record::InstrumentStatus;

/// Caps of sessions under protocol 1.0, whose ciphers anyone can break with patience.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassicCaps {
    /// Longest lifetime.
    pub lifetime_minutes: u32,
    /// Largest amount, in whole units.
    pub amount_units: i64,
}

impl ClassicCaps {
    /// The largest amount where the operator says nothing else, whole units.
    pub const CAUTIOUS_UNITS: u32 = 100;
    /// Longest lifetime, whatever the operator says: what DES costs to break is more than an hour.
    const LIFETIME_MINUTES: u32 = 60;
    /// An hour and a hundred units.
    pub const CAUTIOUS: Self = Self { lifetime_minutes: Self::LIFETIME_MINUTES, amount_units: 100 };

    /// An hour, and what the operator says.
    pub fn of_units(units: u32) -> Self {
        Self { amount_units: units.into(), ..Self::CAUTIOUS }
    }
}

/// What a software version is worth (structure 170).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Software {
    /// It works, with a sentence for its user.
    Warning(String),
    /// It is not served any more, with a sentence for its user.
    Fatal(String),
}

/// The operator's decisions.
#[derive(Clone, Debug)]
pub struct Config {
    /// Whether protocol 1.0 is spoken.
    pub allow_classic: bool,
    /// The shortest RSA key of a persona, bits.
    pub classic_min_bits: u32,
    /// Narrower limits for sessions of protocol 1.0; none in simulations, where both suites do the same.
    pub classic_caps: Option<ClassicCaps>,
    /// Agreements that a new persona must have agreed to.
    pub agreements: Vec<Agreement>,
    /// Agreements that a persona must have agreed to before it binds an instrument.
    pub binding_agreements: Vec<Agreement>,
    /// What is switched off.
    pub switches: Switches,
    /// How many gifts wait for an e-mail address.
    pub gifts: BTreeMap<String, u32>,
    /// The language of sentences for people whose own is not known, or not one of ours.
    pub language: Language,
    /// Structure 170: versions that are not current.
    pub software: BTreeMap<String, Software>,
    /// The currencies served, and how much of each one unit of the base currency buys.
    pub rates: BTreeMap<Currency, Rate>,
    /// The status of an instrument whose issuer has said yes (120H.15).
    pub new_instruments: InstrumentStatus,
    /// What operations cost.
    pub fees: Fees,
    /// When the books were last restored from a backup: what was answered shortly before is not known.
    pub restored: Option<Date>,
    /// Longest lifetime of a session; more is cut.
    pub max_lifetime_minutes: u32,
    /// Most uses of a session; more are cut.
    pub max_uses: u16,
    /// Largest amount of a session, in whole units; more is cut.
    pub max_session_units: i64,
    /// Refusals on request, in the sandbox's playground only.
    pub rehearsal: Option<Rehearsal>,
}

/// How far a client's clock may be off (protocol.md section 5).
pub const MAX_SKEW_SECS: i64 = 24 * 3_600;
/// A month: nobody's pocket money should be forgotten for longer.
const MAX_LIFETIME_MINUTES: u32 = 30 * 24 * 60;
/// What a stolen wallet can lose at once.
const MAX_SESSION_UNITS: i64 = 10_000;
/// NIST SP 800-57: what RSA keys have at the least.
const CLASSIC_MIN_BITS: u32 = 2_048;
/// Rates of a new server (protocol.md section 8).
const DEFAULT_RATES: [(&str, &str); 6] =
    [("usd", "1"), ("cad", "1.40"), ("gbp", "0.80"), ("eur", "0.90"), ("jpy", "150"), ("kwd", "0.300")];

impl Default for Config {
    fn default() -> Self {
        let rate = |(code, rate)| Some((Currency::of(code)?, Rate::parse(rate)?));
        Self {
            allow_classic: false,
            classic_min_bits: CLASSIC_MIN_BITS,
            classic_caps: Some(ClassicCaps::CAUTIOUS),
            agreements: Vec::new(),
            binding_agreements: Vec::new(),
            switches: Switches::default(),
            gifts: BTreeMap::new(),
            language: Language::default(),
            software: BTreeMap::new(),
            rates: DEFAULT_RATES.into_iter().filter_map(rate).collect(),
            new_instruments: InstrumentStatus::Enabled,
            fees: Fees::default(),
            restored: None,
            max_lifetime_minutes: MAX_LIFETIME_MINUTES,
            max_uses: u16::MAX,
            max_session_units: MAX_SESSION_UNITS,
            rehearsal: None,
        }
    }
}

impl Config {
    /// Whether a request that is dated `theirs` may have been answered in what a restore has lost.
    pub fn is_from_before_restore(&self, theirs: Date) -> bool {
        self.restored.is_some_and(|restored| theirs < restored)
    }

    /// What a client is told to date its requests by: never a time before the restore, which would be refused again until a
    /// clock that was turned back has caught up.
    pub fn date_to_use(&self, now: Date) -> Date {
        self.restored.map_or(now, |restored| now.max(restored))
    }

    /// Whether money may leave for the bank. For a day after a restore it may not: clients may be a day off, so only then
    /// can no request any more be sent again that was dated before, was answered, and was lost.
    pub fn pays_out(&self, now: Date) -> bool {
        self.restored.is_none_or(|restored| now >= restored.plus_secs(MAX_SKEW_SECS))
    }

    /// What `price` costs in another currency, rounded up to its minor unit; nothing if either is not served.
    ///
    /// # Errors
    /// More than an amount may be.
    pub fn convert(&self, price: Money, currency: Currency) -> Option<Result<Money, MoneyFault>> {
        let (from, to) = (self.rates.get(&price.currency)?, self.rates.get(&currency)?);
        Some(Rate::convert_up(price, *from, currency, *to))
    }

    /// What one unit of `other` is worth in `currency`, rounded up so that a payer who converts with it covers the price.
    pub fn rate(&self, other: Currency, currency: Currency) -> Option<Rate> {
        let (other, ours) = (self.rates.get(&other)?, self.rates.get(&currency)?);
        let worth = (u128::from(ours.0) * u128::from(Rate::ONE.0)).div_ceil(u128::from(other.0));
        u64::try_from(worth).ok().filter(|worth| *worth < MAX_RATE).map(Rate)
    }

    /// What one unit of each other currency is worth in `currency` (4717J).
    pub fn rates_in(&self, currency: Currency) -> Rates {
        let others = self.rates.keys().filter(|other| **other != currency);
        Rates(others.filter_map(|other| Some((*other, self.rate(*other, currency)?))).collect())
    }
}

/// Rates have at most nine digits before the point on the wire.
const MAX_RATE: u64 = 1_000_000_000 * 1_000_000_000;

/// `units` whole units of a currency.
pub fn whole_units(currency: Currency, units: i64) -> Money {
    let minor = units.saturating_mul(10_i64.pow(u32::from(currency.digits()))).min(Money::MAX_MINOR);
    Money::new(currency, minor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn currency(code: &str) -> Currency {
        Currency::of(code).expect("a currency")
    }

    #[test]
    fn converting_rounds_against_the_payer() {
        let config = Config::default();
        let convert = |minor, from, to| config.convert(Money::new(currency(from), minor), currency(to));
        // cad 1.00 is usd 0.714285...
        assert_eq!(convert(100, "cad", "usd"), Some(Ok(Money::new(currency("usd"), 72))));
        assert_eq!(convert(100, "usd", "jpy"), Some(Ok(Money::new(currency("jpy"), 150))));
        assert_eq!(convert(1, "jpy", "kwd"), Some(Ok(Money::new(currency("kwd"), 2))));
        assert_eq!(convert(1, "usd", "chf"), None);
    }

    #[test]
    fn for_a_day_after_a_restore_nothing_leaves_for_the_bank() {
        let restored = Date::from_millis(1_795_238_282_929);
        let config = Config { restored: Some(restored), ..Config::default() };
        let after = |seconds| config.pays_out(restored.plus_secs(seconds));
        assert_eq!([0, MAX_SKEW_SECS - 1, MAX_SKEW_SECS, MAX_SKEW_SECS + 1].map(after), [false, false, true, true]);
        assert!(Config::default().pays_out(restored), "books that were never restored");
    }

    #[test]
    fn a_rate_of_ten_digits_before_the_point_is_none() {
        let rate = |micro: u64| {
            let rates = [(currency("usd"), Rate::ONE), (currency("eur"), Rate(micro))].into();
            Config { rates, ..Config::default() }.rate(currency("eur"), currency("usd"))
        };
        assert_eq!((rate(1), rate(2)), (None, Some(Rate(MAX_RATE / 2))));
    }

    #[test]
    fn a_published_rate_covers_every_price() {
        let config = Config::default();
        for (from, to) in [("cad", "usd"), ("jpy", "gbp"), ("kwd", "jpy"), ("eur", "cad")] {
            let (from, to) = (currency(from), currency(to));
            let rate = config.rate(from, to).expect("a rate");
            for minor in [1, 7, 99, 12_345, 9_999_999] {
                let price = Money::new(from, minor);
                let offered = Rate::convert_up(price, Rate::ONE, to, rate).expect("an amount");
                let cost = config.convert(price, to).expect("a rate").expect("an amount");
                assert!(offered.minor >= cost.minor && offered.minor <= cost.minor + 1, "{price}: {offered}, {cost}");
            }
        }
    }
}
