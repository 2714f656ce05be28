//! The grammar of a section at its edges: what folds, what joins, what is too much.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn pairs(text: &str) -> Pairs {
    Pairs::parse(text).expect("a section")
}

/// A pair, written and read again.
fn again(label: &str, value: &str) -> String {
    let written = Pairs::from_iter([(label, value)]).to_text();
    pairs(&written).get(label).expect("the pair").to_owned()
}

#[test]
fn sections_are_equal_by_their_pairs_in_whatever_order() {
    assert_eq!(pairs("a: 1\nb: 2\n"), pairs("B:2\na : 1\n".replace(" :", ":").as_str()));
    assert_ne!(pairs("a: 1\nb: 2\n"), pairs("a: 1\nb: 3\n"));
    assert_ne!(pairs("a: 1\n"), pairs("a: 1\nb: 2\n"));
    assert_ne!(pairs("a: 1\nb: 2\n"), pairs("a: 1\n"));
}

#[test]
fn a_label_without_a_value_is_as_good_as_absent() {
    let read = pairs("a:\nb: 1\nc;\n");
    assert_eq!((read.get("a"), read.get("b"), read.get("c")), (None, Some("1"), None));
    assert_eq!((read.len(), read.is_empty(), pairs("a:\n").is_empty()), (1, false, true));
    assert_eq!(Pairs::parse("a:\na: 1\n"), Err(FormFault::Repeated("a".to_owned())));
}

#[test]
fn a_section_has_a_limit_of_pairs() {
    let section = |pairs: usize| (0..pairs).map(|n| format!("n{n}: 1")).collect::<Vec<_>>().join("\n");
    assert_eq!(pairs(&section(MAX_PAIRS)).len(), MAX_PAIRS);
    assert_eq!(Pairs::parse(&section(MAX_PAIRS + 1)), Err(FormFault::TooLong { what: "section", limit: MAX_PAIRS }));
}

#[test]
fn a_value_has_a_limit_wherever_it_stands() {
    let section = |bytes: usize| format!("first: 1\nlong: {}\n", "x".repeat(bytes));
    assert_eq!(pairs(&section(786_432)).get("long").map(str::len), Some(786_432));
    let fault = FormFault::TooLong { what: "value", limit: 786_432 };
    for more in [1, 2] {
        assert_eq!(Pairs::parse(&section(786_432 + more)), Err(fault.clone()));
    }
}

#[test]
fn lines_of_a_text_are_joined_by_one_blank() {
    for text in ["note: One pair\n of shoes\n", "note:\n One pair\n of shoes\n", "note:\n\tOne pair\n  \n of shoes \n"]
    {
        assert_eq!(pairs(text).get("note"), Some("One pair of shoes"), "{text:?}");
    }
}

#[test]
fn lines_that_count_are_kept() {
    for value in ["a\nb", "\na", "a\n", "\n\na\n\nb", " a", "a ", "a\tb", " a b "] {
        assert_eq!(again("note", value), value);
    }
}

#[test]
fn only_base64_is_folded_and_only_where_it_is_long() {
    let base64 = |length: usize| "QUJD".repeat(length / 4);
    let folded = |value: &str| Pairs::from_iter([("a", value)]).to_text() != format!("a: {value}\n");
    assert!(folded(&base64(68)) && !folded(&base64(64)));
    for text in ["https://shop.example/".to_owned() + &"x".repeat(80), "QUJD QUJD ".repeat(8) + "QUJD"] {
        assert!(!folded(&text), "{text}");
        assert_eq!(again("a", &text), text);
    }
    let mut forced = Pairs::new();
    forced.push_base64("a", base64(64));
    assert_eq!(forced.to_text(), format!("a: {}\n", base64(64)));
}

#[test]
fn a_tab_may_stand_where_lines_count_and_other_controls_nowhere() {
    assert_eq!(pairs("a;\n x\ty\n").get("a"), Some("x\ty"));
    for bad in ["a: x\ty\n", "a: x\u{7}\n", "a;\n x\u{7}\n", "a;\n x\ty\u{7}\n", "a: x\u{202e}\n"] {
        assert_eq!(Pairs::parse(bad), Err(FormFault::BadCharacter), "{bad:?}");
    }
}

proptest! {
    /// Few are looked at one by one, more are found by a table.
    #[test]
    fn pairs_are_found_however_many_there_are(labels in prop::collection::vec(0..2 * FEW, 0..3 * FEW)) {
        let (mut pairs, mut model) = (Pairs::new(), BTreeMap::new());
        for (value, label) in labels.iter().enumerate() {
            pairs.push_text(format!("label-{label}"), format!("{value}"));
            model.insert(*label, format!("{value}"));
            prop_assert_eq!(pairs.len(), model.len());
            for label in 0..2 * FEW {
                prop_assert_eq!(pairs.get(&format!("label-{label}")), model.get(&label).map(String::as_str));
            }
        }
        prop_assert_eq!(Pairs::parse(&pairs.to_text()), Ok(pairs));
    }
}
