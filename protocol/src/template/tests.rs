//! Rows of every presence, at the edges of how often they may stand.

use super::*;
use crate::value::{Num, Text, Token};

record! {
    /// A record with a row of each presence.
    pub struct Sample {
        /// Once.
        hashed "name" name: Token<8>,
        /// Once or not at all.
        hashed "count" count: Option<Num>,
        /// Not hashed.
        plain "remark" remark: Option<Text<20>>,
        /// With numbers.
        hashed "answer" answers: Numbered<Text<10>, 3>,
        /// A row of its own within the family.
        hashed "extra-own" own: Option<Token<8>>,
        /// All others of the family.
        hashed "extra-" extras: Family,
    }
}

fn pairs(text: &str) -> Pairs {
    Pairs::parse(text).expect("a section")
}

fn read(text: &str) -> Result<Sample, FormFault> {
    Sample::read(&pairs(text), "", Reading::STRICT)
}

const WHOLE: &str =
    "name: n\ncount: 7\nremark: r\nanswer_1: one\nanswer_2: two\nextra-own: o\nextra-a: 1\nextra-b: 2\n";

#[test]
fn a_record_writes_what_it_reads() {
    let sample = read(WHOLE).expect("a sample");
    assert_eq!(sample.answers.0.iter().map(Text::as_str).collect::<Vec<_>>(), ["one", "two"]);
    let extras: Vec<_> = sample.extras.0.iter().map(|(label, value)| (label.as_str(), value.as_str())).collect();
    assert_eq!(extras, [("extra-a", "1"), ("extra-b", "2")], "the label with a row of its own is not of the family");
    let mut written = Pairs::new();
    sample.write("", &mut written);
    assert_eq!(written.to_text(), WHOLE);
}

#[test]
fn a_row_that_is_missing_or_of_another_type_is_named() {
    assert_eq!(read("count: 7\n"), Err(FormFault::Missing("name".to_owned())));
    let fault = |label: &str, kind: &str| Err(FormFault::BadValue { label: label.to_owned(), kind: kind.to_owned() });
    assert_eq!(read("name: n\ncount: x\n"), fault("count", "num"));
    assert_eq!(read("name: much too long\n"), fault("name", "token of at most 8"));
    assert_eq!(read("name: n\nanswer_1: much too long\n"), fault("answer_1", "line of at most 10 characters"));
    let long = "x".repeat(201);
    assert_eq!(read(&format!("name: n\nextra-a: {long}\n")), fault("extra-a", "line of at most 200 characters"));
    assert!(read("name: n\nunknown: x\n").is_ok_and(|sample| sample.count.is_none()));
}

#[test]
fn lists_end_at_their_limit() {
    let lines = |label: &str, from: usize, count: usize| -> String {
        (from..from + count).flat_map(|n| [label.to_owned(), n.to_string(), ": x\n".to_owned()]).collect()
    };
    let answers = |count: usize| lines("answer_", 1, count);
    for good in [0, 1, 3] {
        assert_eq!(read(&format!("name: n\n{}", answers(good))).map(|sample| sample.answers.0.len()), Ok(good));
    }
    for bad in [4, 5, 9] {
        let fault = FormFault::TooLong { what: "answer", limit: 3 };
        assert_eq!(read(&format!("name: n\n{}", answers(bad))), Err(fault));
    }
    let gap = read("name: n\nanswer_1: x\nanswer_3: x\n");
    assert_eq!(gap.map(|sample| sample.answers.0.len()), Ok(1), "without gaps");
    let extras = |count: usize| lines("extra-", 0, count);
    assert_eq!(read(&format!("name: n\n{}", extras(48))).map(|sample| sample.extras.0.len()), Ok(48));
    for bad in [49, 50] {
        let fault = FormFault::TooLong { what: "extra-", limit: 48 };
        assert_eq!(read(&format!("name: n\n{}", extras(bad))), Err(fault));
    }
}

#[test]
fn a_suffix_belongs_to_every_label() {
    let section = pairs("name_2: n\ncount_2: 7\nname: other\n");
    let sample = Sample::read(&section, "_2", Reading::STRICT).expect("a sample");
    assert_eq!((sample.name.as_str(), sample.count), ("n", Num::of(7)));
    assert_eq!(Sample::read(&section, "_3", Reading::STRICT), Err(FormFault::Missing("name_3".to_owned())));
    let mut written = Pairs::new();
    sample.write("_5", &mut written);
    assert_eq!(written.to_text(), "name_5: n\ncount_5: 7\n");
}

#[test]
fn hashed_rows_and_no_others_are_hashed_in_the_order_of_the_table() {
    let section = pairs("extra-b: 2\nanswer_2: two\nanswer_1: one\nremark: r\ncount: 7\nextra-own: o\nname: n\n");
    let items = hashed_items(Sample::FIELDS, &section, "");
    let labels: Vec<&str> = items.iter().map(|(label, _)| *label).collect();
    // The family takes all that begin as it does, those with rows of their own included.
    assert_eq!(labels, ["name", "count", "answer_1", "answer_2", "extra-own", "extra-b", "extra-own"]);
    assert_eq!(items[3], ("answer_2", "two"));
    assert_eq!(hashed_items(Sample::FIELDS, &pairs("remark: r\n"), ""), []);
    assert_eq!(hashed_items(Sample::FIELDS, &pairs("name_4: n\n"), "_4"), [("name_4", "n")]);
}

#[test]
fn kinds_are_named_for_people() {
    let names = [
        (Kind::Token(8), "token of at most 8"),
        (Kind::Text(9), "line of at most 9 characters"),
        (Kind::Lines(9), "text of at most 9 characters"),
        (Kind::Base64(8, 8), "base64 of 8 bytes"),
        (Kind::Base64(8, 9), "base64 of 8 to 9 bytes"),
        (Kind::OneOf(&["yes", "no"]), "yes or no"),
        (Kind::SignedAmount, "signedamount"),
    ];
    for (kind, name) in names {
        assert_eq!(kind.to_string(), name);
    }
}
