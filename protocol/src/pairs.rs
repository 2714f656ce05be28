//! Label-value pairs: the grammar inside an envelope and inside an opaque value (protocol.md section 1).

use std::borrow::Cow;

use indexmap::IndexMap;

use crate::fault::FormFault;
use crate::value::from_base64;

/// The most pairs in a section.
const MAX_PAIRS: usize = 4_096;
/// The most bytes in a value.
const MAX_VALUE_BYTES: usize = 768 * 1024;
/// The most characters in a label.
const MAX_LABEL_CHARS: usize = 64;
/// Base64 longer than this is folded, into lines of this length.
const FOLD_AT: usize = 64;

/// A section: label-value pairs in the order in which they stand, each label once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pairs(IndexMap<String, Entry>);

#[derive(Clone, Debug)]
struct Entry {
    value: String,
    /// Whether a long value is written in folded lines.
    folds: bool,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl Eq for Entry {}

impl Pairs {
    /// No pairs.
    pub fn new() -> Self {
        Self::default()
    }

    /// The value of a label.
    pub fn get(&self, label: &str) -> Option<&str> {
        self.0.get(label).map(|entry| entry.value.as_str())
    }

    /// How many pairs there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The pairs in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(label, entry)| (label.as_str(), entry.value.as_str()))
    }

    /// Appends a pair whose value is folded if it looks like base64. A pair without a value is left out.
    pub fn push(&mut self, label: impl Into<String>, value: impl Into<String>) {
        let value = value.into();
        let folds = value.len() > FOLD_AT && !value.contains([' ', '\t', '\n']) && from_base64(&value).is_some();
        self.insert(label.into(), value, folds);
    }

    /// Appends a pair that is never folded.
    pub fn push_text(&mut self, label: impl Into<String>, value: impl Into<String>) {
        self.insert(label.into(), value.into(), false);
    }

    /// Appends a base64 value, which is folded where it is long.
    pub fn push_base64(&mut self, label: impl Into<String>, value: impl Into<String>) {
        self.insert(label.into(), value.into(), true);
    }

    fn insert(&mut self, label: String, value: String, folds: bool) {
        if !value.is_empty() {
            self.0.insert(label, Entry { value, folds });
        }
    }

    /// The labels and values without `left_out`, sorted by label: what an aad is made of.
    pub fn sorted_without<'a>(&'a self, left_out: &str) -> Vec<(Cow<'static, str>, &'a str)> {
        let kept = self.iter().filter(|(label, _)| *label != left_out);
        let mut items: Vec<_> = kept.map(|(label, value)| (Cow::Owned(label.to_owned()), value)).collect();
        items.sort();
        items
    }

    /// Reads the lines of a section.
    ///
    /// # Errors
    /// The first line or character that breaks the grammar.
    pub fn parse(text: &str) -> Result<Self, FormFault> {
        if text.is_empty() {
            return Ok(Self::new());
        }
        let text = text.strip_suffix('\n').unwrap_or(text);
        let mut reader = Reader::default();
        for (number, line) in text.split('\n').enumerate() {
            reader.line(line.strip_suffix('\r').unwrap_or(line), number + 1)?;
        }
        reader.finish()
    }

    /// Appends the section as text, each line ending in LF.
    pub fn write(&self, out: &mut String) {
        for (label, entry) in &self.0 {
            out.push_str(label);
            if entry.value.contains('\n') {
                out.push(';');
                write_continuations(entry.value.split('\n'), out);
            } else if entry.folds && entry.value.len() > FOLD_AT {
                out.push(':');
                let lines = entry.value.as_bytes().chunks(FOLD_AT);
                write_continuations(lines.map(|line| std::str::from_utf8(line).unwrap_or_default()), out);
            } else {
                out.push_str(": ");
                out.push_str(&entry.value);
                out.push('\n');
            }
        }
    }

    /// The section as text.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        text
    }
}

