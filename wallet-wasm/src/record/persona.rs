//! Record 220: who the shopper is to the server.

use protocol::Protocol;
use protocol::keys::{PersonaKey, PublicKey};
use protocol::money::Currency;
use protocol::persona::PersonaId;
use protocol::value::from_base64;
use serde::{Deserialize, Serialize};

use super::{Field, Stored};
use crate::vault::{Sealed, Vault, VaultFault};

/// Record 220: customer persona (fig. 5C). Its lists (220I, J, M, N, O) are tables of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Persona {
    /// 220A.
    pub id: PersonaId,
    /// 220B.
    pub email: String,
    /// 220C: `SubjectPublicKeyInfo`, base64.
    pub public_key: String,
    /// 220D.
    pub autoclose_passphrase: Option<Sealed>,
    /// 220E.
    pub language: String,
    /// The currency of its container.
    pub currency: Currency,
    /// 220H: PKCS#8.
    pub private_key: Sealed,
    /// The suite of the key.
    pub protocol: Protocol,
    /// 220L.
    pub agreements: Vec<u32>,
}

impl Stored for Persona {
    const TABLE: &'static str = "220-persona";

    fn key(&self) -> String {
        Self::KEY.to_owned()
    }
}

impl Persona {
    /// There is one persona in a wallet.
    pub const KEY: &'static str = "persona";
    /// 220D.
    pub const AUTOCLOSE: Field = Field { table: Self::TABLE, name: "autoclose-passphrase" };
    /// 220H.
    pub const PRIVATE_KEY: Field = Field { table: Self::TABLE, name: "private-key" };

    /// The private key.
    ///
    /// # Errors
    /// It is damaged.
    pub fn signer(&self, vault: &Vault) -> Result<PersonaKey, VaultFault> {
        let der = vault.open(Self::PRIVATE_KEY, Self::KEY, &self.private_key)?;
        Ok(PersonaKey::of_pkcs8(der.expose().to_vec()))
    }

    /// The public key, or nothing if the record is damaged.
    pub fn public(&self) -> Option<PublicKey> {
        from_base64(&self.public_key).map(PublicKey::of_spki)
    }
}
