//! What people read on the pages of shop and till, in their language; from `www/shop/_locales`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::http::{HeaderMap, header};
use protocol::money::Money;

type Catalogue = BTreeMap<String, String>;

static ENGLISH: LazyLock<Catalogue> = LazyLock::new(|| read(include_str!("../../www/shop/_locales/en.json")));
static GERMAN: LazyLock<Catalogue> = LazyLock::new(|| read(include_str!("../../www/shop/_locales/de.json")));

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
    /// In English.
    pub const ENGLISH: Self = Self { language: "en", catalogue: &ENGLISH };
    /// In German.
    pub const GERMAN: Self = Self { language: "de", catalogue: &GERMAN };

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

    /// A text with the values that it names in braces.
    pub fn with(self, key: &str, values: &[(&str, &str)]) -> String {
        let fill = |text: String, (name, value): &(&str, &str)| text.replace(&format!("{{{name}}}"), value);
        values.iter().fold(self.get(key).to_owned(), fill)
    }

    /// An amount as people of that language write it: `$1,042.50`, `1.042,50\u{a0}$`.
    pub fn money(self, amount: Money) -> String {
        let decimal = amount.decimal();
        let (whole, fraction) = decimal.split_once('.').unwrap_or((&decimal, ""));
        let (group, point) = if self.language == "de" { ('.', ",") } else { (',', ".") };
        let whole = grouped(whole, group);
        let number = if fraction.is_empty() { whole } else { format!("{whole}{point}{fraction}") };
        let symbol = SYMBOLS.iter().find(|(code, _)| *code == amount.currency.code()).map(|(_, symbol)| *symbol);
        match (self.language, symbol) {
            ("de", symbol) => {
                format!("{number}\u{a0}{}", symbol.unwrap_or(&amount.currency.code().to_ascii_uppercase()))
            }
            (_, Some(symbol)) => format!("{symbol}{number}"),
            (_, None) => format!("{}\u{a0}{number}", amount.currency.code().to_ascii_uppercase()),
        }
    }
}

/// Signs that need no explanation; other currencies are named by their code.
const SYMBOLS: [(&str, &str); 4] = [("usd", "$"), ("eur", "€"), ("gbp", "£"), ("jpy", "¥")];

/// Digits in groups of three.
fn grouped(digits: &str, separator: char) -> String {
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) && !text.ends_with('-') {
            text.push(separator);
        }
        text.push(digit);
    }
    text
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

    #[test]
    fn money_is_written_as_readers_write_it() {
        let written = |texts: Texts, text| {
            texts.money(protocol::value::Value::parse(text, protocol::value::Reading::STRICT).expect("an amount"))
        };
        assert_eq!(written(Texts::ENGLISH, "usd 42.50"), "$42.50");
        assert_eq!(written(Texts::GERMAN, "eur 1234567.05"), "1.234.567,05\u{a0}€");
        assert_eq!(written(Texts::ENGLISH, "jpy 1500"), "¥1,500");
        assert_eq!(written(Texts::ENGLISH, "kwd 0.300"), "KWD\u{a0}0.300");
    }
}