fn write_continuations<'a>(lines: impl Iterator<Item = &'a str>, out: &mut String) {
    out.push('\n');
    for line in lines {
        out.push(' ');
        out.push_str(line);
        out.push('\n');
    }
}

impl<L: Into<String>, V: Into<String>> FromIterator<(L, V)> for Pairs {
    fn from_iter<I: IntoIterator<Item = (L, V)>>(pairs: I) -> Self {
        let mut all = Self::new();
        for (label, value) in pairs {
            all.push(label, value);
        }
        all
    }
}

/// The state of reading: the pairs so far and the one whose value may go on.
#[derive(Default)]
struct Reader {
    pairs: IndexMap<String, Entry>,
    open: Option<Open>,
}

struct Open {
    label: String,
    value: String,
    /// `;`: line breaks count.
    lines: bool,
    pieces: usize,
}

impl Reader {
    fn line(&mut self, line: &str, number: usize) -> Result<(), FormFault> {
        if let Some(rest) = line.strip_prefix([' ', '\t']) {
            self.open.as_mut().ok_or(FormFault::BadLine(number))?.append(rest)
        } else {
            self.close()?;
            self.open = Some(Open::read(line).ok_or(FormFault::BadLine(number))?);
            self.open.as_ref().map_or(Ok(()), Open::check)
        }
    }

    /// Ends the open pair. A pair without a value is as good as absent, but its label still counts as used.
    fn close(&mut self) -> Result<(), FormFault> {
        let Some(Open { label, value, .. }) = self.open.take() else { return Ok(()) };
        if self.pairs.len() >= MAX_PAIRS {
            return Err(FormFault::TooLong { what: "section", limit: MAX_PAIRS });
        }
        if self.pairs.insert(label, Entry { value, folds: false }).is_none() {
            Ok(())
        } else {
            let label = self.pairs.last().map(|(label, _)| label.clone());
            Err(FormFault::Repeated(label.unwrap_or_default()))
        }
    }

    fn finish(mut self) -> Result<Pairs, FormFault> {
        self.close()?;
        self.pairs.retain(|_, entry| !entry.value.is_empty());
        Ok(Pairs(self.pairs))
    }
}

impl Open {
    fn read(line: &str) -> Option<Self> {
        let end = line.find([':', ';'])?;
        let (label, rest) = (&line[..end], &line[end + 1..]);
        let lines = line.as_bytes()[end] == b';';
        let rest = if lines { rest.strip_prefix([' ', '\t']).unwrap_or(rest) } else { trim(rest) };
        let pieces = usize::from(!rest.is_empty());
        is_label(label).then(|| Self { label: label.to_ascii_lowercase(), value: rest.to_owned(), lines, pieces })
    }

    fn append(&mut self, rest: &str) -> Result<(), FormFault> {
        let piece = if self.lines { rest } else { trim(rest) };
        if self.pieces > 0 && (self.lines || !piece.is_empty()) {
            self.value.push(if self.lines { '\n' } else { ' ' });
        }
        self.value.push_str(piece);
        self.pieces += usize::from(self.lines || !piece.is_empty());
        self.check_piece(piece)
    }

    fn check(&self) -> Result<(), FormFault> {
        self.check_piece(&self.value)
    }

    fn check_piece(&self, piece: &str) -> Result<(), FormFault> {
        if self.value.len() > MAX_VALUE_BYTES {
            return Err(FormFault::TooLong { what: "value", limit: MAX_VALUE_BYTES });
        }
        let bad = |c: char| is_forbidden(c) && !(self.lines && c == '\t');
        if piece.contains(bad) { Err(FormFault::BadCharacter) } else { Ok(()) }
    }
}

fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// Control characters, line separators and bidirectional controls: what could show one thing and mean another.
fn is_forbidden(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

fn is_label(text: &str) -> bool {
    let bytes = text.as_bytes();
    let inner = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_' || *b == b'-';
    (1..=MAX_LABEL_CHARS).contains(&bytes.len()) && bytes[0].is_ascii_alphabetic() && bytes.iter().all(inner)
}
