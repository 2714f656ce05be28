//! The languages in which the server speaks to people: the persona's (120E) where it is known, else the operator's choice.

use std::borrow::Cow;
use std::str::FromStr;

use protocol::money::Money;
use serde::{Deserialize, Serialize};

use crate::texts::Texts;

/// A language that the server's sentences exist in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// `en`
    #[default]
    #[serde(rename = "en")]
    English,
    /// `de`
    #[serde(rename = "de")]
    German,
}

impl Language {
    /// Each, in the order in which [`Words`] has them.
    pub const BOTH: [Self; 2] = [Self::English, Self::German];

    /// An amount as people of that language write it.
    pub fn money(self, amount: Money) -> String {
        match self {
            Self::English => Texts::ENGLISH.money(amount),
            Self::German => Texts::GERMAN.money(amount),
        }
    }

    /// The language of a tag (BCP 47: `de-at` is German); nothing if we have no sentences in it.
    pub fn of_tag(tag: &str) -> Option<Self> {
        match tag.split('-').next()?.to_ascii_lowercase().as_str() {
            "en" => Some(Self::English),
            "de" => Some(Self::German),
            _ => None,
        }
    }
}

impl FromStr for Language {
    type Err = String;

    fn from_str(tag: &str) -> Result<Self, String> {
        Self::of_tag(tag).ok_or_else(|| format!("there are no sentences in {tag:?}; there are in `en` and `de`"))
    }
}

/// One sentence in every language.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Words {
    /// In English.
    pub english: Cow<'static, str>,
    /// In German.
    pub german: Cow<'static, str>,
}

impl Words {
    /// A sentence of ours.
    pub const fn new(english: &'static str, german: &'static str) -> Self {
        Self { english: Cow::Borrowed(english), german: Cow::Borrowed(german) }
    }

    /// The sentence in a language.
    pub fn pick(&self, language: Language) -> &str {
        match language {
            Language::English => &self.english,
            Language::German => &self.german,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_name_languages() {
        for (tag, language) in [
            ("de", Some(Language::German)),
            ("de-AT", Some(Language::German)),
            ("en-us", Some(Language::English)),
            ("den", None),
            ("fr", None),
            ("", None),
        ] {
            assert_eq!(Language::of_tag(tag), language, "{tag}");
        }
    }
}
