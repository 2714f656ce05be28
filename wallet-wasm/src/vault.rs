//! Secrets at rest: a random data key seals them, and a key made of the passphrase wraps the data key.
//!
//! Each sealed value is bound to the record and field it belongs to (the associated data), so that values cannot be moved
//! about. A change of passphrase rewrites one record.

#[cfg(all(test, not(target_arch = "wasm32")))]
mod standard;

use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use protocol::secret::SecretBytes;
use protocol::value::{from_base64, to_base64};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use zeroize::{Zeroize, Zeroizing};

use crate::record::{Field, Stored};

/// A secret that only the open vault can read: base64 of nonce and ciphertext.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sealed(String);

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed(..)")
    }
}

/// Why something stays sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum VaultFault {
    /// Fewer than [`MIN_PASSPHRASE`] characters.
    #[error("a passphrase has at least {MIN_PASSPHRASE} characters")]
    PassphraseShort,
    /// The passphrase does not open the vault.
    #[error("the passphrase is wrong")]
    PassphraseWrong,
    /// What is stored was changed, or belongs elsewhere.
    #[error("what is stored is damaged")]
    Damaged,
}

/// Shorter passphrases are guessed; no other rule is forced on anybody.
pub const MIN_PASSPHRASE: usize = 8;
const KEY_BYTES: usize = 32;
const SALT_BYTES: usize = 16;
const NONCE_BYTES: usize = 24;

/// What deriving a key from a passphrase costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// How often the memory is gone over.
    pub passes: u32,
    /// Degree of parallelism.
    pub lanes: u32,
}

impl Cost {
    /// The least that is taken (OWASP's first choice for Argon2id): about a tenth of a second in the browser.
    pub const LEAST: Self = Self { memory_kib: 19 * 1024, passes: 2, lanes: 1 };
    /// What is taken where the machine makes it in `PATIENCE_MS`.
    pub const BEST: Self = Self { memory_kib: 64 * 1024, passes: 3, lanes: 1 };
    /// Nobody waits longer for a passphrase to be checked.
    const PATIENCE_MS: i64 = 1_000;
    /// From the dearest to the cheapest.
    const LADDER: [Self; 4] = [
        Self::BEST,
        Self { memory_kib: 64 * 1024, passes: 2, lanes: 1 },
        Self { memory_kib: 46 * 1024, passes: 2, lanes: 1 },
        Self::LEAST,
    ];
    /// More would let a damaged record exhaust the worker.
    const MOST: Self = Self { memory_kib: 1024 * 1024, passes: 64, lanes: 16 };

    /// The dearest that a machine makes within a second, on which this one took `took_ms`.
    pub fn affordable(self, took_ms: i64) -> Self {
        let time = |cost: Self| i128::from(took_ms) * cost.work() / self.work().max(1);
        let fits = |cost: &Self| time(*cost) <= i128::from(Self::PATIENCE_MS);
        Self::LADDER.into_iter().find(fits).unwrap_or(Self::LEAST)
    }

    /// Never less than before, in memory or in work.
    #[must_use]
    pub fn raised_to(self, other: Self) -> Self {
        if other.memory_kib >= self.memory_kib && other.work() >= self.work() { other } else { self }
    }

    /// What is gone over, in KiB.
    fn work(self) -> i128 {
        i128::from(self.memory_kib) * i128::from(self.passes)
    }

    fn is_sane(self) -> bool {
        let Self { memory_kib, passes, lanes } = self;
        (Self::LEAST.memory_kib..=Self::MOST.memory_kib).contains(&memory_kib)
            && (Self::LEAST.passes..=Self::MOST.passes).contains(&passes)
            && (Self::LEAST.lanes..=Self::MOST.lanes).contains(&lanes)
    }
}

/// The wrapped data key and how to make the key that wraps it. Beside the seed's records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VaultRecord {
    cost: Cost,
    salt: String,
    wrapped: Sealed,
}

impl Stored for VaultRecord {
    const TABLE: &'static str = "vault";

    fn key(&self) -> String {
        Self::KEY.to_owned()
    }
}

