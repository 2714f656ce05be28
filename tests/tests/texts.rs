//! Every text that a person reads is there, in every language.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use protocol::outcome::Problem;
use serde_json::Value;
use wallet_messages::Fault;

const EXTENSION: &str = "www/extension/_locales";

/// The texts of the extension in one language. Chrome keeps each in an object of its own.
fn extension(language: &str) -> BTreeMap<String, String> {
    texts(&format!("{EXTENSION}/{language}/messages.json"), |entry| &entry["message"])
}

/// The texts of the shop in one language.
fn shop(language: &str) -> BTreeMap<String, String> {
    texts(&format!("www/shop/_locales/{language}.json"), |entry| entry)
}

#[test]
fn german_says_what_english_says() {
    assert_same(&extension("en"), &extension("de"));
    assert_same(&shop("en"), &shop("de"));
}

#[test]
fn every_problem_has_a_text_and_a_way_on() {
    let texts = extension("en");
    let codes = Problem::ALL.iter().map(Problem::code).chain(Fault::OWN.iter().copied());
    let keys = codes.map(|code| format!("problem_{}", code.replace('-', "_")));
    let missing: Vec<String> = keys.filter(|key| !texts.contains_key(key)).collect();
    assert!(missing.is_empty(), "no text in {EXTENSION} for {missing:#?}");
    for fallback in ["problem_unknown", "problem_unknown_next"] {
        assert!(texts.contains_key(fallback), "no text for {fallback}");
    }
}

#[test]
fn the_pages_ask_for_texts_that_exist() {
    let texts = extension("en");
    let mut missing = BTreeSet::new();
    for file in rust_files(&root().join("www/wallet-ui/src")) {
        let source = fs::read_to_string(&file).expect("a source file");
        missing.extend(asked_for(&source).filter(|key| !texts.contains_key(*key)).map(str::to_owned));
    }
    assert!(missing.is_empty(), "no text in {EXTENSION} for {missing:#?}");
}

/// The keys in `t("key")` and `t_with("key", ...)`.
fn asked_for(source: &str) -> impl Iterator<Item = &str> {
    let calls = ["t(\"", "t_with(\""].into_iter().flat_map(|call| {
        let whole_name = |at: usize| !source[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_');
        source.match_indices(call).filter(move |(at, _)| whole_name(*at)).map(|(at, call)| &source[at + call.len()..])
    });
    calls.filter_map(|rest| rest.split('"').next())
}

/// Both languages have the same keys, no text is empty, and each names the same values (`$1`, `{amount}`).
fn assert_same(english: &BTreeMap<String, String>, german: &BTreeMap<String, String>) {
    let keys = |texts: &BTreeMap<String, String>| texts.keys().cloned().collect::<BTreeSet<_>>();
    let different: Vec<String> = keys(english).symmetric_difference(&keys(german)).cloned().collect();
    assert!(different.is_empty(), "in one language only: {different:#?}");
    for (key, text) in english {
        assert!(!text.is_empty() && !german[key].is_empty(), "{key} is empty");
        assert_eq!(values(text), values(&german[key]), "{key} names other values in German");
    }
}

fn values(text: &str) -> BTreeSet<&str> {
    let dollars = text.match_indices('$').filter_map(|(at, _)| text.get(at..at + 2));
    let braces = text.split('{').skip(1).filter_map(|rest| rest.split('}').next());
    dollars.filter(|it| it.ends_with(|digit: char| digit.is_ascii_digit())).chain(braces).collect()
}

fn texts(path: &str, text: fn(&Value) -> &Value) -> BTreeMap<String, String> {
    let json = fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    let entries: BTreeMap<String, Value> =
        serde_json::from_str(&json).unwrap_or_else(|error| panic!("{path}: {error}"));
    let text = |key: &str, entry| text(entry).as_str().unwrap_or_else(|| panic!("{path}: {key} is no text")).to_owned();
    entries.iter().map(|(key, entry)| (key.clone(), text(key, entry))).collect()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { rust_files(&path) } else { vec![path] }).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace above its member")
}
