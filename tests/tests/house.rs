//! The rules of the house that no compiler checks: who may depend on whom, how files begin, how long they are, and what
//! must stand in none of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// Which member of the workspace may depend on which others (design.md, "The house"). Not even for their tests do they
/// depend on more: what needs several of them is a test in `tests`.
const MAY_USE: [(&str, &[&str]); 10] = [
    ("protocol", &[]),
    ("wallet-messages", &[]),
    ("wallet-wasm", &["protocol", "wallet-messages"]),
    ("wallet-ui", &["wallet-messages"]),
    ("merchant-widget", &["protocol"]),
    ("faulty-disk", &[]),
    // The disk that fails is for the tests of the store.
    ("server-stub", &["faulty-disk", "merchant-widget", "protocol"]),
    ("tests", &["merchant-widget", "protocol", "server-stub", "wallet-messages", "wallet-wasm"]),
    ("fuzz", &["merchant-widget", "protocol", "server-stub", "tests", "wallet-messages", "wallet-wasm"]),
    ("xtask", &[]),
];

/// More than this on one file's plate, and nobody reads it in one go.
const LONGEST_FILE: usize = 500;

#[test]
fn dependencies_point_one_way() {
    let used = dependencies_between_members();
    let allowed: BTreeMap<&str, &[&str]> = MAY_USE.into();
    for (member, used) in used {
        let Some(allowed) = allowed.get(member.as_str()) else { panic!("{member} is not in the table of this test") };
        // A member may name itself, to give its own tests a feature.
        for other in used.iter().filter(|other| **other != member) {
            assert!(allowed.contains(&other.as_str()), "{member} must not depend on {other}");
        }
    }
}

#[test]
fn every_rust_file_says_what_it_is() {
    let silent = |text: &str| !text.starts_with("//! ");
    assert_no_file("begins without a `//!` line", &rust_files(), silent);
}

#[test]
fn no_rust_file_is_longer_than_a_person_reads() {
    let product: Vec<PathBuf> = rust_files().into_iter().filter(|file| !is_test(file)).collect();
    let too_long = |text: &str| text.lines().take_while(|line| *line != "#[cfg(test)]").count() > LONGEST_FILE;
    assert_no_file("is too long", &product, too_long);
}

#[test]
fn every_script_is_checked_by_types() {
    let scripts = tracked(&["*.js", "*.mjs", "*.cjs"]);
    assert_no_file("does not begin with `// @ts-check`", &scripts, |text| !text.starts_with("// @ts-check\n"));
}

#[test]
fn no_file_tells_of_this_machine() {
    // Put together here, so that this file does not hold them.
    let folders = ["work", "root", "home"].map(|name| format!("/{name}/"));
    let tells = |text: &str| folders.iter().any(|folder| begins_a_path(text, folder));
    assert_no_file("holds a path of the machine it was written on", &tracked(&[]), tells);
}

#[test]
fn no_file_names_a_package_registry() {
    let hosts = [
        ["index.crates", "io"],
        ["static.crates", "io"],
        ["registry.npmjs", "org"],
        ["files.pythonhosted", "org"],
        ["pypi", "org"],
        ["deb.debian", "org"],
        ["proxy.golang", "org"],
    ]
    .map(|parts| parts.join("."));
    let names = |text: &str| hosts.iter().any(|host| text.contains(host));
    assert_no_file("names a package registry's host", &tracked(&[]), names);
}

#[test]
fn the_threat_model_names_tests_that_exist() {
    let model = fs::read_to_string(root().join("docs/threat-model.md")).expect("the threat model");
    let (_, threats) = model.split_once("## Threats").expect("a section of threats");
    let (threats, _) = threats.split_once("## Not defended").expect("what is not defended");
    let threats: Vec<[&str; 3]> = threats.lines().filter_map(threat).collect();
    assert!(threats.len() > 20, "each threat is a row of three: {}", threats.len());
    let sources: String = rust_files().iter().filter_map(|file| fs::read_to_string(root().join(file)).ok()).collect();
    let marked: BTreeSet<&str> = tests_of(&sources).collect();
    for [threat, defence, proof] in threats {
        assert!(!defence.is_empty(), "{threat}: no defence");
        let tests: Vec<&str> = proof.split('`').skip(1).step_by(2).collect();
        assert!(!tests.is_empty(), "{threat}: no test");
        for test in tests {
            // What a macro makes a test of, for each store or suite, is called from its list.
            let is_called = sources.contains(&format!("fn {test}(")) && sources.matches(test).count() > 1;
            assert!(marked.contains(test) || is_called, "{threat}: there is no test {test}");
        }
    }
}

/// The functions that an attribute makes tests; those of the soak are tests as well.
fn tests_of(sources: &str) -> impl Iterator<Item = &str> {
    let marks = ["#[test]", "#[tokio::test]", "#[tokio::test(flavor = \"multi_thread\")]", "#[wasm_bindgen_test]"];
    let marked = marks.into_iter().flat_map(|mark| sources.split(mark).skip(1));
    marked.filter_map(|rest| rest.split("fn ").nth(1)?.split('(').next())
}

/// The cells of a row of the threat model that is neither a head nor the line under it.
fn threat(line: &str) -> Option<[&str; 3]> {
    let cells = line.strip_prefix('|')?.strip_suffix('|')?.split('|').map(str::trim);
    let cells: [&str; 3] = cells.collect::<Vec<_>>().try_into().ok()?;
    (cells[0] != "threat" && !cells[0].starts_with("---")).then_some(cells)
}

