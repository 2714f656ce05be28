//! One table of messages: which labels stand where, of which type, what is required, what is signed or hashed.
//!
//! A row is written once, in the `record!` of its message; typed record, reader, writer and hash inputs are made of it.
//! The table stays dumb: how a value is read lives in its type ([`crate::value::Value`]).

use std::collections::BTreeMap;
use std::fmt;

use crate::fault::FormFault;
use crate::pairs::Pairs;
use crate::suite::Item;
use crate::value::{Reading, Value};

/// The type of a value, as the table names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each names the type in `value`, `money`, `date` or `persona` that carries its rules")]
pub enum Kind {
    Token(usize),
    Text(usize),
    Lines(usize),
    Base64(usize, usize),
    OneOf(&'static [&'static str]),
    Id,
    Requested,
    Num,
    Count,
    Index,
    Date,
    Amount,
    SignedAmount,
    Amounts,
    Currency,
    Rates,
    Address,
    Language,
    Month,
    Country,
    Url,
    Names,
    Ints,
    Functions,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(n) => write!(f, "token of at most {n}"),
            Self::Text(n) => write!(f, "line of at most {n} characters"),
            Self::Lines(n) => write!(f, "text of at most {n} characters"),
            Self::Base64(min, max) if min == max => write!(f, "base64 of {min} bytes"),
            Self::Base64(min, max) => write!(f, "base64 of {min} to {max} bytes"),
            Self::OneOf(words) => write!(f, "{}", words.join(" or ")),
            other => write!(f, "{}", format!("{other:?}").to_ascii_lowercase()),
        }
    }
}

/// How often a label stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Once.
    Required,
    /// Once or not at all.
    Optional,
    /// With `_1`, `_2` ... behind it, without gaps.
    Numbered,
    /// The label is the beginning of any number of labels.
    Prefix,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// The label, or what stands before its number.
    pub label: &'static str,
    /// The type of its value.
    pub kind: Kind,
    /// How often it stands.
    pub presence: Presence,
    /// Whether the signature or the auth-code covers it.
    pub hashed: bool,
}

/// A section of a message as a typed record.
pub trait Record: Sized {
    /// The rows, in the order of protocol.md section 6, which is the order in which auth-codes list them.
    const FIELDS: &'static [Field];

    /// Reads the record; labels in `pairs` end in `suffix` (`_3` for the third payment of a batch).
    ///
    /// # Errors
    /// The first row that is missing or not of its type.
    fn read(pairs: &Pairs, suffix: &str, reading: Reading) -> Result<Self, FormFault>;

    /// Appends the record to `pairs`.
    fn write(&self, suffix: &str, pairs: &mut Pairs);
}

/// The items of `fields` that are hashed and present in `pairs`, in the table's order.
pub fn hashed_items<'a>(fields: &'static [Field], pairs: &'a Pairs, suffix: &str) -> Vec<Item<'a>> {
    let mut items = Vec::with_capacity(fields.len());
    push_hashed(fields, pairs, suffix, &mut items);
    items
}

/// Appends what [`hashed_items`] yields.
pub fn push_hashed<'a>(fields: &'static [Field], pairs: &'a Pairs, suffix: &str, items: &mut Vec<Item<'a>>) {
    for field in fields.iter().filter(|field| field.hashed) {
        match field.presence {
            Presence::Required | Presence::Optional => items.extend(Label::of(field.label, suffix).entry(pairs)),
            Presence::Numbered => items.extend(numbered(field.label, pairs)),
            Presence::Prefix => items.extend(prefixed(field.label, pairs)),
        }
    }
}

fn numbered<'a>(label: &'static str, pairs: &'a Pairs) -> impl Iterator<Item = Item<'a>> {
    (1..).map_while(move |n| Label::of(label, &format!("_{n}")).entry(pairs))
}

/// A label that is the prefix and nothing more names nothing: it is dropped like others that the table does not know.
fn prefixed<'a>(prefix: &'static str, pairs: &'a Pairs) -> impl Iterator<Item = Item<'a>> {
    pairs.iter().filter(move |(label, _)| label.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty()))
}

/// A label and its suffix as one text, made without an allocation: a batch looks up thousands.
pub(crate) struct Label {
    bytes: [u8; Self::MAX],
    len: usize,
}

impl Label {
    /// Longer than any label of the table with any suffix.
    const MAX: usize = 64;

    /// The label `label` with `suffix` behind it.
    pub(crate) fn of(label: &str, suffix: &str) -> Self {
        let (mut bytes, len) = ([0; Self::MAX], label.len() + suffix.len());
        bytes[..label.len()].copy_from_slice(label.as_bytes());
        bytes[label.len()..len].copy_from_slice(suffix.as_bytes());
        Self { bytes, len }
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.len]).expect("invariant: two texts, one after the other")
    }

    fn entry<'a>(&self, pairs: &'a Pairs) -> Option<(&'a str, &'a str)> {
        pairs.entry(self.as_str())
    }
}

/// What is being read: a section, its suffix, its reading.
pub struct Source<'a> {
    /// The section.
    pub pairs: &'a Pairs,
    /// What labels end in.
    pub suffix: &'a str,
    /// How values are read.
    pub reading: Reading,
    /// All rows of the record, so that a prefix can leave out the labels that have rows of their own.
    pub fields: &'static [Field],
}

/// What may stand in a row: a value, an optional value, a numbered list, a family of labels.
pub trait Slot: Sized {
    /// The type of the value.
    const KIND: Kind;
    /// How often it stands.
    const PRESENCE: Presence;

    /// Reads the slot under `label`.
    ///
    /// # Errors
    /// Missing, or not of its type.
    fn read(source: &Source<'_>, label: &'static str) -> Result<Self, FormFault>;

