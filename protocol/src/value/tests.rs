//! Values at the edges of their forms.

use super::*;

#[test]
fn urls_of_other_schemes_and_with_user_information_are_refused() {
    for good in ["https://shop.example/pay?x=1#y", "http://127.0.0.1:8402/a", "http://[::1]/", "http://localhost/"] {
        assert!(Url::of(good).is_some(), "{good}");
    }
    let bad = [
        "javascript:alert(1)",
        "http://shop.example/",
        "https://user@shop.example/",
        "https://@shop.example/",
        "https:shop.example/",
        "https:///shop.example/",
        "https:\\\\shop.example\\",
        "https://a\\@b.example/",
        "/pay",
        "https://",
        "http://localhost.example/",
        "https://shop.example/ x",
        "https://B\u{fc}cher.example/",
        "https://B%C3%BCcher.example/",
        "https:\\\\B\u{fc}cher.example/",
        "https://shop.example/\u{202e}",
    ];
    for bad in bad {
        assert!(Url::of(bad).is_none(), "{bad}");
    }
}

#[test]
fn an_origin_has_no_default_port() {
    let origin = |text: &str| Url::of(text).map(|url| url.origin());
    assert_eq!(origin("https://Shop.Example:443/x").as_deref(), Some("https://shop.example"));
    assert_eq!(origin("http://127.0.0.1:8402/x").as_deref(), Some("http://127.0.0.1:8402"));
}

#[test]
fn numbers_keep_to_their_range() {
    assert_eq!(Num::parse("0120", Reading::STRICT), Num::of(120));
    assert_eq!(Num::parse("9007199254740992", Reading::STRICT), None);
    for bad in ["", "+1", "-1", "1.0", "0", " 1"] {
        assert_eq!(Num::parse(bad, Reading::STRICT), None, "{bad}");
    }
    assert_eq!(Index::parse("65536", Reading::STRICT), None);
}

#[test]
fn a_text_is_as_long_as_it_says_in_whatever_script() {
    for longest in ["\u{20ac}".repeat(10), "\u{1f45f}".repeat(10), "a".repeat(10)] {
        assert!(Text::<10>::of(&longest).is_some(), "{longest}");
        assert!(Text::<10>::of(&format!("{longest}a")).is_none(), "{longest}a");
    }
    assert!(Text::<10>::of("").is_none());
}

#[test]
fn a_text_holds_nothing_that_cannot_be_seen() {
    for bad in ["\u{7}", "a\u{7}", "ab\u{7}", "a\u{202e}b", "a\u{2028}b", "a\nb", "a\tb"] {
        assert!(Text::<10>::of(bad).is_none(), "{bad:?}");
    }
    assert!(Lines::<10>::of("a\nb\tc").is_some());
    assert!(Lines::<10>::of("a\nb\rc").is_none());
}

/// Whether `T` takes each of these texts.
fn takes<T: Value>(good: &[&str], bad: &[&str]) {
    for text in good {
        assert_eq!(T::parse(text, Reading::STRICT).expect(text).text(), *text);
    }
    for text in bad {
        assert!(T::parse(text, Reading::STRICT).is_none(), "{text:?}");
    }
}

#[test]
fn forms_are_kept() {
    let long = |end: &str| "a".repeat(250) + end;
    takes::<Address>(&["a@b", "brian.b@shop.example", &long("@b.c")], &["", "ab", "@b", "a@", "a@b@c", "a b@c"]);
    takes::<Address>(&[], &[&long("@b.cd")]);
    takes::<Language>(&["de", "en-us", "zh-hant-cn"], &["", "d", "DE", "de_at", "de-", "abcdefghi", "de-abcdefghi"]);
    takes::<Language>(&[&("de-".repeat(11) + "de")], &[&("de-".repeat(11) + "deu")]);
    takes::<Month>(
        &["01/2030", "12/1999"],
        &["00/2030", "13/2030", "1/2030", "01/30", "01-2030", "0a/2030", "01/20a0"],
    );
    takes::<Names>(&["visa", "visa;master", "visa ; a.b_c-d"], &["", ";", "visa;;amex", "vi sa", "v/sa"]);
    takes::<Names>(&[&"a".repeat(32)], &[&"a".repeat(33), "visa;".repeat(103).trim_end_matches(';')]);
}

#[test]
fn an_address_is_no_longer_than_browsers_bear() {
    let start = "https://shop.example/";
    let url = |length: usize| start.to_owned() + &"x".repeat(length - start.len());
    takes::<Url>(&[&url(2_048)], &[&url(2_049), &url(2_050)]);
}

#[test]
fn numbers_are_written_as_they_are_read() {
    takes::<Num>(&["1", "120", "9007199254740991"], &[]);
    takes::<Count>(&["0", "7", "9007199254740991"], &["9007199254740992", "", "-1"]);
    takes::<Index>(&["1", "65535"], &["0", "65536"]);
    takes::<YesNo>(&["yes", "no"], &["", "Yes", "true"]);
    assert_eq!((Num::of(9).map(Num::get), Index::of(9).map(Index::get)), (Some(9), Some(9)));
    assert_eq!((Index::of(9).and_then(Index::next), Index::of(65_535).and_then(Index::next)), (Index::of(10), None));
    assert_eq!(SessionId::of_number(0x0102_0304_0506_0708).number(), 0x0102_0304_0506_0708);
}

#[test]
fn lists_of_numbers_have_a_limit() {
    let list = |length: u32| Ints((1..=length).collect()).text().into_owned();
    takes::<Ints>(&["7", "1,2,3", &list(64)], &["", "1,,2", "1;2", "4294967296", &list(65), &list(66)]);
    assert_eq!(Ints::parse("1, 2\t,3", Reading::STRICT), Some(Ints(vec![1, 2, 3])));
}

#[test]
fn only_the_classic_protocol_reads_fewer_decimals() {
    assert_eq!(
        Protocol::ALL.map(|protocol| (protocol, Reading::of(protocol).few_decimals)),
        [(Protocol::V2, false), (Protocol::V1, true)]
    );
}
