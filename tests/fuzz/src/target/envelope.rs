//! Header, body, trailer: the bytes as they are, and as the body of a message whose checksum fits.

use protocol::Protocol;
use protocol::envelope::Envelope;

use super::{choice, protocol_of};
use crate::naive;

pub fn run(data: &[u8]) {
    compare(data);
    let Some((byte, body)) = choice(data) else { return };
    let Ok(body) = std::str::from_utf8(body) else { return };
    compare(message(protocol_of(byte), body).as_bytes());
}

/// A message around a body, which may be anything.
pub fn message(protocol: Protocol, body: &str) -> String {
    let header = format!("$$-CyberCash-{}-$$", protocol.number());
    let sum = naive::checksum(protocol.number(), &header, body).expect("a protocol that exists");
    format!("{header}\n{body}$$-CyberCash-End-{sum}-$$\n")
}

/// Both readers see the same message or none; what is read is written in a form that reads the same.
fn compare(bytes: &[u8]) {
    let (read, naive) = (Envelope::parse(bytes), naive::envelope(bytes));
    match (&read, &naive) {
        (Ok(envelope), Some((number, section))) => {
            assert_eq!(envelope.protocol.number(), number);
            super::pairs::assert_same(&envelope.pairs, section);
            assert_eq!(Envelope::peek_protocol(bytes).ok(), Some(envelope.protocol).filter(|_| header_is_near(bytes)));
            let written = envelope.write();
            let again = Envelope::parse(written.as_bytes()).expect("our own message");
            assert_eq!(again, *envelope);
            assert_eq!(again.write(), written, "there is one way to write a message");
        }
        (Err(_), None) => {}
        _ => panic!("one reader takes it: {read:?}, the other {naive:?}"),
    }
}

/// The protocol number is looked for in the first 4 KiB only.
fn header_is_near(bytes: &[u8]) -> bool {
    bytes[..bytes.len().min(4096)].windows(3).any(|window| window == b"-$$")
}
