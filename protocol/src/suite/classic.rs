//! Protocol 1.0: RSA, DES and MD5, as the seed specifies (protocol.md section 3).
//!
//! Broken today. It exists for fidelity and interoperability, is off unless the operator turns it on, and every screen
//! that uses it says so.

use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockCipherEncrypt, BlockModeDecrypt, BlockModeEncrypt, KeyInit, KeyIvInit};
use des::Des;
use md5::{Digest, Md5};
use rand_core::CryptoRng;
use rsa::pkcs8::{DecodePrivateKey, EncodePrivateKey};
use rsa::traits::PublicKeyParts;
use rsa::{Oaep, Pkcs1v15Sign, RsaPrivateKey, RsaPublicKey};
use sha2::Sha256;
use spki::{DecodePublicKey, EncodePublicKey};

use super::{CryptoFault, Item, KeyInput, OpenedSecret, Purpose, SealKey, Suite, random};
use crate::keys::{PersonaKey, PublicKey};
use crate::secret::{SecretBytes, SessionSecrets};
/// The classic suite.
pub struct Classic;

/// What RSA keys may be read: the seed's 768 bits, up to what a server can bear to compute with.
const KEY_BITS: std::ops::RangeInclusive<u32> = 768..=4_096;
/// What new keys have.
const NEW_KEY_BITS: usize = 2_048;
/// DES key and IV.
const KEY_AND_IV: usize = 16;
/// The salt of a session (130C).
const SESSION_SALT: usize = 8;

impl Suite for Classic {
    fn digest(&self, data: &[u8]) -> Vec<u8> {
        Md5::digest(data).to_vec()
    }

    fn pairs(&self, items: &[Item<'_>]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (label, value) in items {
            bytes.extend_from_slice(label.as_bytes());
            bytes.push(b':');
            bytes.extend(strip(value));
        }
        bytes
    }

    fn note_text(&self, note: &str) -> Vec<u8> {
        strip(note).collect()
    }

