//! Persona ids and their check code (protocol.md section 2; field 215A of the customer's persona, fig. 5B).

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::template::Kind;
use crate::value::{Reading, Value};

/// A persona id: a name, a hyphen and two check digits, such as `brianb-40`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PersonaId(String);

impl PersonaId {
    /// The id of a requested name: the name in lower case with its check code.
    pub fn of(name: &RequestedId) -> Self {
        Self(format!("{}-{}", name.0, check_code(&name.0)))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PersonaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for PersonaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<PersonaId> for String {
    fn from(id: PersonaId) -> Self {
        id.0
    }
}

impl TryFrom<String> for PersonaId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text, Reading::STRICT).ok_or("not a persona id")
    }
}

impl Value for PersonaId {
    const KIND: Kind = Kind::Id;

    fn parse(text: &str, _: Reading) -> Option<Self> {
        let (name, code) = text.rsplit_once('-')?;
        let fits =
            is_name(name) && name.bytes().all(|b| !b.is_ascii_uppercase()) && check_digits(name) == code.as_bytes();
        fits.then(|| Self(text.to_owned()))
    }

    fn text(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.0)
    }
}

/// A name that a persona wishes for; compared and stored in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RequestedId(String);

impl RequestedId {
    /// The name in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Value for RequestedId {
    const KIND: Kind = Kind::Requested;

    fn parse(text: &str, _: Reading) -> Option<Self> {
        is_name(text).then(|| Self(text.to_ascii_lowercase()))
    }

    fn text(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.0)
    }
}

/// Letters, digits and dots, a letter first, 2 to 32 characters.
fn is_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    (2..=32).contains(&bytes.len())
        && bytes[0].is_ascii_alphabetic()
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'.')
}

fn check_code(name: &str) -> String {
    check_digits(name).map(char::from).iter().collect()
}

/// ISO 7064 MOD 97-10 over the name without dots, letters counting from 10.
fn check_digits(name: &str) -> [u8; 2] {
    let digit = |state: u32, digit: u32| (state * 10 + digit) % 97;
    let state = name.chars().filter_map(|c| c.to_digit(36)).fold(0, |state, value| match value {
        0..=9 => digit(state, value),
        _ => digit(digit(state, value / 10), value % 10),
    });
    let code = 98 - state * 100 % 97;
    [code / 10, code % 10].map(|digit| b"0123456789"[digit as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> Option<PersonaId> {
        PersonaId::parse(text, Reading::STRICT)
    }

    #[test]
    fn an_id_is_a_name_in_lower_case_and_its_check_code() {
        for good in ["brianb-40", "acme-82"] {
            assert_eq!(id(good).map(String::from).as_deref(), Some(good));
        }
        for bad in ["brianb-41", "brianb-4", "brianb-400", "brianb", "Brianb-40", "-40", "brianb-ab", "brian b-40"] {
            assert_eq!(id(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_check_code_does_not_make_a_name() {
        for bad in ["b", "1ab", ".ab", "a_b", "a-b", &"b".repeat(33)] {
            assert_eq!(id(&format!("{bad}-{}", check_code(bad))), None, "{bad}");
            assert_eq!(RequestedId::parse(bad, Reading::STRICT), None, "{bad}");
        }
        for good in ["ab", "a1.b", &"b".repeat(32)] {
            assert!(id(&format!("{good}-{}", check_code(good))).is_some(), "{good}");
        }
    }

    #[test]
    fn a_wish_is_kept_in_lower_case() {
        let wish = RequestedId::parse("BrianB", Reading::STRICT).expect("a name");
        assert_eq!((wish.as_str(), &*wish.text()), ("brianb", "brianb"));
        assert_eq!(PersonaId::of(&wish).to_string(), "brianb-40");
    }
}
