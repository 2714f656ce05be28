//! The server's key pairs (structure 160) and how requests are opened with them.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeySize, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, PrivateDecryptingKey};
use protocol::Protocol;
use protocol::date::Date;
use protocol::keys::{PublicKey, PublishedKey, ServerKey};
use protocol::secret::SecretBytes;
use protocol::suite::{CryptoFault, OpenedSecret, Opener, X25519Opener, open_rsa_with};
use protocol::value::{ServerKeyName, from_base64, to_base64};
use rand_core::CryptoRng;

use crate::server::setting::KeyItem;
use crate::vault::{Vault, VaultError, secret_file};

/// The name of the key of protocol 2.0.
pub const MODERN_NAME: &str = "CC2001";
/// The name of the key of protocol 1.0.
pub const CLASSIC_NAME: &str = "CC1001";
const X25519_BYTES: usize = 32;
/// An Ed25519 key that is on the curve: RFC 8032, section 7.1, test 1, in the wrapping of RFC 8410.
const DECOY_SPKI: [u8; 44] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00, 0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a,
    0xb7, 0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a, 0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25, 0xaf, 0x02,
    0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a,
];

/// The file of the key of protocol 2.0.
pub fn modern_file() -> String {
    format!("{MODERN_NAME}.x25519")
}

/// A key pair and its name.
pub struct KeyPair {
    /// What is published.
    pub public: ServerKey,
    opener: Box<dyn Opener>,
}

impl KeyPair {
    /// A key of protocol 2.0: 32 bytes of X25519.
    ///
    /// # Errors
    /// Not such a key.
    pub fn modern(name: &str, private: &[u8]) -> Result<Self, CryptoFault> {
        let opener = X25519Opener::of_bytes(private)?;
        let public = opener.public_key()?;
        Self::new(name, Protocol::V2, public, Box::new(opener))
    }

    /// A key of protocol 1.0: RSA, PKCS#8.
    ///
    /// # Errors
    /// Not such a key.
    pub fn classic(name: &str, pkcs8: &[u8]) -> Result<Self, CryptoFault> {
        let opener = RsaOpener::of_pkcs8(pkcs8)?;
        let public = opener.public_key()?;
        Self::new(name, Protocol::V1, public, Box::new(opener))
    }

    /// Makes a new key pair for the store.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn make(
        name: &str,
        protocol: Protocol,
        made: Date,
        vault: &Vault,
        rng: &mut dyn CryptoRng,
    ) -> Result<KeyItem, VaultError> {
        let private: SecretBytes = match protocol {
            Protocol::V1 => new_rsa()?.into(),
            Protocol::V2 => new_x25519(rng).into(),
        };
        let sealed = Some(vault.seal(PURPOSE, &to_base64(private.expose()), rng));
        Ok(KeyItem { name: name.to_owned(), protocol, made, retires: None, sealed })
    }

    fn sealed(item: &KeyItem, vault: &Vault) -> Option<Self> {
        let private = vault.open_sealed(PURPOSE, item.sealed.as_deref()?)?;
        let private = SecretBytes::new(from_base64(&private)?);
        let pair = match item.protocol {
            Protocol::V1 => Self::classic(&item.name, private.expose()),
            Protocol::V2 => Self::modern(&item.name, private.expose()),
        };
        pair.ok()
    }

    fn new(name: &str, protocol: Protocol, public: PublicKey, opener: Box<dyn Opener>) -> Result<Self, CryptoFault> {
        let name = ServerKeyName::of(name).ok_or(CryptoFault)?;
        Ok(Self { public: ServerKey { name, protocol, public }, opener })
    }
}

/// Structure 160: the key pairs that requests may be sealed to.
#[derive(Default)]
pub struct ServerKeys(Vec<Arc<KeyPair>>);

/// What a sealed private key is for.
const PURPOSE: &str = "server-key";

impl ServerKeys {
    /// These keys; of each protocol, the first is the one to use.
    pub fn new(pairs: Vec<KeyPair>) -> Self {
        Self(pairs.into_iter().map(Arc::new).collect())
    }

    /// These keys with those that the store names, as they are at a moment: the newest first, so that it is the one to use;
    /// none that is retired. What `before` has opened is not opened again.
    ///
    /// # Errors
    /// The key that cannot be opened.
    pub fn with(&self, items: &[KeyItem], before: &Self, vault: &Vault, now: Date) -> Result<Self, KeyItem> {
        let mut items: Vec<_> = items.iter().collect();
        items.sort_by_key(|item| std::cmp::Reverse(item.made));
        let retired =
            |name: &str| items.iter().any(|item| item.name == name && item.retires.is_some_and(|at| at <= now));
        let mut pairs = Vec::new();
        for item in items.iter().filter(|item| item.sealed.is_some() && !retired(&item.name)) {
            let known = before.0.iter().find(|pair| pair.public.name.as_str() == item.name);
            let opened = known.cloned().or_else(|| KeyPair::sealed(item, vault).map(Arc::new));
            pairs.push(opened.ok_or_else(|| (*item).clone())?);
        }
        pairs.extend(self.0.iter().filter(|pair| !retired(pair.public.name.as_str())).cloned());
        Ok(Self(pairs))
    }

