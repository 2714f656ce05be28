//! The two suites of cryptography behind one trait; the protocol number picks one (protocol.md sections 3 and 4).
//!
//! Randomness is an argument. A failure to open is one opaque value: nothing says why.

mod classic;
mod modern;
#[cfg(test)]
mod standard;

use std::fmt;
use std::sync::Arc;

use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use thiserror::Error;

#[cfg(any(test, feature = "rsa-opener"))]
pub use classic::RsaOpener;
pub use classic::{modulus_bits, open_rsa_with};
pub use modern::X25519Opener;

use crate::keys::{PersonaKey, PublicKey};
use crate::secret::{SecretBytes, SessionSecrets};
use crate::value::Index;

/// A protocol number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Protocol {
    /// 1.0, the classic suite: RSA, DES and MD5, as the seed specifies. Historic; broken today.
    #[serde(rename = "1.0")]
    V1,
    /// 2.0, the modern suite: HPKE, Ed25519, AES-256-GCM, HKDF and HMAC over SHA-256.
    #[serde(rename = "2.0")]
    V2,
}

impl Protocol {
    /// All, the newest first.
    pub const ALL: [Self; 2] = [Self::V2, Self::V1];

    /// As it stands in the header.
    pub fn number(self) -> &'static str {
        match self {
            Self::V1 => "1.0",
            Self::V2 => "2.0",
        }
    }

    /// The protocol of a number.
    pub fn of_number(number: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|protocol| protocol.number() == number)
    }

    /// Its cryptography.
    pub fn suite(self) -> &'static dyn Suite {
        match self {
            Self::V1 => &classic::Classic,
            Self::V2 => &modern::Modern,
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.number())
    }
}

/// A label and its value, in the order in which they are hashed.
pub type Item<'a> = (&'a str, &'a str);

/// Something cannot be opened, made or verified. Why is nobody's business.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("cryptography failed")]
pub struct CryptoFault;

/// What a signature is for; signatures for one purpose do not fit another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// `signature` of a request.
    Request,
    /// `merchant-signed-hash` of a payment request.
    Offer,
}

/// Which of the session messages a key is for (process 1600).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum SessionMessage {
    /// CA1.
    Payment = 1,
    /// The merchant's part of CA2.
    Collection = 2,
    /// The merchant's part of CA3.
    MerchantReceipt = 3,
    /// The customer's part of CA3, which is CA4's opaque value.
    PayerReceipt = 4,
}

/// What makes a message key one of its own within a session: Q of step 1611.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyInput {
    /// Type code.
    pub message: SessionMessage,
    /// Version of the message.
    pub version: u8,
    /// Index of the message within its session.
    pub index: Index,
}

/// Opens what was sealed to a server key. Where the private key lives is the opener's business.
pub trait Opener: Send + Sync {
    /// Opens the opaque value of a request (steps 905 to 909).
    ///
    /// # Errors
    /// Always the same, after the same time.
    fn open(&self, sealed: &[u8], aad: &[u8]) -> Result<OpenedSecret, CryptoFault>;
}

/// What an [`Opener`] yields.
pub struct OpenedSecret {
    /// The contents.
    pub contents: Vec<u8>,
    /// The key under which the reply goes back; in 1.0 it opened the contents too.
    pub reply_key: SealKey,
}

/// A key that seals and opens one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealKey(pub SecretBytes);

/// A shared opener.
pub type SharedOpener = Arc<dyn Opener>;

/// What differs between protocol numbers, and nothing else.
pub trait Suite: Send + Sync {
    /// H: checksums, key names.
    fn digest(&self, data: &[u8]) -> Vec<u8>;

    /// The bytes that are signed or authenticated for these items.
    fn pairs(&self, items: &[Item<'_>]) -> Vec<u8>;

    /// The text of a note as `note-hash` covers it.
    fn note_text(&self, note: &str) -> Vec<u8>;

    /// An auth-code over items, under a session's salt.
    fn auth_code(&self, salt: &[u8], items: &[Item<'_>]) -> Vec<u8>;

    /// The hash of an instrument number that the server keeps (120H.9).
    fn instrument_hash(&self, number: &str, salt: &[u8]) -> Vec<u8>;

    /// A new persona key.
    ///
    /// # Errors
    /// The generator gave up.
    fn generate(&self, rng: &mut dyn CryptoRng) -> Result<PersonaKey, CryptoFault>;

    /// How many bytes the key and the salt of a session have.
    fn session_secret_sizes(&self) -> (usize, usize);

    /// New secrets for a session.
    fn session_secrets(&self, rng: &mut dyn CryptoRng) -> SessionSecrets;

    /// The name of a public key (label `key`).
    ///
    /// # Errors
    /// The key is not of this suite.
    fn key_name(&self, key: &PublicKey) -> Result<Vec<u8>, CryptoFault>;

    /// The public half of a persona key.
    ///
    /// # Errors
    /// The key is not of this suite.
    fn public_key(&self, key: &PersonaKey) -> Result<PublicKey, CryptoFault>;

    /// Signs [`Suite::pairs`].
    ///
    /// # Errors
    /// The key is not of this suite.
    fn sign(
        &self,
        key: &PersonaKey,
        purpose: Purpose,
        pairs: &[u8],
        rng: &mut dyn CryptoRng,
    ) -> Result<Vec<u8>, CryptoFault>;

    /// Checks a signature.
    ///
    /// # Errors
    /// The signature does not fit, or the key is not of this suite.
    fn verify(&self, key: &PublicKey, purpose: Purpose, pairs: &[u8], signature: &[u8]) -> Result<(), CryptoFault>;

    /// Seals the contents of a request to a server key (steps 809 to 813).
    ///
    /// # Errors
    /// The key is not of this suite.
    fn seal_request(
        &self,
        server: &PublicKey,
        aad: &[u8],
        contents: &[u8],
        rng: &mut dyn CryptoRng,
    ) -> Result<(Vec<u8>, SealKey), CryptoFault>;

    /// The key of one message in a session (process 1600, fig. 29).
    ///
    /// # Errors
    /// The session key is not of this suite.
    fn message_key(&self, secrets: &SessionSecrets, input: KeyInput) -> Result<SealKey, CryptoFault>;

    /// Seals contents under a reply key or message key.
    ///
    /// # Errors
    /// The key is not of this suite.
    fn seal(&self, key: &SealKey, aad: &[u8], contents: &[u8], rng: &mut dyn CryptoRng)
    -> Result<Vec<u8>, CryptoFault>;

    /// Opens what [`Suite::seal`] sealed.
    ///
    /// # Errors
    /// Whatever was wrong, the same fault.
    fn open(&self, key: &SealKey, aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, CryptoFault>;
}

/// Fills `N` bytes from `rng`.
pub(crate) fn random<const N: usize>(rng: &mut dyn CryptoRng) -> [u8; N] {
    let mut bytes = [0; N];
    rng.fill_bytes(&mut bytes);
    bytes
}
