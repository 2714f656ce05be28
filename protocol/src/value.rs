//! The types of values (protocol.md section 2): each newtype can only hold what its form allows.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::pairs::is_forbidden;
use crate::suite::Protocol;
use crate::template::Kind;

/// How strictly values are read; it differs by protocol number only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Amounts may have fewer decimals than their currency (`usd 0.0`, protocol 1.0).
    pub few_decimals: bool,
}

impl Reading {
    /// Nothing but the exact form.
    pub const STRICT: Self = Self { few_decimals: false };

    /// The reading of a protocol number.
    pub fn of(protocol: Protocol) -> Self {
        Self { few_decimals: protocol == Protocol::V1 }
    }
}

/// A value of one of the table's types.
pub trait Value: Sized {
    /// How the table names the type.
    const KIND: Kind;

    /// Reads the value, or nothing if the text is not of its form.
    fn parse(text: &str, reading: Reading) -> Option<Self>;

    /// The value as it is written.
    fn text(&self) -> Cow<'_, str>;
}

/// Makes a newtype over `String` with a predicate for its form.
macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident $(<$n:ident>)?, $kind:expr, |$text:ident| $form:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name $(<const $n: usize>)? (String);

        impl $(<const $n: usize>)? $name $(<$n>)? {
            /// The value, if `text` is of its form.
            pub fn of(text: &str) -> Option<Self> {
                Self::parse(text, Reading::STRICT)
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The text, given away.
            pub fn into_string(self) -> String {
                self.0
            }
        }

        impl $(<const $n: usize>)? Value for $name $(<$n>)? {
            const KIND: Kind = $kind;

            fn parse($text: &str, _: Reading) -> Option<Self> {
                let fits: bool = $form;
                fits.then(|| Self($text.to_owned()))
            }

            fn text(&self) -> Cow<'_, str> {
                Cow::Borrowed(&self.0)
            }
        }

        impl $(<const $n: usize>)? fmt::Debug for $name $(<$n>)? {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.0)
            }
        }

        impl $(<const $n: usize>)? fmt::Display for $name $(<$n>)? {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

texts! {
    /// `[A-Za-z0-9._:/+=-]{1,N}`.
    Token<N>, Kind::Token(N), |text| is_token(text, N);
    /// One line of at most N Unicode scalar values.
    Text<N>, Kind::Text(N), |text| is_text(text, N) && !text.contains(['\n', '\t']);
    /// Several lines of at most N Unicode scalar values together.
    Lines<N>, Kind::Lines(N), |text| is_text(text, N);
    /// An address for electronic mail, of at most 254 characters.
    Address, Kind::Address, |text| is_address(text);
    /// A BCP 47 language tag, lower case.
    Language, Kind::Language, |text| is_language(text);
    /// `MM/yyyy`.
    Month, Kind::Month, |text| is_month(text);
    /// ISO 3166 alpha-2.
    Country, Kind::Country, |text| text.len() == 2 && text.bytes().all(|b| b.is_ascii_alphabetic());
    /// An absolute `https:` URL, or an `http:` one of this machine; without user information.
    Url, Kind::Url, |text| is_url(text);
    /// Names joined by `;`, such as the cards a merchant accepts.
    Names, Kind::Names, |text| is_names(text);
}

/// The name of a server key (label `serverkey`): the pointer into structure 160.
pub type ServerKeyName = Token<16>;
/// A merchant's order id (350A).
pub type OrderId = Token<64>;

fn is_token(text: &str, limit: usize) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._:/+=-".contains(&b);
    (1..=limit).contains(&text.len()) && text.bytes().all(allowed)
}

fn is_text(text: &str, limit: usize) -> bool {
    !text.is_empty() && text.len() <= 4 * limit && text.chars().count() <= limit && may_stand(text)
}

/// Whether a section may hold the text: what is a value here can be sent.
fn may_stand(text: &str) -> bool {
    // Nearly every text is printable ASCII, which a look at all bytes at once tells.
    text.bytes().fold(true, |plain, byte| plain & matches!(byte, b' '..=b'~'))
        || !text.contains(|c| is_forbidden(c) && !matches!(c, '\n' | '\t'))
}

fn is_address(text: &str) -> bool {
    let parts = text.split_once('@');
    is_text(text, 254)
        && !text.contains(char::is_whitespace)
        && parts.is_some_and(|(local, host)| !local.is_empty() && !host.is_empty() && !host.contains('@'))
}