#[test]
fn built_wasm_asks_for_nothing_but_its_own_bindings() {
    let target = root().join(env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()));
    let built: Vec<PathBuf> = ["extension/wallet-wasm", "extension/wallet-ui", "widget"]
        .iter()
        .filter_map(|folder| fs::read_dir(target.join(folder)).ok())
        .flatten()
        .map(|entry| entry.expect("an entry of a folder").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "wasm"))
        .collect();
    if built.is_empty() {
        eprintln!("nothing is built: `cargo xtask build` first");
    }
    for path in built {
        let foreign: Vec<String> = imported_modules(&path).into_iter().filter(|module| !is_binding(module)).collect();
        assert!(foreign.is_empty(), "{} imports {foreign:?}", path.display());
    }
}

/// Whether a module's name is one that wasm-bindgen gives to the script it writes beside the wasm. A module called
/// `env`, above all, is a C function that nobody linked.
fn is_binding(module: &str) -> bool {
    module == "wbg" || module.starts_with("./")
}

fn imported_modules(wasm: &Path) -> Vec<String> {
    let bytes = fs::read(wasm).expect("a built file");
    let imports = wasmparser::Parser::new(0).parse_all(&bytes).filter_map(|payload| match payload.expect("wasm") {
        wasmparser::Payload::ImportSection(section) => Some(section),
        _ => None,
    });
    let imports = imports.flat_map(wasmparser::SectionLimited::into_imports);
    imports.map(|import| import.expect("an import").module.to_owned()).collect()
}

fn dependencies_between_members() -> BTreeMap<String, Vec<String>> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let metadata = output(Command::new(cargo).args(["metadata", "--format-version=1", "--no-deps"]));
    let metadata: Value = serde_json::from_str(&metadata).expect("cargo metadata is JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let entry = |package: &Value| (name(package), package["dependencies"].as_array().expect("dependencies").clone());
    let all: BTreeMap<String, Vec<Value>> = packages.iter().map(entry).collect();
    let is_member = |dependency: &&Value| all.contains_key(&name(dependency));
    all.iter().map(|(it, used)| (it.clone(), used.iter().filter(is_member).map(name).collect())).collect()
}

fn name(value: &Value) -> String {
    value["name"].as_str().expect("a name").to_owned()
}

/// Whether `folder` stands in `text` as the beginning of a path.
fn begins_a_path(text: &str, folder: &str) -> bool {
    let inside = |before: char| before.is_alphanumeric() || "._-*}".contains(before);
    text.match_indices(folder).any(|(at, _)| !text[..at].ends_with(inside))
}

fn is_test(file: &Path) -> bool {
    file.parent().is_some_and(|folder| folder.components().any(|part| part.as_os_str() == "tests"))
}

fn rust_files() -> Vec<PathBuf> {
    tracked(&["*.rs"])
}

/// The files under version control that match one of the patterns, as paths from the root.
fn tracked(patterns: &[&str]) -> Vec<PathBuf> {
    let list = output(Command::new("git").args(["ls-files", "-z", "--"]).args(patterns));
    // A file that is being renamed is still listed under its old name.
    list.split_terminator('\0').map(PathBuf::from).filter(|file| root().join(file).is_file()).collect()
}

/// Fails naming every file for whose text `broken` holds. Files that are not text are left alone.
fn assert_no_file(what: &str, files: &[PathBuf], broken: impl Fn(&str) -> bool) {
    let holds = |file: &&PathBuf| fs::read_to_string(root().join(file)).is_ok_and(|text| broken(&text));
    let found: Vec<&PathBuf> = files.iter().filter(holds).collect();
    assert!(found.is_empty(), "{what}: {found:#?}");
}

fn output(command: &mut Command) -> String {
    let output = command.current_dir(root()).output().expect("a program of every developer's machine");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace above its member")
}

/// docs/permissions.md has a sentence for each permission and each place of the content script, and none too many.
#[test]
fn every_permission_has_its_sentence() {
    let manifest = fs::read_to_string(root().join("www/extension/manifest.json")).expect("the manifest");
    let manifest: Value = serde_json::from_str(&manifest).expect("the manifest is JSON");
    let listed = |list: &Value| -> BTreeSet<String> {
        list.as_array().into_iter().flatten().filter_map(|name| name.as_str().map(str::to_owned)).collect()
    };
    let page = fs::read_to_string(root().join("docs/permissions.md")).expect("docs/permissions.md");
    let explained = |heading: &str| -> BTreeSet<String> {
        let part = page.split("\n## ").find(|part| part.starts_with(heading)).expect("a heading");
        part.lines()
            .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
            .map(|(name, _)| name.to_owned())
            .collect()
    };
    assert_eq!(explained("Permissions"), listed(&manifest["permissions"]));
    assert_eq!(explained("Content script"), listed(&manifest["content_scripts"][0]["matches"]));
    assert!(manifest["host_permissions"].is_null() && manifest["web_accessible_resources"].is_null());
    let script = fs::metadata(root().join("www/extension/content.js")).expect("the content script");
    assert!(script.len() < 3_000, "the content script has {} bytes", script.len());
}
