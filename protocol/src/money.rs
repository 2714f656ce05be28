//! Money: whole minor units of a currency, checked arithmetic, never a float.

use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::template::Kind;
use crate::value::{Reading, Value};

/// An ISO 4217 currency.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

/// What is known of each possible code so far: 0 nothing, 1 that it is no currency, else its decimals and 2. A look into
/// the list of ISO 4217 costs more than all else about an amount, and a batch of payments has a thousand of them.
static KNOWN: [AtomicU8; 26 * 26 * 26] = [const { AtomicU8::new(0) }; 26 * 26 * 26];

impl Currency {
    /// The currency of a code such as `usd`; lower case only.
    pub fn of(code: &str) -> Option<Self> {
        let bytes: [u8; 3] = code.as_bytes().try_into().ok()?;
        if !bytes.iter().all(u8::is_ascii_lowercase) {
            return None;
        }
        Self(bytes).decimals().map(|_| Self(bytes))
    }

    /// The code in lower case.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).expect("invariant: three ASCII letters")
    }

    /// How many decimals the currency has: 2 for `usd`, 0 for `jpy`, 3 for `kwd`.
    pub fn digits(self) -> u8 {
        self.decimals().unwrap_or_default()
    }

    /// The decimals of three lower-case letters, if they are a currency with decimals.
    fn decimals(self) -> Option<u8> {
        let place = self.0.iter().fold(0, |place, letter| place * 26 + usize::from(letter - b'a'));
        let known = match KNOWN[place].load(Ordering::Relaxed) {
            0 => {
                let listed = iso_currency::Currency::from_code(&self.code().to_ascii_uppercase());
                let exponent = listed.and_then(iso_currency::Currency::exponent);
                let known = exponent.map_or(1, |exponent| {
                    2 + u8::try_from(exponent).expect("invariant: ISO 4217 knows at most four decimals")
                });
                // Whoever comes at the same time finds the same.
                KNOWN[place].store(known, Ordering::Relaxed);
                known
            }
            known => known,
        };
        known.checked_sub(2)
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.code().to_owned()
    }
}

impl TryFrom<String> for Currency {
    type Error = &'static str;

    fn try_from(code: String) -> Result<Self, Self::Error> {
        Self::of(&code).ok_or("not a currency")
    }
}

impl Value for Currency {
    const KIND: Kind = Kind::Currency;

    fn parse(text: &str, _: Reading) -> Option<Self> {
        Self::of(text)
    }

    fn text(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.code())
    }
}

/// Room for nearly every amount as text.
const DECIMAL_CHARS: usize = 16;

/// An amount in minor units of its currency; its size is at most [`Money::MAX_MINOR`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    /// Which currency.
    pub currency: Currency,
    /// Minor units: cents for `usd`.
    pub minor: i64,
}

/// Why two amounts cannot be taken together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum MoneyFault {
    /// They are of different currencies.
    #[error("{left} and {right} do not add up")]
    OtherCurrency {
        /// The one.
        left: Currency,
        /// The other.
        right: Currency,
    },
    /// The result is larger than an amount may be.
    #[error("the amount is too large")]
    TooLarge,
}

impl Money {
    /// 2^53 - 1: what every JSON reader holds exactly.
    pub const MAX_MINOR: i64 = (1 << 53) - 1;

    /// `minor` units of `currency`.
    pub fn new(currency: Currency, minor: i64) -> Self {
        Self { currency, minor }
    }

    /// Nothing, in `currency`.
    pub fn zero(currency: Currency) -> Self {
        Self::new(currency, 0)
    }

    /// The sum.
    ///
    /// # Errors
    /// Different currencies, or more than [`Money::MAX_MINOR`].
    pub fn plus(self, other: Self) -> Result<Self, MoneyFault> {
        if self.currency != other.currency {
            return Err(MoneyFault::OtherCurrency { left: self.currency, right: other.currency });
        }
        let sum = self.minor.checked_add(other.minor).filter(|sum| sum.abs() <= Self::MAX_MINOR);
        Ok(Self::new(self.currency, sum.ok_or(MoneyFault::TooLarge)?))
    }

    /// The difference.
    ///
    /// # Errors
    /// As [`Money::plus`].
    pub fn minus(self, other: Self) -> Result<Self, MoneyFault> {
        self.plus(other.negated())
    }

    /// The same amount the other way.
    pub fn negated(self) -> Self {
        Self::new(self.currency, -self.minor)
    }

    /// The decimal without its currency: `42.50`.
    pub fn decimal(self) -> String {
        let mut text = String::with_capacity(DECIMAL_CHARS);
        self.write_decimal(&mut text);
        text
    }