fn is_language(text: &str) -> bool {
    let subtag = |part: &str| {
        (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    (2..=35).contains(&text.len()) && text.split('-').all(subtag)
}

fn is_month(text: &str) -> bool {
    let Some((month, year)) = text.split_once('/') else { return false };
    let digits = |s: &str, n: usize| s.len() == n && s.bytes().all(|b| b.is_ascii_digit());
    digits(month, 2) && digits(year, 4) && ("01"..="12").contains(&month)
}

fn is_names(text: &str) -> bool {
    let name = |part: &str| {
        let part = part.trim_matches([' ', '\t']);
        (1..=32).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
    };
    text.len() <= 512 && text.split(';').all(name)
}

fn is_url(text: &str) -> bool {
    if text.len() > Url::MAX_BYTES || text.contains(|c: char| c.is_whitespace() || is_forbidden(c)) {
        return false;
    }
    let Some((scheme, _)) = scheme_and_authority(text) else { return false };
    let Ok(url) = url::Url::parse(text) else { return false };
    let here = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    scheme.eq_ignore_ascii_case(url.scheme()) && (url.scheme() == "https" || (url.scheme() == "http" && here))
}

/// Scheme and authority of an absolute address, where a parser has nothing to repair in them: it repairs much (`https:/x`,
/// `https:\\x`), and hosts stand in ASCII here, as browsers write origins.
pub fn scheme_and_authority(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let plain = authority.is_ascii() && !authority.is_empty() && !authority.contains(['@', '\\', '%']);
    plain.then_some((scheme, authority))
}

impl Url {
    /// Longer addresses are not understood everywhere.
    const MAX_BYTES: usize = 2_048;

    /// The origin as browsers write it: scheme, host and port where it is not the scheme's own.
    pub fn origin(&self) -> String {
        url::Url::parse(&self.0).map(|url| url.origin().ascii_serialization()).unwrap_or_default()
    }
}

/// Bytes written in base64, between MIN and MAX of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes<const MIN: usize, const MAX: usize>(Vec<u8>);

/// Exactly N bytes.
pub type Exactly<const N: usize> = Bytes<N, N>;
/// Any number of bytes that fits into a value.
pub type AnyBytes = Bytes<1, 589_824>;
/// A session's id (130A): 64 bits.
pub type SessionId = Exactly<8>;

impl<const MIN: usize, const MAX: usize> Bytes<MIN, MAX> {
    /// Takes over `bytes` if their number fits.
    pub fn of(bytes: Vec<u8>) -> Option<Self> {
        (MIN..=MAX).contains(&bytes.len()).then_some(Self(bytes))
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }
}

impl SessionId {
    /// The id of a number; ids are given in sequence (130A).
    pub fn of_number(number: u64) -> Self {
        Self(number.to_be_bytes().to_vec())
    }

    /// The number of an id.
    pub fn number(&self) -> u64 {
        u64::from_be_bytes(self.0.as_slice().try_into().expect("invariant: eight bytes"))
    }
}

impl<const MIN: usize, const MAX: usize> Value for Bytes<MIN, MAX> {
    const KIND: Kind = Kind::Base64(MIN, MAX);

    fn parse(text: &str, _: Reading) -> Option<Self> {
        Self::of(from_base64(text)?)
    }

    fn text(&self) -> Cow<'_, str> {
        Cow::Owned(to_base64(&self.0))
    }
}

/// Base64 as RFC 4648 section 4 writes it, padded.
pub fn to_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Reads base64; blanks between the characters are what folding leaves behind.
pub fn from_base64(text: &str) -> Option<Vec<u8>> {
    if text.contains([' ', '\t']) {
        let joined: String = text.split([' ', '\t']).collect();
        return STANDARD.decode(joined).ok();
    }
    STANDARD.decode(text).ok()
}

/// A number of at most 2^53 - 1, at least 1; leading zeros are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Num(u64);

impl Num {
    /// What every JSON reader holds exactly.
    pub const MAX: u64 = (1 << 53) - 1;

    /// The number, if it is in range.
    pub fn of(number: u64) -> Option<Self> {
        (1..=Self::MAX).contains(&number).then_some(Self(number))
    }

    /// As an integer.
    pub fn get(self) -> u64 {
        self.0
    }
}

impl Value for Num {
    const KIND: Kind = Kind::Num;

    fn parse(text: &str, _: Reading) -> Option<Self> {
        read_decimal(text).and_then(Self::of)
    }

    fn text(&self) -> Cow<'_, str> {
        Cow::Owned(self.0.to_string())
    }
}

