//! Amounts at their edges: each of these is a line of the code that could be another.

use super::*;

fn of(code: &str) -> Currency {
    Currency::of(code).expect("a currency")
}

fn money(text: &str) -> Money {
    Money::parse(text, Reading::STRICT).expect("an amount")
}

#[test]
fn currencies_are_those_of_the_list() {
    let letters = b'a'..=b'z';
    let mut known = 0;
    for (one, two, three) in letters.clone().flat_map(|one| {
        let letters = b'a'..=b'z';
        letters.flat_map(move |two| (b'a'..=b'z').map(move |three| (one, two, three)))
    }) {
        let code = String::from_utf8(vec![one, two, three]).expect("letters");
        let listed = iso_currency::Currency::from_code(&code.to_uppercase()).and_then(iso_currency::Currency::exponent);
        // Asked twice: what is remembered is what was found.
        for _ in 0..2 {
            let digits = Currency::of(&code).map(|currency| u16::from(currency.digits()));
            assert_eq!(digits, listed, "{code}");
        }
        known += usize::from(listed.is_some());
    }
    assert!(known > 150, "{known}");
    for bad in ["", "us", "USD", "Usd", "usdd", "us1", "u\u{e9}"] {
        assert_eq!(Currency::of(bad), None, "{bad}");
    }
}

#[test]
fn a_currency_is_written_as_its_code() {
    let usd = of("usd");
    assert_eq!((usd.code(), usd.to_string().as_str(), format!("{usd:?}").as_str()), ("usd", "usd", "usd"));
    assert_eq!(String::from(usd), "usd");
    assert_eq!(Currency::try_from("usd".to_owned()), Ok(usd));
    assert_eq!(Currency::try_from("xyz".to_owned()), Err("not a currency"));
    assert_eq!(<Currency as Value>::parse("usd", Reading::STRICT), Some(usd));
    assert_eq!(<Currency as Value>::parse("US", Reading::STRICT), None);
    assert_eq!(Value::text(&usd), "usd");
}

#[test]
fn sums_are_checked() {
    let (usd, cad) = (of("usd"), of("cad"));
    let most = Money::new(usd, Money::MAX_MINOR);
    assert_eq!(Money::MAX_MINOR, 9_007_199_254_740_991);
    assert_eq!(Money::zero(cad), Money { currency: cad, minor: 0 });
    assert_eq!(money("usd 1.25").plus(money("usd 2.50")), Ok(money("usd 3.75")));
    assert_eq!(money("usd 1.25").minus(money("usd 2.50")), Ok(Money::new(usd, -125)));
    assert_eq!(money("usd 1.25").negated(), Money::new(usd, -125));
    assert_eq!(most.plus(Money::zero(usd)), Ok(most));
    assert_eq!(most.plus(Money::new(usd, 1)), Err(MoneyFault::TooLarge));
    assert_eq!(most.negated().minus(Money::new(usd, 1)), Err(MoneyFault::TooLarge));
    assert_eq!(Money::new(usd, i64::MAX).plus(most), Err(MoneyFault::TooLarge));
    let differ = MoneyFault::OtherCurrency { left: usd, right: cad };
    assert_eq!(most.plus(Money::zero(cad)), Err(differ));
    assert_eq!(most.minus(Money::zero(cad)), Err(differ));
    assert_eq!(differ.to_string(), "usd and cad do not add up");
}

#[test]
fn amounts_are_written_with_the_digits_of_their_currency() {
    let cases = [
        ("usd", 0, "0.00"),
        ("usd", 5, "0.05"),
        ("usd", 4_250, "42.50"),
        ("usd", -7_000, "-70.00"),
        ("usd", -5, "-0.05"),
        ("usd", Money::MAX_MINOR, "90071992547409.91"),
        ("jpy", 0, "0"),
        ("jpy", 500, "500"),
        ("kwd", 1_250, "1.250"),
        ("clf", 1, "0.0001"),
    ];
    for (code, minor, decimal) in cases {
        let money = Money::new(of(code), minor);
        assert_eq!(money.decimal(), decimal);
        assert_eq!(money.to_string(), format!("{code} {decimal}"));
        assert_eq!(SignedMoney(money).text(), format!("{code} {decimal}"));
        assert_eq!(Money::of_decimal(money.currency, decimal, false), Some(money), "{decimal}");
    }
}

#[test]
fn a_decimal_has_one_form() {
    let read = |code: &str, text: &str| Money::of_decimal(of(code), text, false).map(|money| money.minor);
    let good = [
        ("usd", "0042.50", 4_250),
        ("usd", "0000000000000001.00", 100),
        ("jpy", "9007199254740991", 9_007_199_254_740_991),
        ("usd", "90071992547409.91", 9_007_199_254_740_991),
        ("usd", "-1.00", -100),
    ];
    for (code, text, minor) in good {
        assert_eq!(read(code, text), Some(minor), "{code} {text}");
    }
    let bad = [
        ("usd", ""),
        ("usd", "."),
        ("usd", "1"),
        ("usd", "1."),
        ("jpy", "1."),
        ("usd", ".50"),
        ("usd", "1.5"),
        ("usd", "1.500"),
        ("usd", "1x.50"),
        ("usd", "1.5x"),
        ("usd", "1.5.0"),
        ("usd", "+1.00"),
        ("usd", "--1.00"),
        ("usd", "1,00"),
        ("jpy", "9007199254740992"),
        ("usd", "90071992547409.92"),
        ("jpy", "00000000000000001"),
        ("usd", "9999999999999999.00"),
        ("clf", "9999999999999999.0000"),
        ("jpy", "x"),
        ("jpy", "1.0"),
    ];
    for (code, text) in bad {
        assert_eq!(read(code, text), None, "{code} {text}");
        assert_eq!(Money::parse(&format!("{code} {text}"), Reading::STRICT), None);
    }
}