    fn auth_code(&self, salt: &[u8], items: &[Item<'_>]) -> Vec<u8> {
        let mut bytes = salt.to_vec();
        for (n, (_, value)) in items.iter().enumerate() {
            if n > 0 {
                bytes.push(b'|');
            }
            bytes.extend(strip(value));
        }
        bytes.extend_from_slice(salt);
        self.digest(&bytes)
    }

    fn instrument_hash(&self, number: &str, salt: &[u8]) -> Vec<u8> {
        Md5::new().chain_update(number).chain_update(salt).finalize().to_vec()
    }

    fn generate(&self, rng: &mut dyn CryptoRng) -> Result<PersonaKey, CryptoFault> {
        let key = RsaPrivateKey::new(&mut Lent(rng), NEW_KEY_BITS).map_err(|_| CryptoFault)?;
        let der = key.to_pkcs8_der().map_err(|_| CryptoFault)?;
        Ok(PersonaKey::of_pkcs8(der.as_bytes().to_vec()))
    }

    fn session_secret_sizes(&self) -> (usize, usize) {
        (KEY_AND_IV, SESSION_SALT)
    }

    fn session_secrets(&self, rng: &mut dyn CryptoRng) -> SessionSecrets {
        let key = random::<KEY_AND_IV>(rng).to_vec().into();
        SessionSecrets { key, salt: random::<SESSION_SALT>(rng).to_vec().into() }
    }

    fn key_name(&self, key: &PublicKey) -> Result<Vec<u8>, CryptoFault> {
        let modulus = read_public(key)?.n().to_be_bytes();
        let zeros = modulus.iter().take_while(|byte| **byte == 0).count();
        Ok(self.digest(&modulus[zeros..]))
    }

    fn public_key(&self, key: &PersonaKey) -> Result<PublicKey, CryptoFault> {
        let public = read_private(key)?.to_public_key();
        let der = public.to_public_key_der().map_err(|_| CryptoFault)?;
        Ok(PublicKey::of_spki(der.as_bytes().to_vec()))
    }

    fn sign(
        &self,
        key: &PersonaKey,
        purpose: Purpose,
        pairs: &[u8],
        rng: &mut dyn CryptoRng,
    ) -> Result<Vec<u8>, CryptoFault> {
        let hash = self.signed_hash(purpose, pairs);
        read_private(key)?.sign_with_rng(&mut Lent(rng), Pkcs1v15Sign::new::<Md5>(), &hash).map_err(|_| CryptoFault)
    }

    fn verify(&self, key: &PublicKey, purpose: Purpose, pairs: &[u8], signature: &[u8]) -> Result<(), CryptoFault> {
        let hash = self.signed_hash(purpose, pairs);
        read_public(key)?.verify(Pkcs1v15Sign::new::<Md5>(), &hash, signature).map_err(|_| CryptoFault)
    }

    fn seal_request(
        &self,
        server: &PublicKey,
        aad: &[u8],
        contents: &[u8],
        rng: &mut dyn CryptoRng,
    ) -> Result<(Vec<u8>, SealKey), CryptoFault> {
        let key = SealKey(SecretBytes::new(random::<KEY_AND_IV>(rng).to_vec()));
        let server = read_public(server)?;
        let padding = Oaep::<Sha256>::new();
        let mut sealed = server.encrypt(&mut Lent(rng), padding, key.0.expose()).map_err(|_| CryptoFault)?;
        sealed.extend(self.seal(&key, aad, contents, rng)?);
        Ok((sealed, key))
    }

    fn message_key(&self, secrets: &SessionSecrets, input: KeyInput) -> Result<SealKey, CryptoFault> {
        let (key, iv) = split(secrets.key.expose())?;
        let [high, low] = input.index.get().to_be_bytes();
        // Q of step 1611, then steps 1613 to 1615.
        let q = [0, 0, 0, 0, input.message as u8, input.version, high, low];
        let mut block: des::cipher::Array<u8, _> = std::array::from_fn(|i| q[i] ^ iv[i]).into();
        Des::new(&key.into()).encrypt_block(&mut block);
        let mut bytes: Vec<u8> = block.iter().map(|byte| byte & 0xFE).collect();
        bytes.extend_from_slice(&iv);
        Ok(SealKey(bytes.into()))
    }

    fn seal(&self, key: &SealKey, _: &[u8], contents: &[u8], _: &mut dyn CryptoRng) -> Result<Vec<u8>, CryptoFault> {
        let (key, iv) = split(key.0.expose())?;
        Ok(cbc::Encryptor::<Des>::new(&key.into(), &iv.into()).encrypt_padded_vec::<Pkcs7>(contents))
    }

    fn open(&self, key: &SealKey, _: &[u8], sealed: &[u8]) -> Result<Vec<u8>, CryptoFault> {
        let (key, iv) = split(key.0.expose())?;
        let decryptor = cbc::Decryptor::<Des>::new(&key.into(), &iv.into());
        decryptor.decrypt_padded_vec::<Pkcs7>(sealed).map_err(|_| CryptoFault)
    }
}

impl Classic {
    /// An offer's signature is over the hash of its pairs, a request's over the pairs themselves.
    fn signed_hash(&self, purpose: Purpose, pairs: &[u8]) -> Vec<u8> {
        match purpose {
            Purpose::Request => self.digest(pairs),
            Purpose::Offer => self.digest(&self.digest(pairs)),
        }
    }
}

/// Opens the contents behind an RSA block of `modulus_bytes`, given how to recover K from the block; for every opener.
/// Where the block does not open, the contents are tried all the same, with a key that is none (RFC 3218): whether it was
/// the block or the contents shows neither in the answer nor in its time.
///
/// # Errors
/// Whatever was wrong, the same fault.
pub fn open_rsa_with(
    sealed: &[u8],
    modulus_bytes: usize,
    recover: impl FnOnce(&[u8]) -> Result<Vec<u8>, CryptoFault>,
) -> Result<OpenedSecret, CryptoFault> {
    let (block, rest) = sealed.split_at_checked(modulus_bytes).ok_or(CryptoFault)?;
    let recovered = recover(block).ok().filter(|key| key.len() == KEY_AND_IV);
    let is_key = recovered.is_some();
    let reply_key = SealKey(recovered.unwrap_or_else(|| vec![0; KEY_AND_IV]).into());
    let contents = Classic.open(&reply_key, &[], rest);
    let contents = contents.ok().filter(|_| is_key).ok_or(CryptoFault)?;
    Ok(OpenedSecret { contents, reply_key })
}

/// The bytes of a value that count: everything but controls, blanks and DEL.
fn strip(value: &str) -> impl Iterator<Item = u8> {
    value.bytes().filter(|byte| *byte > 0x20 && *byte != 0x7F)
}

fn split(key: &[u8]) -> Result<([u8; 8], [u8; 8]), CryptoFault> {
    let (key, iv) = key.split_at_checked(8).ok_or(CryptoFault)?;
    Ok((key.try_into().map_err(|_| CryptoFault)?, iv.try_into().map_err(|_| CryptoFault)?))
}

fn read_public(key: &PublicKey) -> Result<RsaPublicKey, CryptoFault> {
    let strict = RsaPublicKey::from_public_key_der(key.spki());
    let key = strict.map_err(|_| CryptoFault)?;
    if KEY_BITS.contains(&key.n().bits()) { Ok(key) } else { Err(CryptoFault) }
}

fn read_private(key: &PersonaKey) -> Result<RsaPrivateKey, CryptoFault> {
    RsaPrivateKey::from_pkcs8_der(key.pkcs8()).map_err(|_| CryptoFault)
}

/// How many bits the modulus of an RSA key has; the operator sets a minimum.
///
/// # Errors
/// The key is not an RSA key that may be read.
pub fn modulus_bits(key: &PublicKey) -> Result<u32, CryptoFault> {
    Ok(read_public(key)?.n().bits())
}

/// Lends a generator to calls that want a sized one.
struct Lent<'a>(&'a mut dyn CryptoRng);

impl rand_core::TryRng for Lent<'_> {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        self.0.try_next_u32()
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        self.0.try_next_u64()
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        self.0.try_fill_bytes(bytes)
    }
}

impl rand_core::TryCryptoRng for Lent<'_> {}

/// Opens requests with crate `rsa`: for tests. The server opens with aws-lc-rs (RUSTSEC-2023-0071).
#[cfg(any(test, feature = "rsa-opener"))]
pub struct RsaOpener(RsaPrivateKey);

#[cfg(any(test, feature = "rsa-opener"))]
impl RsaOpener {
    /// From PKCS#8.
    ///
    /// # Errors
    /// Not an RSA key.
    pub fn of_pkcs8(der: &[u8]) -> Result<Self, CryptoFault> {
        RsaPrivateKey::from_pkcs8_der(der).map(Self).map_err(|_| CryptoFault)
    }

    /// What an OAEP block holds.
    pub(super) fn recover(&self, block: &[u8]) -> Result<Vec<u8>, CryptoFault> {
        self.0.decrypt(Oaep::<Sha256>::new(), block).map_err(|_| CryptoFault)
    }
}

#[cfg(any(test, feature = "rsa-opener"))]
impl super::Opener for RsaOpener {
    fn open(&self, sealed: &[u8], _: &[u8]) -> Result<OpenedSecret, CryptoFault> {
        use rsa::traits::PublicKeyParts as _;
        open_rsa_with(sealed, self.0.size(), |block| self.recover(block))
    }
}