/// A number that may be nothing: what is left of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Count(pub u64);

impl Value for Count {
    const KIND: Kind = Kind::Count;

    fn parse(text: &str, _: Reading) -> Option<Self> {
        read_decimal(text).filter(|number| *number <= Num::MAX).map(Self)
    }

    fn text(&self) -> Cow<'_, str> {
        Cow::Owned(self.0.to_string())
    }
}

/// The number of a payment within its session (240G): 1 to 65535.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Index(u16);

impl Index {
    /// The first.
    pub const FIRST: Self = Self(1);

    /// The index, if it is in range.
    pub fn of(number: u64) -> Option<Self> {
        u16::try_from(number).ok().filter(|index| *index > 0).map(Self)
    }

    /// As an integer.
    pub fn get(self) -> u16 {
        self.0
    }

    /// The next, if there is one.
    pub fn next(self) -> Option<Self> {
        self.0.checked_add(1).map(Self)
    }
}

impl Value for Index {
    const KIND: Kind = Kind::Index;

    fn parse(text: &str, _: Reading) -> Option<Self> {
        read_decimal(text).and_then(Self::of)
    }

    fn text(&self) -> Cow<'_, str> {
        Cow::Owned(self.0.to_string())
    }
}

fn read_decimal(text: &str) -> Option<u64> {
    // 32 digits are more than any number here needs, zeros in front included.
    let form = (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    form.then(|| text.parse().ok()).flatten()
}

/// The version of a message in a session; there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Version1;

impl Version1 {
    /// As it enters a message key.
    pub const NUMBER: u8 = 1;
}

impl Value for Version1 {
    const KIND: Kind = Kind::OneOf(&["1"]);

    fn parse(text: &str, _: Reading) -> Option<Self> {
        (text == "1").then_some(Self)
    }

    fn text(&self) -> Cow<'_, str> {
        Cow::Borrowed("1")
    }
}

/// `yes` or `no`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct YesNo(pub bool);

impl Value for YesNo {
    const KIND: Kind = Kind::OneOf(&["yes", "no"]);

    fn parse(text: &str, _: Reading) -> Option<Self> {
        match text {
            "yes" => Some(Self(true)),
            "no" => Some(Self(false)),
            _ => None,
        }
    }

    fn text(&self) -> Cow<'_, str> {
        Cow::Borrowed(if self.0 { "yes" } else { "no" })
    }
}

/// Numbers joined by `,`: legal agreements (120I, 220L).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ints(pub Vec<u32>);

impl Ints {
    /// More agreements than anybody reads.
    const MAX: usize = 64;
}

impl Value for Ints {
    const KIND: Kind = Kind::Ints;

    fn parse(text: &str, _: Reading) -> Option<Self> {
        let number = |part: &str| {
            let part = part.trim_matches([' ', '\t']);
            read_decimal(part).and_then(|number| u32::try_from(number).ok())
        };
        let all: Vec<_> = text.split(',').take(Self::MAX + 1).map(number).collect::<Option<_>>()?;
        (all.len() <= Self::MAX).then_some(Self(all))
    }

    fn text(&self) -> Cow<'_, str> {
        Cow::Owned(self.0.iter().map(u32::to_string).collect::<Vec<_>>().join(","))
    }
}

/// What an instrument may be used for (120H.16 to .23).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Function {
    /// Pay merchants directly.
    Charge,
    /// Be credited by merchants.
    Credit,
    /// Fill the cash container.
    Load,
    /// Take money out of the cash container.
    Unload,
}

impl Function {
    const ALL: [(Self, &'static str); 4] =
        [(Self::Charge, "charge"), (Self::Credit, "credit"), (Self::Load, "load"), (Self::Unload, "unload")];
}

/// Several functions, joined by `,`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Functions(pub BTreeSet<Function>);

impl Value for Functions {
    const KIND: Kind = Kind::Functions;

    fn parse(text: &str, _: Reading) -> Option<Self> {
        let one = |part: &str| {
            let part = part.trim_matches([' ', '\t']);
            Function::ALL.iter().find(|(_, name)| *name == part).map(|(function, _)| *function)
        };
        (text.len() <= 64).then(|| text.split(',').map(one).collect::<Option<_>>().map(Self))?
    }

    fn text(&self) -> Cow<'_, str> {
        let names = Function::ALL.iter().filter(|(function, _)| self.0.contains(function));
        Cow::Owned(names.map(|(_, name)| *name).collect::<Vec<_>>().join(","))
    }
}

#[cfg(test)]
mod tests;
