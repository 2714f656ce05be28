//! Label-value pairs: the grammar inside an envelope and inside an opaque value (protocol.md section 1).
//!
//! A batch of 255 payments has some thousands of pairs, so a section keeps all its text in one piece and finds labels by
//! a table of positions. Most sections have a dozen, and there are two or three for each payment: there a look at each
//! label costs less than a table.

use std::hash::BuildHasher as _;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::fault::FormFault;
use crate::value::from_base64;

/// The most pairs in a section.
const MAX_PAIRS: usize = 4_096;
/// The most bytes in a value.
const MAX_VALUE_BYTES: usize = 768 * 1024;
/// The most characters in a label.
const MAX_LABEL_CHARS: usize = 64;
/// How many pairs are found without a table of positions.
const FEW: usize = 16;
/// What is made room for at first: most sections need no more.
const FIRST_ROOM: usize = 384;
/// Base64 longer than this is folded, into lines of this length.
const FOLD_AT: usize = 64;

/// A section: label-value pairs in the order in which they stand, each label once.
#[derive(Clone, Debug, Default)]
pub struct Pairs {
    /// Labels and values, one after the other.
    text: String,
    entries: Vec<Entry>,
    /// Positions in `entries`, by label; empty while there are [`FEW`].
    places: HashTable<usize>,
    hasher: DefaultHashBuilder,
}

/// A label in the text, and its value right behind it.
#[derive(Clone, Copy, Debug)]
struct Entry {
    start: usize,
    /// Where the label ends and the value begins.
    middle: usize,
    end: usize,
    /// Whether a long value is written in folded lines.
    folds: bool,
}

impl Entry {
    fn label(self, text: &str) -> &str {
        &text[self.start..self.middle]
    }

    fn value(self, text: &str) -> &str {
        &text[self.middle..self.end]
    }

    /// Whether its label is this one; no characters are looked for where lengths differ.
    fn is(self, label: &str, text: &str) -> bool {
        text.as_bytes()[self.start..self.middle] == *label.as_bytes()
    }
}

/// The same labels with the same values, in whatever order.
impl PartialEq for Pairs {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|(label, value)| other.get(label) == Some(value))
    }
}

impl Eq for Pairs {}

impl Pairs {
    /// No pairs.
    pub fn new() -> Self {
        Self::default()
    }

    /// The value of a label.
    pub fn get(&self, label: &str) -> Option<&str> {
        self.entry(label).map(|(_, value)| value)
    }

    /// The pair of a label, as it stands here.
    pub fn entry(&self, label: &str) -> Option<(&str, &str)> {
        let entry = self.entries[self.place(label)?];
        Some((entry.label(&self.text), entry.value(&self.text)))
    }

    fn place(&self, label: &str) -> Option<usize> {
        if self.entries.len() <= FEW {
            return self.entries.iter().position(|entry| entry.is(label, &self.text));
        }
        let same = |place: &usize| self.entries[*place].is(label, &self.text);
        self.places.find(self.hasher.hash_one(label), same).copied()
    }