impl VaultRecord {
    /// There is one.
    pub const KEY: &'static str = "wallet";
    const WRAPPED: Field = Field { table: Self::TABLE, name: "data-key" };

    /// What its passphrase costs.
    pub fn cost(&self) -> Cost {
        self.cost
    }

    /// Does the work of the least cost, to see how long it takes.
    ///
    /// # Errors
    /// The worker has not enough memory for it.
    pub fn warm_up() -> Result<(), VaultFault> {
        derive("", &[0; SALT_BYTES], Cost::LEAST).map(drop)
    }

    /// Makes a data key and wraps it.
    ///
    /// # Errors
    /// The passphrase is too short.
    pub fn create(passphrase: &str, cost: Cost, rng: &mut dyn CryptoRng) -> Result<(Self, Vault), VaultFault> {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        rng.fill_bytes(&mut *key);
        let vault = Vault { key };
        Ok((Self::wrap(&vault, passphrase, cost, rng)?, vault))
    }

    /// As [`VaultRecord::create`], under a passphrase that was chosen elsewhere and may be shorter.
    ///
    /// # Errors
    /// The worker has not enough memory.
    pub fn create_of_any_length(
        passphrase: &str,
        cost: Cost,
        rng: &mut dyn CryptoRng,
    ) -> Result<(Self, Vault), VaultFault> {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        rng.fill_bytes(&mut *key);
        let vault = Vault { key };
        Ok((Self::wrap_of_any_length(&vault, passphrase, cost, rng)?, vault))
    }

    /// Wraps an open vault's data key under another passphrase.
    ///
    /// # Errors
    /// The passphrase is too short.
    pub fn wrap(vault: &Vault, passphrase: &str, cost: Cost, rng: &mut dyn CryptoRng) -> Result<Self, VaultFault> {
        if passphrase.chars().count() < MIN_PASSPHRASE {
            return Err(VaultFault::PassphraseShort);
        }
        Self::wrap_of_any_length(vault, passphrase, cost, rng)
    }

    fn wrap_of_any_length(
        vault: &Vault,
        passphrase: &str,
        cost: Cost,
        rng: &mut dyn CryptoRng,
    ) -> Result<Self, VaultFault> {
        let mut salt = [0; SALT_BYTES];
        rng.fill_bytes(&mut salt);
        let wrapping = Vault { key: derive(passphrase, &salt, cost)? };
        let wrapped = wrapping.seal(Self::WRAPPED, Self::KEY, &*vault.key, rng);
        Ok(Self { cost, salt: to_base64(&salt), wrapped })
    }

    /// Opens the vault.
    ///
    /// # Errors
    /// The passphrase is wrong, or the record is damaged.
    pub fn unlock(&self, passphrase: &str) -> Result<Vault, VaultFault> {
        if !self.cost.is_sane() {
            return Err(VaultFault::Damaged);
        }
        let salt = from_base64(&self.salt).ok_or(VaultFault::Damaged)?;
        let wrapping = Vault { key: derive(passphrase, &salt, self.cost)? };
        let key = wrapping.open(Self::WRAPPED, Self::KEY, &self.wrapped).map_err(|_| VaultFault::PassphraseWrong)?;
        Vault::of_key(key.expose()).ok_or(VaultFault::Damaged)
    }
}

/// What a passphrase of a file's own seals.
pub struct Locked(Vault);

impl Locked {
    /// For a new file.
    ///
    /// # Errors
    /// The passphrase is too short.
    pub fn new(passphrase: &str, salt: &[u8], cost: Cost) -> Result<Self, VaultFault> {
        if passphrase.chars().count() < MIN_PASSPHRASE {
            return Err(VaultFault::PassphraseShort);
        }
        Self::of_stored(passphrase, salt, cost)
    }

    /// For a file that says what it costs.
    ///
    /// # Errors
    /// It would cost less than is safe, or more than the worker has.
    pub fn of_stored(passphrase: &str, salt: &[u8], cost: Cost) -> Result<Self, VaultFault> {
        if !cost.is_sane() {
            return Err(VaultFault::Damaged);
        }
        Ok(Self(Vault { key: derive(passphrase, salt, cost)? }))
    }

