//! Sections: what is sealed in a message, or stands between its header and trailer.

use protocol::pairs::Pairs;

use crate::naive::{self, Section};

pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (read, naive) = (Pairs::parse(text), naive::section(text));
    match (&read, &naive) {
        (Ok(pairs), Some(section)) => {
            assert_same(pairs, section);
            let written = pairs.to_text();
            let again = Pairs::parse(&written).expect("our own section");
            assert_eq!(again, *pairs);
            assert_eq!(again.to_text(), written, "there is one way to write a section");
            assert_eq!(naive::section(&written).as_ref(), Some(section));
        }
        (Err(_), None) => {}
        _ => panic!("one reader takes it: {read:?}, the other {naive:?}"),
    }
}

/// The same labels with the same values.
pub fn assert_same(pairs: &Pairs, section: &Section) {
    let ours: Section = pairs.iter().map(|(label, value)| (label.to_owned(), value.to_owned())).collect();
    assert_eq!(ours, *section);
    assert_eq!(pairs.len(), section.len(), "each label stands once");
    assert!(section.iter().all(|(label, value)| pairs.get(label) == Some(value)));
}
