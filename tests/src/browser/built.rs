//! What `cargo xtask build` has made, and where tests leave what people should look at.

use std::{
    env, fmt, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// The target directory: tests lie in `target/PROFILE/deps`.
///
/// # Errors
///
/// If this program lies elsewhere.
pub fn target() -> Result<PathBuf> {
    Ok(profile_folder()?.parent().context("no target directory above this program")?.to_owned())
}

fn profile_folder() -> Result<PathBuf> {
    let program = env::current_exe()?;
    Ok(program.ancestors().nth(2).context("no target directory above this program")?.to_owned())
}

fn built(path: PathBuf) -> Result<PathBuf> {
    ensure!(path.exists(), "{} is missing: run `cargo xtask test --only build` first", path.display());
    Ok(path)
}

/// The built extension.
///
/// # Errors
///
/// If it is not built.
pub fn extension() -> Result<PathBuf> {
    built(target()?.join("extension"))
}

/// The built shop, with the widget beside its pages.
///
/// # Errors
///
/// If it is not built.
pub fn shop() -> Result<PathBuf> {
    built(target()?.join("shop"))
}

/// The program of the payment server and the till.
///
/// # Errors
///
/// If it is not built.
pub fn server_stub() -> Result<PathBuf> {
    built(profile_folder()?.join("server-stub"))
}

/// The folder for pictures.
///
/// # Errors
///
/// If it cannot be made.
pub fn screenshots() -> Result<PathBuf> {
    let folder = target()?.join("screenshots");
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Where the browser has the extension's pages. Chromium's id for it is fixed by the key in the manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtensionId(String);

impl ExtensionId {
    /// The id of the extension in `folder`: the first 16 bytes of the SHA-256 of its key, each half byte as a letter.
    ///
    /// # Errors
    ///
    /// If there is no manifest, or no key in it.
    pub fn of(folder: &Path) -> Result<Self> {
        let manifest = fs::read(folder.join("manifest.json")).context("manifest.json")?;
        let manifest: Value = serde_json::from_slice(&manifest).context("manifest.json")?;
        let key = manifest["key"].as_str().context("no key in manifest.json: the id would depend on the folder")?;
        let digest = Sha256::digest(STANDARD.decode(key).context("the key in manifest.json")?);
        let letter = |half: u8| char::from(b'a' + half);
        let id: String = digest[..16].iter().flat_map(|byte| [letter(byte >> 4), letter(byte & 15)]).collect();
        Ok(Self(format!("chrome-extension://{id}")))
    }

    /// An extension at another address.
    pub fn at(address: String) -> Self {
        Self(address)
    }

    /// The address of a page of the extension.
    pub fn page(&self, path: &str) -> String {
        format!("{}/{path}", self.0)
    }
}

impl fmt::Display for ExtensionId {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(self.0.rsplit('/').next().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_comes_from_the_key() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("manifest.json"), r#"{"key": "AAAA"}"#).expect("a manifest");
        // SHA-256 of three zero bytes: 709e80c88487a2411e1ee4dfb9f22a86...
        let id = ExtensionId::of(folder.path()).expect("an id");
        assert_eq!(id.page("home.html"), "chrome-extension://hajoiamiieihkcebbobooenpljpcckig/home.html");
    }
}