#[test]
fn fewer_decimals_are_read_in_the_classic_protocol_alone() {
    let lenient = Reading { few_decimals: true };
    for (text, minor) in [("usd 0.0", 0), ("usd 1", 100), ("usd 1.5", 150), ("usd 1.50", 150)] {
        assert_eq!(Money::parse(text, lenient).map(|money| money.minor), Some(minor), "{text}");
    }
    assert_eq!(Money::parse("usd 1.500", lenient), None);
    assert_eq!(Money::parse("usd 0.0", Reading::STRICT), None);
}

#[test]
fn only_one_kind_of_amount_may_be_negative() {
    let signed = |text: &str| SignedMoney::parse(text, Reading::STRICT).map(|money| money.0.minor);
    assert_eq!(signed("usd -70.00"), Some(-7_000));
    assert_eq!(signed("usd 70.00"), Some(7_000));
    assert_eq!(signed("usd 0.00"), Some(0));
    assert_eq!(signed("usd -0.00"), None);
    for text in ["usd -70.00", "usd -0.00", "usd", "usd42.50", "42.50", "usd 42.50 x", " usd 42.50"] {
        assert_eq!(Money::parse(text, Reading::STRICT), None, "{text}");
    }
    assert_eq!(Money::parse("usd \t 42.50\t", Reading::STRICT), Some(money("usd 42.50")));
}

#[test]
fn rates_are_positive_decimals() {
    let read = |text: &str| Rate::parse(text).map(|rate| rate.0);
    let good = [
        ("1", 1_000_000_000),
        ("1.55", 1_550_000_000),
        ("0.000000001", 1),
        ("999999999.999999999", 999_999_999_999_999_999),
    ];
    for (text, billionths) in good {
        assert_eq!(read(text), Some(billionths), "{text}");
    }
    for bad in ["", "0", "0.0", ".5", "1.", "x", "1.x", "x.1", "1.0000000000", "1000000000", "-1", "1.5.5"] {
        assert_eq!(read(bad), None, "{bad}");
    }
    for (rate, text) in [(Rate(600_000_000), "0.60"), (Rate::ONE, "1.00"), (Rate(1), "0.000000001")] {
        assert_eq!(rate.to_string(), text);
    }
}

#[test]
fn a_price_elsewhere_is_rounded_up() {
    let convert = |price: &str, price_rate: u64, to: &str, rate: u64| {
        Rate::convert_up(money(price), Rate(price_rate), of(to), Rate(rate)).map(|cost| cost.to_string())
    };
    let one = 1_000_000_000;
    assert_eq!(convert("usd 10.00", one, "cad", 1_250_000_000).as_deref(), Ok("cad 12.50"), "exact");
    assert_eq!(convert("usd 0.01", one, "cad", 1_250_000_000).as_deref(), Ok("cad 0.02"), "up");
    assert_eq!(convert("cad 10.00", 1_250_000_000, "usd", one).as_deref(), Ok("usd 8.00"), "and back");
    assert_eq!(convert("usd 1.01", one, "jpy", 150 * one).as_deref(), Ok("jpy 152"), "fewer digits");
    assert_eq!(convert("jpy 100", 150 * one, "kwd", 300_000_000).as_deref(), Ok("kwd 0.200"), "more digits");
    assert_eq!(convert("usd 0.00", one, "cad", one).as_deref(), Ok("cad 0.00"), "nothing is nothing");
    assert_eq!(convert("usd 90071992547409.91", one, "cad", one).as_deref(), Ok("cad 90071992547409.91"));
    assert_eq!(convert("usd 90071992547409.91", one, "cad", one + 1), Err(MoneyFault::TooLarge));
}

#[test]
fn rates_come_in_pairs() {
    let read = |text: &str| Rates::parse(text, Reading::STRICT);
    let two = Rates(vec![(of("cad"), Rate(600_000_000)), (of("gbp"), Rate(1_550_000_000))]);
    assert_eq!(read("cad 0.60 gbp 1.55"), Some(two.clone()));
    assert_eq!(two.text(), "cad 0.60 gbp 1.55");
    for bad in ["cad", "cad 0.60 gbp", "cad 0", "xyz 1.00", "0.60 cad"] {
        assert_eq!(read(bad), None, "{bad}");
    }
    assert_eq!(read(&"cad 0.60 ".repeat(Rates::MAX)).map(|rates| rates.0.len()), Some(Rates::MAX));
    assert_eq!(read(&"cad 0.60 ".repeat(Rates::MAX + 1)), None);
    assert_eq!(read(&"cad 0.60 ".repeat(Rates::MAX + 2)), None);
}

#[test]
fn prices_in_other_currencies_are_a_list() {
    let read = |text: &str| Amounts::parse(text, Reading::STRICT);
    let two = Amounts(vec![money("cad 54.25"), money("jpy 500")]);
    assert_eq!(read("cad 54.25; jpy 500"), Some(two.clone()));
    assert_eq!(two.text(), "cad 54.25;jpy 500");
    for bad in ["", "cad 54.25;", "cad 54.25;x", "cad -1.00"] {
        assert_eq!(read(bad), None, "{bad}");
    }
}
