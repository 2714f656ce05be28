//! A second reader, made from the specification alone and as simply as can be: no table, no position, no care for speed.

use std::collections::BTreeMap;

use md5::{Digest as _, Md5};
use protocol::value::to_base64;
use sha2::Sha256;

/// Label and value of a section; labels without a value are not in it.
pub type Section = BTreeMap<String, String>;

/// A message: its protocol number and its pairs. Nothing if it is malformed.
pub fn envelope(bytes: &[u8]) -> Option<(String, Section)> {
    let text = std::str::from_utf8(bytes).ok().filter(|text| text.len() <= 1024 * 1024)?;
    let lines: Vec<&str> = text.split('\n').collect();
    let is_blank = |line: &&str| line.chars().all(|c| " \t\r".contains(c));
    let first = lines.iter().position(|line| !is_blank(line))?;
    // A header that no line end follows is followed by no trailer either.
    let header = lines[first].trim_end_matches([' ', '\t', '\r']);
    let number = header.strip_prefix("$$-CyberCash-")?.strip_suffix("-$$")?;
    let last = first + 1 + lines[first + 1..].iter().position(|line| line.starts_with("$$-CyberCash-End-"))?;
    let trailer = lines[last].trim_end_matches([' ', '\t', '\r']);
    let sum = trailer.strip_prefix("$$-CyberCash-End-")?.strip_suffix("-$$")?;
    if !lines[last + 1..].iter().all(is_blank) {
        return None;
    }
    let body: String = lines[first + 1..last].iter().flat_map(|line| [*line, "\n"]).collect();
    if checksum(number, header, &body)? != sum {
        return None;
    }
    Some((number.to_owned(), section(&body)?))
}

/// What stands in the trailer; nothing if the number is not defined.
pub fn checksum(number: &str, header: &str, body: &str) -> Option<String> {
    let stripped: Vec<u8> = header.bytes().chain(body.bytes()).filter(|b| *b > 0x20 && *b != 0x7F).collect();
    match number {
        "1.0" => Some(to_base64(&Md5::digest(stripped))),
        "2.0" => Some(to_base64(&Sha256::digest(stripped))),
        _ => None,
    }
}

/// The pairs of a section. Nothing if it is malformed.
pub fn section(text: &str) -> Option<Section> {
    let mut lines: Vec<&str> = text.split('\n').collect();
    if lines.last() == Some(&"") {
        lines.pop();
    }
    let mut open: Vec<(String, bool, Vec<String>)> = Vec::new();
    for line in lines {
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.starts_with([' ', '\t']) {
            let (_, breaks, pieces) = open.last_mut()?;
            pieces.push(if *breaks { line[1..].to_owned() } else { trimmed(line) });
            continue;
        }
        let at = line.find([':', ';'])?;
        let (label, rest, breaks) = (line[..at].to_lowercase(), &line[at + 1..], line[at..].starts_with(';'));
        let rest = if breaks { rest.strip_prefix([' ', '\t']).unwrap_or(rest).to_owned() } else { trimmed(rest) };
        if !is_label(&line[..at]) || open.iter().any(|(other, ..)| *other == label) {
            return None;
        }
        // Nothing on the line of the label is no piece.
        open.push((label, breaks, if rest.is_empty() { Vec::new() } else { vec![rest] }));
    }
    if open.len() > 4_096 {
        return None;
    }
    let mut section = Section::new();
    for (label, breaks, pieces) in open {
        let value = if breaks { pieces.join("\n") } else { joined(&pieces) };
        if value.len() > 768 * 1024 || value.chars().any(|c| may_not_stand(c) && !(breaks && "\n\t".contains(c))) {
            return None;
        }
        if !value.is_empty() {
            section.insert(label, value);
        }
    }
    Some(section)
}

fn trimmed(text: &str) -> String {
    text.trim_matches([' ', '\t']).to_owned()
}

fn joined(pieces: &[String]) -> String {
    pieces.iter().filter(|piece| !piece.is_empty()).map(String::as_str).collect::<Vec<_>>().join(" ")
}

fn is_label(label: &str) -> bool {
    let letters = "abcdefghijklmnopqrstuvwxyz";
    let label = label.to_ascii_lowercase();
    let mut chars = label.chars();
    let first = chars.next().is_some_and(|c| letters.contains(c));
    first && label.len() <= 64 && chars.all(|c| letters.contains(c) || "0123456789_-".contains(c))
}

fn may_not_stand(c: char) -> bool {
    c.is_control()
        || "\u{2028}\u{2029}\u{202A}\u{202B}\u{202C}\u{202D}\u{202E}\u{2066}\u{2067}\u{2068}\u{2069}".contains(c)
}

/// `usd 42.50` as minor units. Nothing if it is not an amount.
pub fn amount(text: &str, signed: bool, few_decimals: bool) -> Option<(String, i64)> {
    let (code, decimal) = text.split_at_checked(3)?;
    let digits = match code {
        "usd" | "cad" | "eur" | "gbp" => 2,
        "jpy" => 0,
        "kwd" => 3,
        _ => return None,
    };
    let number = decimal.trim_matches([' ', '\t']);
    let (minus, plain) = number.strip_prefix('-').map_or((false, number), |plain| (true, plain));
    let parts: Vec<&str> = plain.split('.').collect();
    let (whole, part) = match parts[..] {
        [whole] => (whole, ""),
        [whole, part] if !part.is_empty() => (whole, part),
        _ => return None,
    };
    let short = few_decimals && part.len() < digits;
    let is_number = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    if !decimal.starts_with([' ', '\t'])
        || whole.is_empty()
        || whole.len() > 16
        || !is_number(whole)
        || !is_number(part)
    {
        return None;
    }
    if part.len() != digits && !short {
        return None;
    }
    let minor: i128 = format!("{whole}{part:0<digits$}").parse().ok()?;
    if minor >= 1 << 53 || (minus && (!signed || minor == 0)) {
        return None;
    }
    let minor = i64::try_from(minor).ok()?;
    Some((code.to_owned(), if minus { -minor } else { minor }))
}

/// Milliseconds since 1970 of `yyyyMMddHHmmssSSS`. Nothing if there is no such moment.
pub fn date(text: &str) -> Option<i64> {
    if text.len() != 17 || !text.chars().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let number = |from: usize, to: usize| text[from..to].parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(4, 6)?, number(6, 8)?);
    let (hour, minute, second, milli) = (number(8, 10)?, number(10, 12)?, number(12, 14)?, number(14, 17)?);
    if year < 1970 || !(1..=12).contains(&month) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let leap = |year: i64| (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let length = |year: i64, month: i64| match month {
        2 => 28 + i64::from(leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if !(1..=length(year, month)).contains(&day) {
        return None;
    }
    let years: i64 = (1970..year).map(|year| 365 + i64::from(leap(year))).sum();
    let months: i64 = (1..month).map(|month| length(year, month)).sum();
    let days = years + months + day - 1;
    // The last moment is one at which it is still the year 9999 everywhere.
    (text < "99991230220000").then_some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1000 + milli)
}
