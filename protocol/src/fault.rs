//! What can be wrong with the form of a message.

use thiserror::Error;

use crate::suite::{Item, Protocol};
use crate::template::{Field, Presence};

/// Why a text is not a message of this protocol, or not the message it claims to be.
///
/// A malformed envelope is discarded (protocol.md section 1); a well-formed one whose labels or values do not fit its
/// template is answered with problem `form`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FormFault {
    /// Longer than a message, value or section may be.
    #[error("the {what} is longer than {limit}")]
    TooLong {
        /// Which part.
        what: &'static str,
        /// The limit, in bytes or items.
        limit: usize,
    },
    /// The bytes are not UTF-8.
    #[error("the text is not UTF-8")]
    NotText,
    /// A control character, line separator or bidirectional control where none may stand.
    #[error("a character that may not stand in a value")]
    BadCharacter,
    /// The header line is missing or names another system.
    #[error("there is no header of this system")]
    NoHeader,
    /// The header names a protocol number nobody has defined.
    #[error("protocol {0} is not known")]
    UnknownProtocol(String),
    /// The trailer line is missing.
    #[error("there is no trailer")]
    NoTrailer,
    /// Something other than white space stands behind the trailer.
    #[error("something stands behind the trailer")]
    Trailing,
    /// The checksum differs from that of the text.
    #[error("the checksum does not fit the text")]
    Checksum,
    /// A line that is neither a pair nor the continuation of one.
    #[error("line {0} is neither a pair nor a continuation")]
    BadLine(usize),
    /// A label twice in one section.
    #[error("the label {0} stands twice")]
    Repeated(String),
    /// A label that the template requires is absent.
    #[error("the label {0} is missing")]
    Missing(String),
    /// A label stands that its message does not allow here.
    #[error("the label {0} may not stand here")]
    Unexpected(String),
    /// A value is not of its label's type.
    #[error("the value of {label} is not a {kind}")]
    BadValue {
        /// Which label.
        label: String,
        /// The type, as the table names it.
        kind: String,
    },
    /// The message is of another type.
    #[error("this is a {found}, not a {expected}")]
    OtherType {
        /// The type wanted.
        expected: &'static str,
        /// The type read.
        found: String,
    },
    /// A hashed free text could be mistaken for another hashed field (protocol 1.0 joins without separators).
    #[error("the text of {0} could be read as another field")]
    Ambiguous(String),
    /// Records that contradict each other, such as a success with a problem.
    #[error("{0}")]
    Contradiction(&'static str),
}

/// How a row announces itself in what protocol 1.0 hashes: `amount:`, `answer_`, `instrument-`.
pub(crate) fn marker(field: &Field) -> String {
    match field.presence {
        Presence::Required | Presence::Optional => format!("{}:", field.label),
        Presence::Numbered => format!("{}_", field.label),
        Presence::Prefix => field.label.to_owned(),
    }
}

/// Refuses, in protocol 1.0, a signed value in which a later signed field could be read. Values are joined there without
/// white space, so that a note and an amount could hash like one note that ends in the text of an amount.
///
/// `markers` are those of all signed rows, in the order in which they are hashed.
pub(crate) fn refuse_ambiguous(protocol: Protocol, markers: &[String], items: &[Item<'_>]) -> Result<(), FormFault> {
    if protocol != Protocol::V1 {
        return Ok(());
    }
    for (label, value) in items {
        let value: String = value.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        let own = markers.iter().position(|marker| is_marker_of(marker, label)).map_or(0, |at| at + 1);
        if markers[own..].iter().any(|marker| value.contains(marker.as_str())) {
            return Err(FormFault::Ambiguous(label.to_string()));
        }
    }
    Ok(())
}

fn is_marker_of(marker: &str, label: &str) -> bool {
    marker.strip_suffix(':').map_or_else(|| label.starts_with(marker), |exact| exact == label)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKERS: [&str; 4] = ["amount:", "note:", "answer_", "instrument-"];

    fn refused(protocol: Protocol, label: &str, value: &str) -> bool {
        refuse_ambiguous(protocol, &MARKERS.map(str::to_owned), &[(label, value)]).is_err()
    }

    #[test]
    fn a_text_must_not_hold_what_is_hashed_after_it() {
        for (label, value) in [
            ("amount", "usd 1.00 note:x"),
            ("amount", "no te: x"),
            ("note", "answer_1"),
            ("answer_1", "instrument-city"),
            ("not-in-the-table", "amount:usd"),
        ] {
            assert!(refused(Protocol::V1, label, value), "{label}: {value}");
            assert!(!refused(Protocol::V2, label, value), "{label}: {value}");
        }
    }

    #[test]
    fn a_text_may_hold_its_own_label_and_those_before_it() {
        for (label, value) in [
            ("amount", "amount:"),
            ("note", "note: and amount:"),
            ("answer_1", "answer_2, note:"),
            ("instrument-city", "instrument-zone answer_ note: amount:"),
        ] {
            assert!(!refused(Protocol::V1, label, value), "{label}: {value}");
        }
    }
}
