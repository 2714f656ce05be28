//! Keys of personas and servers, as the protocol carries them.

use serde::{Deserialize, Serialize};

use crate::secret::SecretBytes;
use crate::suite::{CryptoFault, Protocol};
use crate::value::{ServerKeyName, from_base64, to_base64};

/// A persona's private key (220H, 320H): PKCS#8, DER.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonaKey(SecretBytes);

impl PersonaKey {
    /// Takes over a PKCS#8 document; whether it is a key of a suite shows when it is used.
    pub fn of_pkcs8(der: Vec<u8>) -> Self {
        Self(SecretBytes::new(der))
    }

    /// The PKCS#8 document.
    pub fn pkcs8(&self) -> &[u8] {
        self.0.expose()
    }
}

/// A public key: `SubjectPublicKeyInfo`, DER (120C, 215A).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PublicKey(Vec<u8>);

impl PublicKey {
    /// Takes over a `SubjectPublicKeyInfo`; whether it is a key of a suite shows when it is used.
    pub fn of_spki(der: Vec<u8>) -> Self {
        Self(der)
    }

    /// The `SubjectPublicKeyInfo`.
    pub fn spki(&self) -> &[u8] {
        &self.0
    }
}

/// A public key of a server and its name (structure 160).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerKey {
    /// Label `serverkey`.
    pub name: ServerKeyName,
    /// Which protocol it is for.
    pub protocol: Protocol,
    /// The key.
    pub public: PublicKey,
}

/// The name of a public key as label `key` carries it.
///
/// # Errors
/// The key is not of the protocol's suite.
pub fn key_name(protocol: Protocol, key: &PublicKey) -> Result<String, CryptoFault> {
    protocol.suite().key_name(key).map(|name| to_base64(&name))
}

/// What a server publishes of itself: `GET /cybercash/keys` (protocol.md section 7).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// Protocol numbers it speaks, the newest first.
    pub protocols: Vec<String>,
    /// Its public keys.
    pub keys: Vec<PublishedKey>,
    /// Currencies of its containers.
    #[serde(default)]
    pub currencies: Vec<String>,
    /// Legal agreements it demands.
    #[serde(default)]
    pub agreements: Vec<Agreement>,
    /// What operations cost; absent where nothing does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fees: Vec<PublishedFee>,
}

/// What an operation costs in a currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedFee {
    /// `load`, `unload`, `open`, `close` or `collect`.
    pub operation: String,
    /// The fixed part, as an amount: `usd 0.25`.
    pub fixed: String,
    /// The share of the amount, in hundredths of a percent.
    #[serde(rename = "basis-points")]
    pub basis_points: u32,
}

/// One public key of a server as it is published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedKey {
    /// Its name.
    pub serverkey: String,
    /// The protocol number it is for.
    pub protocol: String,
    /// `rsa` or `x25519`.
    pub algorithm: String,
    /// `SubjectPublicKeyInfo`, base64.
    pub spki: String,
}

/// A legal agreement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agreement {
    /// Its number (120I).
    pub number: u32,
    /// Its title.
    pub title: String,
    /// Where it can be read.
    pub url: String,
}

impl Published {
    /// The key to write to under the newest protocol that both sides speak; of several, the first published.
    pub fn best_key(&self) -> Option<ServerKey> {
        Protocol::ALL.into_iter().find_map(|protocol| self.key_for(protocol))
    }

    /// The first key of a protocol number that the server speaks.
    pub fn key_for(&self, protocol: Protocol) -> Option<ServerKey> {
        let spoken = self.protocols.iter().any(|number| number == protocol.number());
        let mut keys = self.keys.iter().filter(|key| spoken && key.protocol == protocol.number());
        keys.find_map(|key| {
            let public = PublicKey::of_spki(from_base64(&key.spki)?);
            Some(ServerKey { name: ServerKeyName::of(&key.serverkey)?, protocol, public })
        })
    }
}