    fn write_decimal(self, out: &mut String) {
        let digits = usize::from(self.currency.digits());
        if self.minor < 0 {
            out.push('-');
        }
        let (mut bytes, mut rest, mut start) = ([b'0'; 20], self.minor.unsigned_abs(), 20);
        while rest > 0 || 20 - start <= digits {
            start -= 1;
            bytes[start] = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        let units = std::str::from_utf8(&bytes[start..]).expect("invariant: digits");
        let (whole, part) = units.split_at(units.len() - digits);
        out.push_str(whole);
        if !part.is_empty() {
            out.push('.');
            out.push_str(part);
        }
    }

    /// Reads a decimal in `currency`, with exactly its decimals or (if `lenient`) fewer.
    pub fn of_decimal(currency: Currency, text: &str, lenient: bool) -> Option<Self> {
        let digits = usize::from(currency.digits());
        let (sign, unsigned) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
        let (whole, part) = match unsigned.split_once('.') {
            Some((whole, part)) if !part.is_empty() => (whole, part),
            Some(_) => return None,
            None => (unsigned, ""),
        };
        let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        let written = part.len() == digits || (lenient && part.len() < digits);
        // 2^53 has 16 digits; a longer text is too large whatever its leading zeros say.
        if whole.is_empty() || whole.len() > 16 || !written || !all_digits(whole) || !all_digits(part) {
            return None;
        }
        let number = |text: &str| text.bytes().fold(0, |sum: i64, digit| sum * 10 + i64::from(digit - b'0'));
        let scale = |digits: usize| 10_i64.pow(u32::try_from(digits).expect("invariant: at most four decimals"));
        let minor = number(whole).checked_mul(scale(digits))?;
        let minor = minor.checked_add(number(part) * scale(digits - part.len()))?;
        (minor <= Self::MAX_MINOR).then(|| Self::new(currency, sign * minor))
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

/// Reads `usd 42.50`; one or more blanks may stand between, since gateways change white space.
fn parse_amount(text: &str, reading: Reading) -> Option<Money> {
    let (code, decimal) = text.split_once([' ', '\t'])?;
    let decimal = decimal.trim_matches([' ', '\t']);
    Money::of_decimal(Currency::of(code)?, decimal, reading.few_decimals)
}

impl Value for Money {
    const KIND: Kind = Kind::Amount;

    fn parse(text: &str, reading: Reading) -> Option<Self> {
        parse_amount(text, reading).filter(|_| !text.contains('-'))
    }

    fn text(&self) -> Cow<'_, str> {
        let mut text = String::with_capacity(DECIMAL_CHARS);
        text.push_str(self.currency.code());
        text.push(' ');
        self.write_decimal(&mut text);
        Cow::Owned(text)
    }
}

/// An amount that may be negative: LU1's, where a negative one unloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedMoney(pub Money);

impl Value for SignedMoney {
    const KIND: Kind = Kind::SignedAmount;

    fn parse(text: &str, reading: Reading) -> Option<Self> {
        let money = parse_amount(text, reading)?;
        // "-0.00" would be a second way to write nothing.
        (money.minor != 0 || !text.contains('-')).then_some(Self(money))
    }

    fn text(&self) -> Cow<'_, str> {
        self.0.text().into_owned().into()
    }
}

/// A rate of exchange, in billionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rate(pub u64);

impl Rate {
    /// One to one.
    pub const ONE: Self = Self(Self::SCALE);
    /// Billionths.
    const SCALE: u64 = 1_000_000_000;

    /// Reads a positive decimal with at most nine digits on either side of the point.
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |s: &str| (1..=9).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(part) {
            return None;
        }
        let billionths: u64 = format!("{whole}{part:0<9}").parse().ok()?;
        (billionths > 0).then_some(Self(billionths))
    }

    /// The cost of `price` in `currency`, rounded up to the minor unit: what a payer is charged at the least.
    ///
    /// `per_unit` says how much of either currency one unit of the operator's base currency buys.
    ///
    /// # Errors
    /// More than [`Money::MAX_MINOR`].
    pub fn convert_up(price: Money, price_rate: Self, currency: Currency, rate: Self) -> Result<Money, MoneyFault> {
        let up = |exponent: u8| 10_i128.pow(u32::from(exponent));
        let dividend = i128::from(price.minor) * i128::from(rate.0) * up(currency.digits());
        let divisor = i128::from(price_rate.0) * up(price.currency.digits());
        let cost = (dividend + divisor - 1).div_euclid(divisor);
        let minor = i64::try_from(cost).ok().filter(|minor| *minor <= Money::MAX_MINOR);
        Ok(Money::new(currency, minor.ok_or(MoneyFault::TooLarge)?))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = format!("{:09}", self.0 % Self::SCALE);
        let part = part.trim_end_matches('0');
        write!(f, "{}.{part:0<2}", self.0 / Self::SCALE)
    }
}

/// What one unit of other currencies is worth in the session's currency: `cad 0.60 gbp 1.55` (label `foreign-exchange`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rates(pub Vec<(Currency, Rate)>);

impl Rates {
    /// More currencies than ISO 4217 lists cannot be meant.
    const MAX: usize = 200;
}

impl Value for Rates {
    const KIND: Kind = Kind::Rates;

    fn parse(text: &str, _: Reading) -> Option<Self> {
        let words: Vec<_> = text.split_ascii_whitespace().collect();
        if words.len() % 2 != 0 || words.len() > 2 * Self::MAX {
            return None;
        }
        let pair = |pair: &[&str]| Some((Currency::of(pair[0])?, Rate::parse(pair[1])?));
        words.chunks_exact(2).map(pair).collect::<Option<_>>().map(Self)
    }

    fn text(&self) -> Cow<'_, str> {
        let pairs: Vec<_> = self.0.iter().map(|(currency, rate)| format!("{currency} {rate}")).collect();
        Cow::Owned(pairs.join(" "))
    }
}

/// Prices in other currencies, joined by `;` (label `merchant-amount2`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Amounts(pub Vec<Money>);

impl Value for Amounts {
    const KIND: Kind = Kind::Amounts;

    fn parse(text: &str, reading: Reading) -> Option<Self> {
        let one = |part: &str| Money::parse(part.trim_matches([' ', '\t']), reading);
        text.split(';').take(Rates::MAX).map(one).collect::<Option<_>>().map(Self)
    }

    fn text(&self) -> Cow<'_, str> {
        Cow::Owned(self.0.iter().map(Money::to_string).collect::<Vec<_>>().join(";"))
    }
}

#[cfg(test)]
mod tests;
