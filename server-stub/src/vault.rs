//! The server's secrets, in files beside the books: its private keys, and the key under which the books hide what must
//! not be readable in a stolen table.
//!
//! Files are written once, with mode 0600, and refused where others can read them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Key, Nonce};
use hmac::{Hmac, Mac};
use protocol::secret::SecretBytes;
use rand_core::CryptoRng;
use sha2::{Digest, Sha256};
use thiserror::Error;

/// Why a secret cannot be had.
#[derive(Debug, Error)]
pub enum VaultError {
    /// The file or folder cannot be read or written.
    #[error("{0}: {1}")]
    Io(PathBuf, #[source] io::Error),
    /// Others can read it.
    #[error("{} can be read by others (mode {mode:o}); a secret file must have mode 600", path.display())]
    Exposed {
        /// Which file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It does not hold what it should.
    #[error("{} does not hold a key", .0.display())]
    Damaged(PathBuf),
    /// It is not there, and must not be made anew.
    #[error("{}: this secret belongs to the books, and is not there; copy the folder of the keys from where they were", .0.display())]
    Missing(PathBuf),
    /// A key could not be made.
    #[error("a key could not be made")]
    NoKey,
}

/// Makes a folder that only its owner can enter, if it does not exist.
///
/// # Errors
/// It cannot be made.
pub fn make_folder(path: &Path) -> Result<(), VaultError> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|error| VaultError::Io(path.to_owned(), error))
}

/// Reads a secret file; makes it with what `make` yields if there is none.
///
/// # Errors
/// It cannot be read or written, or others can read it.
pub fn secret_file(path: &Path, make: impl FnOnce() -> Result<Vec<u8>, VaultError>) -> Result<SecretBytes, VaultError> {
    let io = |error| VaultError::Io(path.to_owned(), error);
    let mode = match fs::metadata(path) {
        Ok(found) => found.permissions().mode() & 0o777,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let secret = make()?;
            write_once(path, &secret).map_err(io)?;
            return Ok(secret.into());
        }
        Err(error) => return Err(io(error)),
    };
    if mode & 0o077 != 0 {
        return Err(VaultError::Exposed { path: path.to_owned(), mode });
    }
    fs::read(path).map(SecretBytes::new).map_err(io)
}

/// Writes a file whole or not at all: under another name first, durable before it gets its own.
fn write_once(path: &Path, contents: &[u8]) -> io::Result<()> {
    let half = path.with_extension("new");
    // What an interrupted start left behind was never used.
    let _ = fs::remove_file(&half);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&half)?;
    file.write_all(contents)?;
    file.sync_all()?;
    fs::rename(&half, path)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// Hides what the books need to recognise or give back, but nobody should read in them.
pub struct Vault {
    hashing: SecretBytes,
    sealing: SecretBytes,
}

/// The file of the vault's key.
pub const FILE: &str = "vault.key";
const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;

impl Vault {
    /// Opens the vault of a folder, or makes it.
    ///
    /// # Errors
    /// See [`VaultError`].
    pub fn open(folder: &Path, rng: &mut dyn CryptoRng) -> Result<Self, VaultError> {
        Self::read(folder, |_| {
            let mut key = vec![0; KEY_BYTES];
            rng.fill_bytes(&mut key);
            Ok(key)
        })
    }

    /// Opens the vault of a folder, which is there.
    ///
    /// # Errors
    /// See [`VaultError`].
    pub fn found(folder: &Path) -> Result<Self, VaultError> {
        Self::read(folder, |path| Err(VaultError::Missing(path.to_owned())))
    }

    fn read(folder: &Path, make: impl FnOnce(&Path) -> Result<Vec<u8>, VaultError>) -> Result<Self, VaultError> {
        let path = folder.join(FILE);
        let key = secret_file(&path, || make(&path))?;
        if key.expose().len() != KEY_BYTES {
            return Err(VaultError::Damaged(path));
        }
        Ok(Self::of_key(key.expose()))
    }

    /// A vault under a key, for tests and simulations.
    pub fn of_key(key: &[u8]) -> Self {
        let derive = |purpose: &[u8]| mac(key).chain_update(purpose).finalize().into_bytes().to_vec().into();
        Self { hashing: derive(b"hashing"), sealing: derive(b"sealing") }
    }

    /// A hash that cannot be searched for without the key: `purpose` tells uses apart.
    pub fn hash(&self, purpose: &str, parts: &[&str]) -> Vec<u8> {
        let mut mac = mac(self.hashing.expose());
        for part in std::iter::once(&purpose).chain(parts) {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac.finalize().into_bytes().to_vec()
    }

    /// Seals a text for the books.
    pub fn seal(&self, purpose: &str, text: &str, rng: &mut dyn CryptoRng) -> Vec<u8> {
        let mut nonce = [0; NONCE_BYTES];
        rng.fill_bytes(&mut nonce);
        let payload = Payload { msg: text.as_bytes(), aad: purpose.as_bytes() };
        let sealed = self.cipher().encrypt(&Nonce::from(nonce), payload);
        [&nonce[..], &sealed.expect("invariant: a short text can be sealed")].concat()
    }

    /// Opens what [`Vault::seal`] sealed; nothing if it was sealed under another key or for another purpose.
    pub fn open_sealed(&self, purpose: &str, sealed: &[u8]) -> Option<String> {
        let (nonce, msg) = sealed.split_first_chunk::<NONCE_BYTES>()?;
        let payload = Payload { msg, aad: purpose.as_bytes() };
        let text = self.cipher().decrypt(&Nonce::from(*nonce), payload).ok()?;
        String::from_utf8(text).ok()
    }

    fn cipher(&self) -> Aes256Gcm {
        let key = <&Key<Aes256Gcm>>::try_from(self.sealing.expose());
        Aes256Gcm::new(key.expect("invariant: the key was derived with its length"))
    }
}

fn mac(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("invariant: HMAC takes keys of any length")
}

/// SHA-256, for what is compared and not kept.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_file_is_made_once_and_refused_when_exposed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key");
        let first = secret_file(&path, || Ok(vec![1])).expect("a secret");
        assert_eq!(first, secret_file(&path, || Ok(vec![2])).expect("a secret"));
        assert_eq!(fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("a mode");
        assert!(matches!(secret_file(&path, || Ok(vec![2])), Err(VaultError::Exposed { mode: 0o640, .. })));
    }

    #[test]
    fn what_is_sealed_opens_for_its_purpose_only() {
        let vault = Vault::of_key(&[7; 32]);
        let sealed = vault.seal("number", "4242", &mut rand::rngs::StdRng::from_seed([1; 32]));
        assert_eq!(vault.open_sealed("number", &sealed).as_deref(), Some("4242"));
        assert_eq!(vault.open_sealed("other", &sealed), None);
        assert_eq!(Vault::of_key(&[8; 32]).open_sealed("number", &sealed), None);
    }

    #[test]
    fn parts_of_a_hash_do_not_run_into_each_other() {
        let vault = Vault::of_key(&[7; 32]);
        assert_ne!(vault.hash("x", &["ab", "c"]), vault.hash("x", &["a", "bc"]));
    }

    use rand::SeedableRng as _;
}
