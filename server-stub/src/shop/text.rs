//! The shop's texts in the reader's language, from `www/shop/_locales`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::http::{HeaderMap, header};

type Catalogue = BTreeMap<String, String>;

static ENGLISH: LazyLock<Catalogue> = LazyLock::new(|| read(include_str!("../../../www/shop/_locales/en.json")));
static GERMAN: LazyLock<Catalogue> = LazyLock::new(|| read(include_str!("../../../www/shop/_locales/de.json")));

fn read(json: &str) -> Catalogue {
    serde_json::from_str(json).expect("invariant: the texts are JSON, as a test checks")
}

/// The texts of one language.
#[derive(Clone, Copy)]
pub struct Texts {
    /// BCP 47.
    pub language: &'static str,
    catalogue: &'static LazyLock<Catalogue>,
}

impl Texts {
    const ENGLISH: Self = Self { language: "en", catalogue: &ENGLISH };
    const GERMAN: Self = Self { language: "de", catalogue: &GERMAN };

    /// The first language of `Accept-Language` that the shop has; browsers list them in the order of preference.
    pub fn for_reader(headers: &HeaderMap) -> Self {
        let wished = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let known = wished.split(',').find_map(|language| match language.trim().get(..2)? {
            "de" => Some(Self::GERMAN),
            "en" => Some(Self::ENGLISH),
            _ => None,
        });
        known.unwrap_or(Self::ENGLISH)
    }

    /// A text by its key.
    pub fn get(self, key: &str) -> &'static str {
        self.catalogue.get(key).map_or("", String::as_str)
    }

    /// An amount of US dollars as people of that language write it.
    pub fn dollars(self, decimal: &str) -> String {
        match self.language {
            "de" => format!("{}\u{a0}$", decimal.replace('.', ",")),
            _ => format!("${decimal}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_have_the_same_texts() {
        assert!(ENGLISH.keys().eq(GERMAN.keys()));
    }

    #[test]
    fn the_first_known_language_is_taken() {
        let language = |wished: &'static str| {
            let headers = HeaderMap::from_iter([(header::ACCEPT_LANGUAGE, wished.parse().expect("a header"))]);
            Texts::for_reader(&headers).language
        };
        assert_eq!(language("fr-FR,de;q=0.8,en;q=0.5"), "de");
        assert_eq!(language("en-US,de"), "en");
        assert_eq!(language("ja"), "en");
    }
}