    /// Appends the slot.
    fn write(&self, label: &'static str, suffix: &str, pairs: &mut Pairs);
}

fn read_value<V: Value>(text: &str, label: &str, reading: Reading) -> Result<V, FormFault> {
    let fault = || FormFault::BadValue { label: label.to_owned(), kind: V::KIND.to_string() };
    V::parse(text, reading).ok_or_else(fault)
}

fn write_value<V: Value>(value: &V, label: &str, suffix: &str, pairs: &mut Pairs) {
    pairs.insert(label, suffix, &value.text(), matches!(V::KIND, Kind::Base64(..)));
}

impl<V: Value> Slot for V {
    const KIND: Kind = V::KIND;
    const PRESENCE: Presence = Presence::Required;

    fn read(source: &Source<'_>, label: &'static str) -> Result<Self, FormFault> {
        let missing = || FormFault::Missing(format!("{label}{}", source.suffix));
        Option::<V>::read(source, label)?.ok_or_else(missing)
    }

    fn write(&self, label: &'static str, suffix: &str, pairs: &mut Pairs) {
        write_value(self, label, suffix, pairs);
    }
}

impl<V: Value> Slot for Option<V> {
    const KIND: Kind = V::KIND;
    const PRESENCE: Presence = Presence::Optional;

    fn read(source: &Source<'_>, label: &'static str) -> Result<Self, FormFault> {
        let label = Label::of(label, source.suffix);
        source.pairs.get(label.as_str()).map(|text| read_value(text, label.as_str(), source.reading)).transpose()
    }

    fn write(&self, label: &'static str, suffix: &str, pairs: &mut Pairs) {
        if let Some(value) = self {
            value.write(label, suffix, pairs);
        }
    }
}

/// At most MAX values under numbered labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbered<V, const MAX: usize>(pub Vec<V>);

// Derived, it would ask for a default of the values, which have none.
impl<V, const MAX: usize> Default for Numbered<V, MAX> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<V: Value, const MAX: usize> Slot for Numbered<V, MAX> {
    const KIND: Kind = V::KIND;
    const PRESENCE: Presence = Presence::Numbered;

    fn read(source: &Source<'_>, label: &'static str) -> Result<Self, FormFault> {
        let read = |(label, text)| read_value(text, label, source.reading);
        let values: Vec<V> = numbered(label, source.pairs).take(MAX + 1).map(read).collect::<Result<_, _>>()?;
        if values.len() > MAX {
            return Err(FormFault::TooLong { what: label, limit: MAX });
        }
        Ok(Self(values))
    }

    fn write(&self, label: &'static str, _: &str, pairs: &mut Pairs) {
        for (n, value) in self.0.iter().enumerate() {
            write_value(value, label, &format!("_{}", n + 1), pairs);
        }
    }
}

/// Every label with a common beginning, but for those that have rows of their own: an instrument's recurring data (230R).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Family(pub BTreeMap<String, String>);

impl Family {
    /// More recurring data than any issuer sends.
    const MAX_LABELS: usize = 48;
    /// Its values are names and codes.
    const MAX_CHARS: usize = 200;
}

impl Slot for Family {
    const KIND: Kind = Kind::Text(Self::MAX_CHARS);
    const PRESENCE: Presence = Presence::Prefix;

    fn read(source: &Source<'_>, prefix: &'static str) -> Result<Self, FormFault> {
        let named = |label: &str| source.fields.iter().any(|field| field.label == label);
        let mut family = BTreeMap::new();
        for (label, value) in prefixed(prefix, source.pairs).filter(|(label, _)| !named(label)) {
            let value: crate::value::Text<{ Self::MAX_CHARS }> = read_value(value, label, source.reading)?;
            family.insert(label.to_owned(), value.into_string());
        }
        if family.len() > Self::MAX_LABELS {
            return Err(FormFault::TooLong { what: prefix, limit: Self::MAX_LABELS });
        }
        Ok(Self(family))
    }

    fn write(&self, _: &'static str, _: &str, pairs: &mut Pairs) {
        for (label, value) in &self.0 {
            pairs.push_text(label, value);
        }
    }
}

/// Writes a section of a message once: its rows become a typed record with reader, writer and table.
///
/// A row is `hashed "label" name: Type` or `plain "label" name: Type`; `hashed` rows enter the signature or auth-code.
#[macro_export]
macro_rules! record {
    ($(#[$doc:meta])* pub struct $name:ident {
        $( $(#[$fdoc:meta])* $mark:ident $label:literal $field:ident : $type:ty, )*
    }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name { $( $(#[$fdoc])* pub $field: $type, )* }

        impl $crate::template::Record for $name {
            const FIELDS: &'static [$crate::template::Field] = &[$(
                $crate::template::Field {
                    label: $label,
                    kind: <$type as $crate::template::Slot>::KIND,
                    presence: <$type as $crate::template::Slot>::PRESENCE,
                    hashed: $crate::record!(@hashed $mark),
                },
            )*];

            fn read(
                pairs: &$crate::pairs::Pairs,
                suffix: &str,
                reading: $crate::value::Reading,
            ) -> Result<Self, $crate::FormFault> {
                let source = $crate::template::Source { pairs, suffix, reading, fields: Self::FIELDS };
                Ok(Self { $( $field: <$type as $crate::template::Slot>::read(&source, $label)?, )* })
            }

            fn write(&self, suffix: &str, pairs: &mut $crate::pairs::Pairs) {
                let Self { $( $field, )* } = self;
                $( $crate::template::Slot::write($field, $label, suffix, pairs); )*
            }
        }
    };
    (@hashed hashed) => { true };
    (@hashed plain) => { false };
}

#[cfg(test)]
mod tests;
