//! Checks of what was typed, before the worker is asked. The worker and the server check everything again; these only
//! spare the shopper a round trip and tie the complaint to its field.
//!
//! Each check gives the value to be sent, or the key of the text that says what is wrong.

use leptos::prelude::GetUntracked as _;

use crate::part::Field;

/// Shortest passphrase that the vault takes.
const PASSPHRASE_MIN: usize = 8;
/// Autoclose passphrases: protocol.md section 6.1.
const AUTOCLOSE: std::ops::RangeInclusive<usize> = 6..=50;
/// Longest e-mail address: protocol.md section 6.1.
const EMAIL_MAX: usize = 254;
/// Digits of an account: protocol.md section 8 and the sandbox bank.
const ACCOUNT: std::ops::RangeInclusive<usize> = 10..=17;
/// Digits of a card: ISO/IEC 7812.
const CARD: std::ops::RangeInclusive<usize> = 12..=19;

/// What a check gives.
pub type Checked = Result<String, &'static str>;

/// The base URL of a payment server.
///
/// # Errors
///
/// If it does not look like one.
pub fn server(typed: &str) -> Checked {
    let typed = typed.trim();
    let host = typed.strip_prefix("https://").or_else(|| typed.strip_prefix("http://"));
    match host {
        Some(host) if !host.is_empty() && !host.contains(char::is_whitespace) => Ok(typed.to_owned()),
        _ => Err("error_server"),
    }
}

/// A persona id as wished for (`requested`, protocol.md section 2).
///
/// # Errors
///
/// If it has a form that no id has.
pub fn persona(typed: &str) -> Checked {
    let typed = typed.trim().to_ascii_lowercase();
    let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.';
    let starts = typed.starts_with(|c: char| c.is_ascii_lowercase());
    let fits = (2..=32).contains(&typed.len());
    if starts && fits && typed.chars().all(known) { Ok(typed) } else { Err("error_persona") }
}

/// A persona id as the server gave it, with its check digits: `brianb-40`. Whether they are right, the wallet finds out.
///
/// # Errors
///
/// If it has a form that no id has.
pub fn persona_id(typed: &str) -> Checked {
    let typed = typed.trim().to_ascii_lowercase();
    let digits = typed.rsplit_once('-').is_some_and(|(name, check)| {
        persona(name).is_ok() && check.len() == 2 && check.bytes().all(|byte| byte.is_ascii_digit())
    });
    if digits { Ok(typed) } else { Err("error_persona_id") }
}

/// An e-mail address: something before and after one `@`.
///
/// # Errors
///
/// If it is not, or is too long.
pub fn email(typed: &str) -> Checked {
    let typed = typed.trim();
    let whole = typed.split_once('@').is_some_and(|(name, host)| {
        !name.is_empty() && !host.is_empty() && !host.contains('@') && !typed.contains(char::is_whitespace)
    });
    if whole && typed.chars().count() <= EMAIL_MAX { Ok(typed.to_owned()) } else { Err("error_email") }
}

/// The passphrase that seals the keys.
///
/// # Errors
///
/// If it is short.
pub fn passphrase(typed: &str) -> Checked {
    if typed.chars().count() < PASSPHRASE_MIN { Err("error_passphrase_short") } else { Ok(typed.to_owned()) }
}

/// A passphrase that was typed twice, from its two fields; complaints are shown at them.
pub fn twice(first: Field, again: Field) -> Option<String> {
    let typed = first.read(passphrase);
    let wanted = first.value.get_untracked();
    again.read(|typed| if *typed == wanted { Ok(()) } else { Err("error_passphrase_again") })?;
    typed
}

/// Anything at all, as it was typed.
///
/// # Errors
///
/// If it is empty.
pub fn filled(typed: &str) -> Checked {
    if typed.is_empty() { Err("error_missing") } else { Ok(typed.to_owned()) }
}

/// The autoclose passphrase, which may be left out.
///
/// # Errors
///
/// If it is too short or too long.
pub fn optional_autoclose(typed: &str) -> Result<Option<String>, &'static str> {
    if typed.trim().is_empty() { Ok(None) } else { autoclose(typed).map(Some) }
}

/// The autoclose passphrase.
///
/// # Errors
///
/// If it is too short or too long.
pub fn autoclose(typed: &str) -> Checked {
    let typed = typed.trim();
    if AUTOCLOSE.contains(&typed.chars().count()) { Ok(typed.to_owned()) } else { Err("error_autoclose") }
}

/// The number of a card; spaces and hyphens between the digits are dropped.
///
/// # Errors
///
/// If its length or its check digit is wrong.
pub fn card(typed: &str) -> Checked {
    let digits = digits(typed).ok_or("error_card")?;
    if CARD.contains(&digits.len()) && luhn(&digits) { Ok(digits) } else { Err("error_card") }
}

/// The number of a bank account; spaces and hyphens between the digits are dropped.
///
/// # Errors
///
/// If its length is wrong.
pub fn account(typed: &str) -> Checked {
    digits(typed).filter(|digits| ACCOUNT.contains(&digits.len())).ok_or("error_account")
}

