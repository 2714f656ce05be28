//! The envelope: header, body and trailer of a message (protocol.md section 1; sample message 4000, fig. 7D).

use crate::fault::FormFault;
use crate::pairs::Pairs;
use crate::suite::Protocol;
use crate::value::to_base64;

/// The most bytes in a message.
pub const MAX_MESSAGE_BYTES: usize = 1024 * 1024;
/// The media type of a message.
pub const MEDIA_TYPE: &str = "application/cybercash";

const HEADER_START: &str = "$$-CyberCash-";
const HEADER_END: &str = "-$$";
const TRAILER_START: &str = "$$-CyberCash-End-";

/// A message whose checksum fits: its protocol number and its transparent pairs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Which suite the message uses.
    pub protocol: Protocol,
    /// The label-value pairs between header and trailer.
    pub pairs: Pairs,
}

impl Envelope {
    /// Reads a message and checks its checksum (steps 902 to 904A).
    ///
    /// # Errors
    /// Whatever breaks protocol.md section 1; such a message is discarded.
    pub fn parse(bytes: &[u8]) -> Result<Self, FormFault> {
        if bytes.len() > MAX_MESSAGE_BYTES {
            return Err(FormFault::TooLong { what: "message", limit: MAX_MESSAGE_BYTES });
        }
        let text = std::str::from_utf8(bytes).map_err(|_| FormFault::NotText)?;
        let (header, rest) = split_header(text)?;
        let protocol = read_header(header)?;
        let (body, trailer) = split_trailer(rest)?;
        if checksum(protocol, header, body) != trailer {
            return Err(FormFault::Checksum);
        }
        Ok(Self { protocol, pairs: Pairs::parse(body)? })
    }

    /// Writes the message (steps 814 to 817).
    pub fn write(&self) -> String {
        let header = format!("{HEADER_START}{}{HEADER_END}", self.protocol.number());
        let body = self.pairs.to_text();
        let sum = checksum(self.protocol, &header, &body);
        let parts = [header.as_str(), "\n", &body, TRAILER_START, &sum, HEADER_END, "\n"];
        parts.concat()
    }

    /// The protocol number of a message whose header can be read, whatever follows it.
    ///
    /// # Errors
    /// No header of this system, or a number nobody has defined.
    pub fn peek_protocol(bytes: &[u8]) -> Result<Protocol, FormFault> {
        let start = &bytes[..bytes.len().min(4096)];
        let line = start.split(|b| *b == b'\n').find(|line| !line.iter().all(u8::is_ascii_whitespace));
        let line = line.and_then(|line| std::str::from_utf8(line).ok()).ok_or(FormFault::NoHeader)?;
        read_header(line)
    }
}

/// Skips blank lines and cuts the header line off.
fn split_header(text: &str) -> Result<(&str, &str), FormFault> {
    let mut rest = text;
    while let Some((line, after)) = rest.split_once('\n') {
        if !line.trim_matches([' ', '\t', '\r']).is_empty() {
            return Ok((line, after));
        }
        rest = after;
    }
    Err(FormFault::NoHeader)
}

fn read_header(line: &str) -> Result<Protocol, FormFault> {
    let line = line.trim_end_matches([' ', '\t', '\r']);
    let number = line.strip_prefix(HEADER_START).and_then(|rest| rest.strip_suffix(HEADER_END));
    let number = number.ok_or(FormFault::NoHeader)?;
    let form = |b: u8| b.is_ascii_digit() || b == b'.';
    if !(1..=8).contains(&number.len()) || !number.bytes().all(form) {
        return Err(FormFault::NoHeader);
    }
    Protocol::of_number(number).ok_or_else(|| FormFault::UnknownProtocol(number.to_owned()))
}

/// Cuts the rest of a message into its body and the checksum in its trailer.
fn split_trailer(rest: &str) -> Result<(&str, &str), FormFault> {
    let start = if rest.starts_with(TRAILER_START) { 0 } else { find_trailer(rest).ok_or(FormFault::NoTrailer)? };
    let (body, trailer) = rest.split_at(start);
    let (line, after) = trailer.split_once('\n').unwrap_or((trailer, ""));
    if !after.trim_matches([' ', '\t', '\r', '\n']).is_empty() {
        return Err(FormFault::Trailing);
    }
    let line = line.trim_end_matches([' ', '\t', '\r']);
    let sum = line.strip_prefix(TRAILER_START).and_then(|rest| rest.strip_suffix(HEADER_END));
    sum.map(|sum| (body, sum)).ok_or(FormFault::NoTrailer)
}

/// Where the first line begins that is a trailer. Its first character is rare in a body, so it is looked for by that.
fn find_trailer(rest: &str) -> Option<usize> {
    let dollars = rest.match_indices('$').map(|(at, _)| at);
    let mut starts = dollars.filter(|at| *at > 0 && rest.as_bytes()[at - 1] == b'\n');
    starts.find(|at| rest[*at..].starts_with(TRAILER_START))
}

/// H over header and body without the bytes that gateways change.
fn checksum(protocol: Protocol, header: &str, body: &str) -> String {
    let printable = |b: &u8| *b > 0x20 && *b != 0x7F;
    let mut stripped = Vec::with_capacity(header.len() + body.len());
    for line in std::iter::once(header).chain(body.split('\n')).map(str::as_bytes) {
        // Most lines are a blank and base64.
        let line = line.strip_prefix(b" ").unwrap_or(line);
        if line.iter().fold(true, |all, b| all & printable(b)) {
            stripped.extend_from_slice(line);
        } else {
            stripped.extend(line.iter().filter(|b| printable(b)));
        }
    }
    to_base64(&protocol.suite().digest(&stripped))
}

#[cfg(test)]
mod tests;
