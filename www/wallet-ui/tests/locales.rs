//! What `tests/tests/texts.rs` does not see of the pages' texts: keys that are not written as `t("key")`, advice that is
//! missing, and texts that nobody asks for any more.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use serde_json::Value;

const TEXTS: &str = include_str!("../../extension/_locales/en/messages.json");
const MANIFEST: &str = include_str!("../../extension/manifest.json");
const PAGE: &str = include_str!("../../extension/page.js");

#[test]
fn every_problem_comes_with_advice() {
    let keys = keys();
    for key in keys.iter().filter(|key| key.starts_with("problem_") && !key.ends_with("_next")) {
        assert!(keys.contains(&format!("{key}_next")), "{key}_next has no text");
    }
}

#[test]
fn every_key_in_a_table_has_a_text() {
    let keys = keys();
    for source in sources() {
        for key in literals(&source).filter(|key| key.starts_with("error_") || key.starts_with("lifetime_")) {
            assert!(keys.contains(key), "{key} has no text");
        }
    }
}

#[test]
fn no_text_is_left_over() {
    let sources = sources();
    let mut used: BTreeSet<&str> = sources.iter().flat_map(|source| source.split('"').skip(1)).collect();
    used.extend(MANIFEST.split("__MSG_").skip(1).filter_map(|rest| rest.split("__").next()));
    used.extend(PAGE.split('\''));
    for key in keys().iter().filter(|key| !key.starts_with("problem_")) {
        assert!(used.contains(key.as_str()), "{key} is not used");
    }
}

fn keys() -> BTreeSet<String> {
    let texts: BTreeMap<String, Value> = serde_json::from_str(TEXTS).expect("messages.json is an object");
    texts.into_keys().collect()
}

/// Every string literal of a source that looks like a key: lower case words joined by underscores.
fn literals(source: &str) -> impl Iterator<Item = &str> {
    let is_key_byte = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_');
    source.split('"').skip(1).filter(move |text| text.contains('_') && text.bytes().all(is_key_byte))
}

fn sources() -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder of sources") {
            let path = entry.expect("an entry of a folder").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(fs::read_to_string(path).expect("a source file"));
            }
        }
    }
    found
}