    /// Nonce and ciphertext.
    pub fn seal(&self, aad: &[u8], secret: &[u8], rng: &mut dyn CryptoRng) -> Vec<u8> {
        self.0.seal_bytes(aad, secret, rng)
    }

    /// What was sealed.
    ///
    /// # Errors
    /// The passphrase is wrong, or a byte was changed.
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<SecretBytes, VaultFault> {
        self.0.open_bytes(aad, sealed)
    }
}

fn derive(passphrase: &str, salt: &[u8], cost: Cost) -> Result<Zeroizing<[u8; KEY_BYTES]>, VaultFault> {
    let Cost { memory_kib, passes, lanes } = cost;
    let params = Params::new(memory_kib, passes, lanes, Some(KEY_BYTES)).map_err(|_| VaultFault::Damaged)?;
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon.hash_password_into(passphrase.as_bytes(), salt, &mut *key).map_err(|_| VaultFault::Damaged)?;
    Ok(key)
}

/// The open vault: the data key.
#[derive(Clone)]
pub struct Vault {
    key: Zeroizing<[u8; KEY_BYTES]>,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault(..)")
    }
}

impl Vault {
    /// The data key as text, for a memory that outlives the worker but not the browser.
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(to_base64(&*self.key))
    }

    /// The vault of a text that [`Vault::to_text`] made.
    pub fn of_text(text: &str) -> Option<Self> {
        let mut bytes = from_base64(text)?;
        let vault = Self::of_key(&bytes);
        bytes.zeroize();
        vault
    }

    fn of_key(bytes: &[u8]) -> Option<Self> {
        Some(Self { key: Zeroizing::new(bytes.try_into().ok()?) })
    }

    /// Seals a secret for one field of the record under `key`.
    ///
    /// # Panics
    /// Never: the cipher refuses only what is larger than the memory of any worker.
    pub fn seal(&self, field: Field, key: &str, secret: &[u8], rng: &mut dyn CryptoRng) -> Sealed {
        Sealed(to_base64(&self.seal_bytes(field.aad(key).as_bytes(), secret, rng)))
    }

    fn seal_bytes(&self, aad: &[u8], secret: &[u8], rng: &mut dyn CryptoRng) -> Vec<u8> {
        let mut nonce = [0; NONCE_BYTES];
        rng.fill_bytes(&mut nonce);
        let sealed = self.cipher().encrypt(&XNonce::from(nonce), Payload { msg: secret, aad });
        let mut bytes = nonce.to_vec();
        bytes.extend(sealed.expect("invariant: a secret is shorter than the cipher's limit of 256 GiB"));
        bytes
    }

    /// Opens what was sealed for that field of that record.
    ///
    /// # Errors
    /// It was changed, belongs elsewhere, or was sealed by another vault.
    pub fn open(&self, field: Field, key: &str, sealed: &Sealed) -> Result<SecretBytes, VaultFault> {
        let bytes = from_base64(&sealed.0).ok_or(VaultFault::Damaged)?;
        self.open_bytes(field.aad(key).as_bytes(), &bytes)
    }

    fn open_bytes(&self, aad: &[u8], bytes: &[u8]) -> Result<SecretBytes, VaultFault> {
        let (nonce, msg) = bytes.split_first_chunk::<NONCE_BYTES>().ok_or(VaultFault::Damaged)?;
        let opened = self.cipher().decrypt(&XNonce::from(*nonce), Payload { msg, aad });
        opened.map(SecretBytes::new).map_err(|_| VaultFault::Damaged)
    }

    /// As [`Vault::open`], for a secret that is text.
    ///
    /// # Errors
    /// As [`Vault::open`].
    pub fn open_text(&self, field: Field, key: &str, sealed: &Sealed) -> Result<Zeroizing<String>, VaultFault> {
        let secret = self.open(field, key, sealed)?;
        let text = std::str::from_utf8(secret.expose()).map_err(|_| VaultFault::Damaged)?;
        Ok(Zeroizing::new(text.to_owned()))
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.key).into())
    }
}