    /// How many pairs there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The pairs in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().map(|entry| (entry.label(&self.text), entry.value(&self.text)))
    }

    /// Appends a pair whose value is folded if it looks like base64. A pair without a value is left out.
    pub fn push(&mut self, label: impl AsRef<str>, value: impl AsRef<str>) {
        let value = value.as_ref();
        let folds = value.len() > FOLD_AT && !value.contains([' ', '\t', '\n']) && from_base64(value).is_some();
        self.insert(label.as_ref(), "", value, folds);
    }

    /// Appends a pair that is never folded.
    pub fn push_text(&mut self, label: impl AsRef<str>, value: impl AsRef<str>) {
        self.insert(label.as_ref(), "", value.as_ref(), false);
    }

    /// Appends a base64 value, which is folded where it is long.
    pub fn push_base64(&mut self, label: impl AsRef<str>, value: impl AsRef<str>) {
        self.insert(label.as_ref(), "", value.as_ref(), true);
    }

    /// Appends a pair whose label is of two parts, such as `payer-index` and `_3`. A label that stands here already gets
    /// the new value.
    pub(crate) fn insert(&mut self, label: &str, suffix: &str, value: &str, folds: bool) {
        if value.is_empty() {
            return;
        }
        if self.entries.is_empty() {
            self.text.reserve(FIRST_ROOM);
            self.entries.reserve(FEW);
        }
        let start = self.text.len();
        self.text.push_str(label);
        self.text.push_str(suffix);
        let middle = self.text.len();
        self.text.push_str(value);
        let entry = Entry { start, middle, end: self.text.len(), folds };
        if let Some(place) = self.place(&self.text[start..middle]) {
            self.entries[place] = entry;
        } else {
            self.append(entry);
        }
    }

    /// Appends an entry whose label does not stand here yet.
    fn append(&mut self, entry: Entry) {
        self.entries.push(entry);
        let Self { text, entries, places, hasher } = self;
        let unlisted = match entries.len() {
            ..=FEW => return,
            count if count == FEW + 1 => 0,
            count => count - 1,
        };
        let hash = |place: &usize| hasher.hash_one(entries[*place].label(text));
        for place in unlisted..entries.len() {
            places.insert_unique(hash(&place), place, hash);
        }
    }

    /// The labels and values without `left_out`, sorted by label: what an aad is made of.
    pub fn sorted_without<'a>(&'a self, left_out: &str) -> Vec<(&'a str, &'a str)> {
        let mut items: Vec<_> = self.iter().filter(|(label, _)| *label != left_out).collect();
        items.sort_unstable();
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
        let mut reader = Reader::for_text(text);
        let text = text.strip_suffix('\n').unwrap_or(text);
        for (number, line) in text.split('\n').enumerate() {
            reader.line(line.strip_suffix('\r').unwrap_or(line), number + 1)?;
        }
        reader.finish()
    }

    /// Appends the section as text, each line ending in LF.
    pub fn write(&self, out: &mut String) {
        for (entry, (label, value)) in self.entries.iter().zip(self.iter()) {
            out.push_str(label);
            if needs_lines(value) {
                out.push(';');
                write_continuations(value.split('\n'), out);
            } else if entry.folds && value.len() > FOLD_AT {
                out.push(':');
                let lines = value.as_bytes().chunks(FOLD_AT);
                write_continuations(lines.map(|line| std::str::from_utf8(line).unwrap_or_default()), out);
            } else {
                out.push_str(": ");
                out.push_str(value);
                out.push('\n');
            }
        }
    }

    /// The section as text.
    pub fn to_text(&self) -> String {
        // For each pair: separator, blank, line end; and for folded lines two characters in 64.
        let mut text = String::with_capacity(self.text.len() + self.text.len() / 16 + 4 * self.len());
        self.write(&mut text);
        text
    }
}

/// Whether a value would come back as another from the line of its label: there blanks at the ends are trimmed, and a tab
/// may not stand.
fn needs_lines(value: &str) -> bool {
    value.starts_with(' ')
        || value.ends_with(' ')
        || value.bytes().fold(false, |found, byte| found | matches!(byte, b'\n' | b'\t'))
}

fn write_continuations<'a>(lines: impl Iterator<Item = &'a str>, out: &mut String) {
    out.push('\n');
    for line in lines {
        out.push(' ');
        out.push_str(line);
        out.push('\n');
    }
}

impl<L: AsRef<str>, V: AsRef<str>> FromIterator<(L, V)> for Pairs {
    fn from_iter<I: IntoIterator<Item = (L, V)>>(pairs: I) -> Self {
        let mut all = Self::new();
        for (label, value) in pairs {
            all.push(label, value);
        }
        all
    }
}

/// The state of reading: the pairs so far and the one whose value may go on, which stands at the end of their text.
#[derive(Default)]
struct Reader {
    pairs: Pairs,
    open: Option<Open>,
    /// Whether a pair has no value.
    blanks: bool,
}

struct Open {
    start: usize,
    middle: usize,
    /// `;`: line breaks count.
    lines: bool,
    pieces: usize,
}

