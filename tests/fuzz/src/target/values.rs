//! Values of every type: amounts, numbers, dates, ids and lists.

use protocol::date::Date;
use protocol::money::{Amounts, Currency, Money, Rate, Rates, SignedMoney};
use protocol::pairs::Pairs;
use protocol::persona::{PersonaId, RequestedId};
use protocol::value::{
    Address, AnyBytes, Bytes, Count, Country, Exactly, Functions, Index, Ints, Language, Lines, Month, Names, Num,
    Reading, Text, Token, Value, Version1, YesNo, from_base64, to_base64,
};

use super::choice;
use crate::naive;

/// How far conversions are tried.
const RATE: Rate = Rate(1_550_000_000);

pub fn run(data: &[u8]) {
    let Some((byte, text)) = choice(data) else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let reading = Reading { few_decimals: byte % 2 == 1 };
    amounts(text, reading);
    dates(text);
    ids(text);
    let all: &[fn(&str, Reading)] = &[
        again::<Amounts>,
        again::<Rates>,
        again::<Currency>,
        again::<Num>,
        again::<Count>,
        again::<Index>,
        again::<Ints>,
        again::<Functions>,
        again::<Names>,
        again::<Language>,
        again::<Month>,
        again::<Country>,
        again::<Address>,
        again::<YesNo>,
        again::<Version1>,
        again::<Token<64>>,
        again::<Text<60>>,
        again::<Lines<200>>,
        again::<AnyBytes>,
        again::<Exactly<8>>,
        again::<Bytes<16, 32>>,
    ];
    for check in all {
        check(text, reading);
    }
    if let Some(bytes) = from_base64(text) {
        assert_eq!(from_base64(&to_base64(&bytes)), Some(bytes));
    }
    rates(text);
}

/// What is read is written in one way, which reads the same, strictly.
fn again<V: Value>(text: &str, reading: Reading) {
    let Some(value) = V::parse(text, reading) else { return };
    let written = value.text().into_owned();
    let read = V::parse(&written, Reading::STRICT).unwrap_or_else(|| panic!("{written:?} is our own"));
    assert_eq!(read.text(), written);
    // What is a value can be sent: a section holds it as it is.
    let mut pairs = Pairs::new();
    pairs.push_text("a", &written);
    let sent = Pairs::parse(&pairs.to_text()).unwrap_or_else(|fault| panic!("{written:?}: {fault}"));
    assert_eq!(sent.get("a").unwrap_or_default(), written);
}

fn amounts(text: &str, reading: Reading) {
    again::<Money>(text, reading);
    again::<SignedMoney>(text, reading);
    let ours = |money: Money| (money.currency.code().to_owned(), money.minor);
    let known = ["usd", "cad", "eur", "gbp", "jpy", "kwd"];
    if text.get(..3).is_some_and(|code| known.contains(&code)) {
        let few = reading.few_decimals;
        assert_eq!(Money::parse(text, reading).map(ours), naive::amount(text, false, few), "{text:?}");
        let signed = SignedMoney::parse(text, reading).map(|money| ours(money.0));
        assert_eq!(signed, naive::amount(text, true, few), "{text:?}");
    }
    let Some(money) = Money::parse(text, reading) else { return };
    assert!((0..=Money::MAX_MINOR).contains(&money.minor));
    assert_eq!(money.minus(money), Ok(Money::zero(money.currency)));
    assert_eq!(money.plus(money).is_ok(), money.minor <= Money::MAX_MINOR / 2);
    let other = Currency::of("kwd").expect("a currency");
    if let Ok(cost) = Rate::convert_up(money, Rate::ONE, other, RATE) {
        // Rounded up: never less than the price is worth, and by less than one unit more.
        let worth = i128::from(money.minor) * i128::from(RATE.0) * 1_000;
        let unit = 1_000_000_000 * 10_i128.pow(u32::from(money.currency.digits()));
        assert!(i128::from(cost.minor) * unit >= worth && (i128::from(cost.minor) - 1) * unit < worth);
    }
}

fn dates(text: &str) {
    again::<Date>(text, Reading::STRICT);
    let ours = Date::parse(text, Reading::STRICT);
    assert_eq!(ours.map(Date::millis), naive::date(text), "{text:?}");
    if let Some(date) = ours {
        assert_eq!(date.text(), text, "a moment is written in one way");
    }
}

fn ids(text: &str) {
    again::<PersonaId>(text, Reading::STRICT);
    again::<RequestedId>(text, Reading::STRICT);
    if let Some(requested) = RequestedId::parse(text, Reading::STRICT) {
        let id = PersonaId::of(&requested);
        assert_eq!(PersonaId::parse(id.as_str(), Reading::STRICT), Some(id));
    }
    let Some(id) = PersonaId::parse(text, Reading::STRICT) else { return };
    // One digit wrong is always found.
    let mut wrong = id.as_str().to_owned();
    let last = wrong.pop().and_then(|digit| digit.to_digit(10)).expect("a digit");
    wrong.push(char::from_digit((last + 1) % 10, 10).expect("a digit"));
    assert_eq!(PersonaId::parse(&wrong, Reading::STRICT), None, "{wrong}");
}

fn rates(text: &str) {
    let Some(rate) = Rate::parse(text) else { return };
    assert_eq!(Rate::parse(&rate.to_string()), Some(rate));
}
