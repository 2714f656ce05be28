//! The edges of the envelope: where a message begins and ends, and what its checksum covers.

use super::*;

/// A message with a header line as it is and a checksum that fits it and its body.
fn message(header: &str, body: &str) -> String {
    let sum = checksum(Protocol::V2, header, body);
    format!("{header}\n{body}{TRAILER_START}{sum}{HEADER_END}\n")
}

fn modern(body: &str) -> String {
    message("$$-CyberCash-2.0-$$", body)
}

fn parse(message: &str) -> Result<Envelope, FormFault> {
    Envelope::parse(message.as_bytes())
}

#[test]
fn a_message_has_a_mebibyte_and_not_a_byte_more() {
    let message = modern("a: b\n");
    let padded = |length: usize| message.clone() + &"\n".repeat(length - message.len());
    assert_eq!(MAX_MESSAGE_BYTES, 1_048_576);
    assert!(parse(&padded(MAX_MESSAGE_BYTES)).is_ok());
    for longer in [1, 2, 1_000] {
        let fault = FormFault::TooLong { what: "message", limit: MAX_MESSAGE_BYTES };
        assert_eq!(parse(&padded(MAX_MESSAGE_BYTES + longer)), Err(fault));
    }
}

#[test]
fn blank_lines_may_stand_round_a_message_and_nothing_else() {
    let good = modern("a: b\n");
    let read = parse(&good).expect("a message");
    assert_eq!(read.pairs.get("a"), Some("b"));
    for (before, after) in [("\n", ""), (" \t\r\n\n", ""), ("", "\n \t\r\n"), ("", "\t")] {
        assert_eq!(parse(&format!("{before}{good}{after}")).as_ref(), Ok(&read), "{before:?} {after:?}");
    }
    assert_eq!(parse(&format!("{good}x")), Err(FormFault::Trailing));
    assert_eq!(parse(&format!("x\n{good}")), Err(FormFault::NoHeader));
    assert_eq!(parse(""), Err(FormFault::NoHeader));
    assert_eq!(parse("\n\n"), Err(FormFault::NoHeader));
    assert_eq!(parse(good.trim_end()).as_ref(), Ok(&read), "the last line need not end");
}

#[test]
fn a_header_names_a_protocol_that_exists() {
    let of = |number: &str| parse(&message(&format!("$$-CyberCash-{number}-$$"), "a: b\n"));
    assert!(of("2.0").is_ok());
    for unknown in ["3.0", "1", "12345678", "...."] {
        assert_eq!(of(unknown), Err(FormFault::UnknownProtocol(unknown.to_owned())));
    }
    for bad in ["", "123456789", "2.x", "2 0", "2.0-"] {
        assert_eq!(of(bad), Err(FormFault::NoHeader), "{bad}");
    }
    let other = message("$$-SomebodyElse-2.0-$$", "a: b\n");
    assert_eq!(parse(&other), Err(FormFault::NoHeader));
}

#[test]
fn the_protocol_can_be_told_from_the_header_alone() {
    let peek = |text: &str| Envelope::peek_protocol(text.as_bytes());
    assert_eq!(peek("$$-CyberCash-1.0-$$\nwhatever"), Ok(Protocol::V1));
    assert_eq!(peek("\n \r\n$$-CyberCash-2.0-$$\r\n"), Ok(Protocol::V2));
    assert_eq!(peek("x\n$$-CyberCash-2.0-$$\n"), Err(FormFault::NoHeader));
    assert_eq!(peek(""), Err(FormFault::NoHeader));
    let late = " ".repeat(5_000) + "\n$$-CyberCash-2.0-$$\n";
    assert_eq!(peek(&late), Err(FormFault::NoHeader), "nobody looks for ever");
    assert_eq!(Envelope::peek_protocol(b"\xFF\n"), Err(FormFault::NoHeader));
}

#[test]
fn a_trailer_is_the_first_line_that_begins_as_one() {
    assert!(parse(&modern("")).is_ok_and(|read| read.pairs.is_empty()), "an empty body");
    assert_eq!(parse("$$-CyberCash-2.0-$$\na: b\n"), Err(FormFault::NoTrailer));
    assert_eq!(parse("$$-CyberCash-2.0-$$\na: b\n$$-CyberCash-End-x\n"), Err(FormFault::NoTrailer));
    assert!(parse(&modern("a: $$-CyberCash-End-x-$$\n")).is_ok(), "inside a line it is text");
    assert!(parse(&modern("a;\n $$-CyberCash-End-x-$$\n")).is_ok(), "and so it is in a continuation");
    assert!(parse(&modern("price: 5$\nb: c\n")).is_ok());
    assert_eq!(parse(&modern("$ound: d\n")), Err(FormFault::BadLine(1)), "a dollar is no trailer");
}

#[test]
fn the_checksum_covers_all_but_what_gateways_change() {
    let good = modern("note: a b\n");
    assert!(parse(&good.replace("note: a b", "note: \t a  b ")).is_ok());
    assert!(parse(&good.replace('\n', "\r\n")).is_ok());
    assert_eq!(parse(&good.replace("note", "nota")), Err(FormFault::Checksum));
    assert_eq!(parse(&good.replace("a b", "a!b")), Err(FormFault::Checksum));
    // DEL is not covered, and so found by the reader of pairs.
    assert_eq!(parse(&good.replace("a b", "a\u{7F}b")), Err(FormFault::BadCharacter));
    let plain = checksum(Protocol::V2, "$$-CyberCash-2.0-$$", "a:b");
    for body in ["a: b", " a:b", "\ta:\u{7F}b\n", "a\n:\nb\n"] {
        assert_eq!(checksum(Protocol::V2, "$$-CyberCash-2.0-$$", body), plain, "{body:?}");
    }
    let even = |body| checksum(Protocol::V2, "$$-CyberCash-2.0-$$", body);
    assert_eq!(even("ab: c"), even("ab:c"), "however many characters the line has");
    assert_ne!(checksum(Protocol::V2, "$$-CyberCash-2.0-$$", "a:b!"), plain);
    assert_ne!(checksum(Protocol::V1, "$$-CyberCash-2.0-$$", "a:b"), plain);
}

#[test]
fn what_is_written_is_read() {
    let pairs: Pairs = [("a", "b"), ("note", "one\ntwo")].into_iter().collect();
    let envelope = Envelope { protocol: Protocol::V2, pairs };
    let text = envelope.write();
    assert!(text.starts_with("$$-CyberCash-2.0-$$\na: b\nnote;\n one\n two\n$$-CyberCash-End-"), "{text}");
    assert_eq!(parse(&text), Ok(envelope));
    assert_eq!(Envelope::parse(b"$$-CyberCash-2.0-$$\n\xFF"), Err(FormFault::NotText));
}