    /// Opens the keys of a folder; makes those that are missing.
    ///
    /// # Errors
    /// See [`VaultError`].
    pub fn open(folder: &Path, classic: bool, rng: &mut dyn CryptoRng) -> Result<Self, VaultError> {
        let path = folder.join(modern_file());
        let private = secret_file(&path, || Ok(new_x25519(rng)))?;
        let modern = KeyPair::modern(MODERN_NAME, private.expose()).map_err(|_| VaultError::Damaged(path))?;
        let mut pairs = vec![modern];
        if classic {
            let path = folder.join(format!("{CLASSIC_NAME}.rsa"));
            let private = secret_file(&path, new_rsa)?;
            let pair = KeyPair::classic(CLASSIC_NAME, private.expose()).map_err(|_| VaultError::Damaged(path))?;
            pairs.push(pair);
        }
        Ok(Self::new(pairs))
    }

    /// The key pair of a name, for a protocol.
    pub fn find(&self, name: &ServerKeyName, protocol: Protocol) -> Option<&dyn Opener> {
        let fits = |pair: &&Arc<KeyPair>| pair.public.name == *name && pair.public.protocol == protocol;
        self.0.iter().find(fits).map(|pair| &*pair.opener)
    }

    /// A key of a persona that does not exist, for signatures that are checked only so that it takes the same time.
    pub fn decoy(&self, protocol: Protocol) -> &PublicKey {
        static MODERN: LazyLock<PublicKey> = LazyLock::new(|| PublicKey::of_spki(DECOY_SPKI.to_vec()));
        let classic = |pair: &&Arc<KeyPair>| pair.public.protocol == Protocol::V1 && protocol == Protocol::V1;
        // Our own key is as long as those of personas that were made today.
        self.0.iter().find(classic).map_or(&MODERN, |pair| &pair.public.public)
    }

    /// The public halves, as `GET /cybercash/keys` gives them.
    pub fn published(&self) -> Vec<PublishedKey> {
        let published = |pair: &Arc<KeyPair>| {
            let ServerKey { name, protocol, public } = &pair.public;
            let algorithm = match protocol {
                Protocol::V1 => "rsa",
                Protocol::V2 => "x25519",
            };
            PublishedKey {
                serverkey: name.as_str().to_owned(),
                protocol: protocol.number().to_owned(),
                algorithm: algorithm.to_owned(),
                spki: to_base64(public.spki()),
            }
        };
        self.0.iter().map(published).collect()
    }
}

/// Opens requests with an RSA key by aws-lc-rs, in a time that does not depend on what is inside (RUSTSEC-2023-0071).
struct RsaOpener(OaepPrivateDecryptingKey, PublicKey);

impl RsaOpener {
    fn of_pkcs8(pkcs8: &[u8]) -> Result<Self, CryptoFault> {
        let key = PrivateDecryptingKey::from_pkcs8(pkcs8).map_err(|_| CryptoFault)?;
        let spki: PublicKeyX509Der<'_> = key.public_key().as_der().map_err(|_| CryptoFault)?;
        let public = PublicKey::of_spki(spki.as_ref().to_vec());
        Ok(Self(OaepPrivateDecryptingKey::new(key).map_err(|_| CryptoFault)?, public))
    }

    #[allow(clippy::unnecessary_wraps, reason = "as X25519Opener has it")]
    fn public_key(&self) -> Result<PublicKey, CryptoFault> {
        Ok(self.1.clone())
    }
}

impl Opener for RsaOpener {
    fn open(&self, sealed: &[u8], _: &[u8]) -> Result<OpenedSecret, CryptoFault> {
        open_rsa_with(sealed, self.0.key_size_bytes(), |block| {
            let mut secret = vec![0; self.0.min_output_size()];
            let opened = self.0.decrypt(&OAEP_SHA256_MGF1SHA256, block, &mut secret, None);
            opened.map(|secret| secret.to_vec()).map_err(|_| CryptoFault)
        })
    }
}

fn new_x25519(rng: &mut dyn CryptoRng) -> Vec<u8> {
    let mut private = vec![0; X25519_BYTES];
    rng.fill_bytes(&mut private);
    private
}

fn new_rsa() -> Result<Vec<u8>, VaultError> {
    let key = PrivateDecryptingKey::generate(KeySize::Rsa2048).map_err(|_| VaultError::NoKey)?;
    let der: Pkcs8V1Der<'_> = key.as_der().map_err(|_| VaultError::NoKey)?;
    Ok(der.as_ref().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;

    #[test]
    fn keys_are_made_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut rng = rand::rngs::StdRng::from_seed([1; 32]);
        let first = ServerKeys::open(folder.path(), true, &mut rng).expect("keys").published();
        let second = ServerKeys::open(folder.path(), true, &mut rng).expect("keys").published();
        assert_eq!(first, second);
        assert_eq!(first.len(), 2);
        let modern_only = ServerKeys::open(folder.path(), false, &mut rng).expect("keys").published();
        assert_eq!(modern_only, first[..1]);
    }
}