/// The month in which a card expires, as `MM/yyyy`; `MM/yy` is understood.
///
/// # Errors
///
/// If it is not a month and a year.
pub fn expires(typed: &str) -> Checked {
    let (month, year) = typed.trim().split_once('/').ok_or("error_expires")?;
    let month = month.trim().parse::<u8>().ok().filter(|month| (1..=12).contains(month)).ok_or("error_expires")?;
    let year = digits(year).ok_or("error_expires")?;
    match year.len() {
        2 => Ok(format!("{month:02}/20{year}")),
        4 => Ok(format!("{month:02}/{year}")),
        _ => Err("error_expires"),
    }
}

/// One line of at most `most` characters that may not be left out.
///
/// # Errors
///
/// If it is empty or too long.
pub fn line(typed: &str, most: usize) -> Checked {
    let typed = optional_line(typed, most)?;
    if typed.is_empty() { Err("error_missing") } else { Ok(typed) }
}

/// One line of at most `most` characters.
///
/// # Errors
///
/// If it is too long.
pub fn optional_line(typed: &str, most: usize) -> Checked {
    let typed = typed.trim();
    if typed.chars().count() > most { Err("error_long") } else { Ok(typed.to_owned()) }
}

/// How many payments a session may make: `index`, protocol.md section 2.
///
/// # Errors
///
/// If it is not a number from 1 to 65535.
pub fn uses(typed: &str) -> Result<u16, &'static str> {
    typed.trim().parse().ok().filter(|uses| *uses > 0).ok_or("error_uses")
}

fn digits(typed: &str) -> Option<String> {
    let bare: String = typed.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
    bare.bytes().all(|byte| byte.is_ascii_digit()).then_some(bare)
}

/// The check of ISO/IEC 7812 over a string of digits.
fn luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .map(|byte| u32::from(byte - b'0'))
        .enumerate()
        .map(|(at, digit)| if at % 2 == 1 { digit * 2 / 10 + digit * 2 % 10 } else { digit })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_an_absolute_http_url() {
        assert_eq!(server(" http://127.0.0.1:8401 ").as_deref(), Ok("http://127.0.0.1:8401"));
        for wrong in ["", "127.0.0.1", "https://", "ftp://pay.example", "https://a b"] {
            assert_eq!(server(wrong), Err("error_server"), "{wrong}");
        }
    }

    #[test]
    fn personas_are_lower_case_names() {
        assert_eq!(persona("BrianB").as_deref(), Ok("brianb"));
        assert_eq!(persona("a.9").as_deref(), Ok("a.9"));
        for wrong in ["", "b", "9a", "brian b", "brian-40", &"a".repeat(33)] {
            assert_eq!(persona(wrong), Err("error_persona"), "{wrong}");
        }
    }

    #[test]
    fn persona_ids_end_in_their_check_digits() {
        assert_eq!(persona_id(" BrianB-40 ").as_deref(), Ok("brianb-40"));
        for wrong in ["", "brianb", "brianb-4", "-40", "brianb-4x", "brian b-40"] {
            assert_eq!(persona_id(wrong), Err("error_persona_id"), "{wrong}");
        }
    }

    #[test]
    fn an_address_has_one_at() {
        assert_eq!(email(" brianb@example.com ").as_deref(), Ok("brianb@example.com"));
        for wrong in ["", "brianb", "@example.com", "brianb@", "a@b@c", "a b@c"] {
            assert_eq!(email(wrong), Err("error_email"), "{wrong}");
        }
    }

    #[test]
    fn passphrases_count_characters_and_not_bytes() {
        assert_eq!(passphrase("äöüäöüä"), Err("error_passphrase_short"));
        assert_eq!(passphrase(" eight  ").as_deref(), Ok(" eight  "));
        assert_eq!(optional_autoclose("  "), Ok(None));
        assert_eq!(optional_autoclose("badge"), Err("error_autoclose"));
        assert_eq!(optional_autoclose("badger"), Ok(Some("badger".into())));
        assert_eq!(autoclose(&"x".repeat(51)), Err("error_autoclose"));
    }

    #[test]
    fn card_numbers_carry_a_check_digit() {
        assert_eq!(card("4242 4242 4242 4242").as_deref(), Ok("4242424242424242"));
        assert_eq!(card("4000-0000-0000-3220").as_deref(), Ok("4000000000003220"));
        for wrong in ["4242424242424243", "42", "", "4242x", "٤٢٤٢٤٢٤٢٤٢٤٢٤٢٤٢"] {
            assert_eq!(card(wrong), Err("error_card"), "{wrong}");
        }
        assert_eq!(account("059013218175654").as_deref(), Ok("059013218175654"));
        assert_eq!(account("123456789"), Err("error_account"));
    }

    #[test]
    fn expiry_is_a_month_and_a_year() {
        assert_eq!(expires("7/29").as_deref(), Ok("07/2029"));
        assert_eq!(expires("12/2030").as_deref(), Ok("12/2030"));
        for wrong in ["", "13/2030", "0/30", "12-2030", "12/203"] {
            assert_eq!(expires(wrong), Err("error_expires"), "{wrong}");
        }
    }

    #[test]
    fn lines_and_counts_have_limits() {
        assert_eq!(line(" ", 5), Err("error_missing"));
        assert_eq!(optional_line("123456", 5), Err("error_long"));
        assert_eq!(uses("65535"), Ok(65_535));
        for wrong in ["0", "65536", "-1", "ten", ""] {
            assert_eq!(uses(wrong), Err("error_uses"), "{wrong}");
        }
    }
}
