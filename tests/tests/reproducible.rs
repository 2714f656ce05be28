//! Anyone can build what a store ships, and compare.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use sha2::{Digest as _, Sha256};

/// Two builds of the same commit, in folders whose names differ in length, yield the same bytes.
#[test]
#[ignore = "builds everything that a browser loads twice: soak"]
fn two_builds_in_different_folders_are_byte_equal() {
    let scratch = tempfile::tempdir().expect("a folder");
    let [one, other] = ["a", "another-folder/with-a-longer-name"].map(|name| build(&scratch.path().join(name)));
    assert!(one.contains_key(Path::new("wallet-wasm/wallet_wasm_bg.wasm")), "{one:?}");
    assert_eq!(one, other);
}

/// Clones what is committed into `folder`, builds the extension there, and yields the hash of each of its files.
fn build(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace above its member");
    fs::create_dir_all(folder).expect("a folder");
    run(Command::new("git").args(["clone", "--quiet", "--no-hardlinks"]).arg(root).arg(folder));
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    run(Command::new(cargo).args(["xtask", "build"]).current_dir(folder).env_remove("CARGO_TARGET_DIR"));
    let mut found = BTreeMap::new();
    hash(&folder.join("target/extension"), Path::new(""), &mut found);
    found
}

fn run(command: &mut Command) {
    let status = command.status().expect("the program is there");
    assert!(status.success(), "{command:?}: {status}");
}

fn hash(folder: &Path, prefix: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = prefix.join(path.file_name().expect("a name"));
        if path.is_dir() {
            hash(&path, &name, found);
        } else {
            found.insert(name, Sha256::digest(fs::read(path).expect("a file")).to_vec());
        }
    }
}