impl Reader {
    /// With room for a section's text.
    fn for_text(text: &str) -> Self {
        let mut reader = Self::default();
        reader.pairs.text.reserve(text.len());
        reader
    }

    fn line(&mut self, line: &str, number: usize) -> Result<(), FormFault> {
        if let Some(rest) = line.strip_prefix([' ', '\t']) {
            self.go_on(rest, number)
        } else {
            self.close()?;
            self.open(line).ok_or(FormFault::BadLine(number))?
        }
    }

    /// Begins a pair.
    fn open(&mut self, line: &str) -> Option<Result<(), FormFault>> {
        let end = line.find([':', ';'])?;
        let (label, rest) = (&line[..end], &line[end + 1..]);
        let lines = line.as_bytes()[end] == b';';
        let rest = if lines { rest.strip_prefix([' ', '\t']).unwrap_or(rest) } else { trim(rest) };
        if !is_label(label) {
            return None;
        }
        let text = &mut self.pairs.text;
        let start = text.len();
        text.push_str(label);
        text[start..].make_ascii_lowercase();
        let middle = text.len();
        text.push_str(rest);
        let open = Open { start, middle, lines, pieces: usize::from(!rest.is_empty()) };
        let checked = open.check(text, rest);
        self.open = Some(open);
        Some(checked)
    }

    /// A further line of the open pair.
    fn go_on(&mut self, rest: &str, number: usize) -> Result<(), FormFault> {
        let open = self.open.as_mut().ok_or(FormFault::BadLine(number))?;
        let text = &mut self.pairs.text;
        let piece = if open.lines { rest } else { trim(rest) };
        if open.pieces > 0 && (open.lines || !piece.is_empty()) {
            text.push(if open.lines { '\n' } else { ' ' });
        }
        text.push_str(piece);
        open.pieces += usize::from(open.lines || !piece.is_empty());
        open.check(text, piece)
    }

    /// Ends the open pair. A pair without a value is as good as absent, but its label still counts as used.
    fn close(&mut self) -> Result<(), FormFault> {
        let Some(Open { start, middle, .. }) = self.open.take() else { return Ok(()) };
        if self.pairs.len() >= MAX_PAIRS {
            return Err(FormFault::TooLong { what: "section", limit: MAX_PAIRS });
        }
        let name = &self.pairs.text[start..middle];
        if self.pairs.place(name).is_some() {
            return Err(FormFault::Repeated(name.to_owned()));
        }
        let end = self.pairs.text.len();
        self.blanks |= end == middle;
        self.pairs.append(Entry { start, middle, end, folds: false });
        Ok(())
    }

    fn finish(mut self) -> Result<Pairs, FormFault> {
        self.close()?;
        if !self.blanks {
            return Ok(self.pairs);
        }
        let mut kept = Pairs::new();
        self.pairs.iter().for_each(|(label, value)| kept.insert(label, "", value, false));
        Ok(kept)
    }
}

impl Open {
    fn check(&self, text: &str, piece: &str) -> Result<(), FormFault> {
        if text.len() - self.middle > MAX_VALUE_BYTES {
            return Err(FormFault::TooLong { what: "value", limit: MAX_VALUE_BYTES });
        }
        // Nearly every line is printable ASCII, which a look at all bytes at once tells.
        if piece.bytes().fold(true, |plain, byte| plain & matches!(byte, b' '..=b'~')) {
            return Ok(());
        }
        let bad = |c: char| is_forbidden(c) && !(self.lines && c == '\t');
        if piece.contains(bad) { Err(FormFault::BadCharacter) } else { Ok(()) }
    }
}

fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// Control characters, line separators and bidirectional controls: what could show one thing and mean another.
pub(crate) fn is_forbidden(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

fn is_label(text: &str) -> bool {
    let bytes = text.as_bytes();
    let inner = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_' || *b == b'-';
    (1..=MAX_LABEL_CHARS).contains(&bytes.len()) && bytes[0].is_ascii_alphabetic() && bytes.iter().all(inner)
}

#[cfg(test)]
mod tests;
