//! Protocol 2.0: HPKE, Ed25519, AES-256-GCM, HKDF and HMAC over SHA-256 (protocol.md section 4).

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Key, Nonce};
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use hpke::aead::{AeadCtxR, AeadCtxS, AesGcm256};
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use rand_core::CryptoRng;
use sha2::{Digest, Sha256};
use spki::{AlgorithmIdentifierOwned, DecodePublicKey, EncodePublicKey, ObjectIdentifier, SubjectPublicKeyInfoOwned};

use super::{CryptoFault, Item, KeyInput, OpenedSecret, Opener, Purpose, SealKey, Suite, random};
use crate::keys::{PersonaKey, PublicKey};
use crate::secret::{SecretBytes, SessionSecrets};
/// The modern suite.
pub struct Modern;

type ServerPublic = <X25519HkdfSha256 as Kem>::PublicKey;
type ServerPrivate = <X25519HkdfSha256 as Kem>::PrivateKey;
type Encapsulated = <X25519HkdfSha256 as Kem>::EncappedKey;
type Sender = AeadCtxS<AesGcm256, HkdfSha256, X25519HkdfSha256>;
type Receiver = AeadCtxR<AesGcm256, HkdfSha256, X25519HkdfSha256>;

/// RFC 8410.
const X25519_OID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.110");
const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;
const REQUEST_INFO: &[u8] = b"CyberCash-2.0 request";
const REPLY_INFO: &[u8] = b"CyberCash-2.0 reply";
const MESSAGE_INFO: &[u8] = b"CyberCash-2.0 message";
const AUTH_PREFIX: &[u8] = b"CyberCash-2.0 auth\n";

impl Suite for Modern {
    fn digest(&self, data: &[u8]) -> Vec<u8> {
        Sha256::digest(data).to_vec()
    }

    fn pairs(&self, items: &[Item<'_>]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(items.iter().map(|(label, value)| label.len() + value.len() + 2).sum());
        for (label, value) in items {
            write_pair(label, value, &mut bytes);
        }
        bytes
    }

    fn note_text(&self, note: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (n, line) in note.split('\n').enumerate() {
            if n > 0 {
                bytes.push(b'\n');
            }
            write_norm(line, &mut bytes);
        }
        bytes
    }

    fn auth_code(&self, salt: &[u8], items: &[Item<'_>]) -> Vec<u8> {
        let mac = mac(salt).chain_update(AUTH_PREFIX).chain_update(self.pairs(items));
        mac.finalize().into_bytes().to_vec()
    }

    fn instrument_hash(&self, number: &str, salt: &[u8]) -> Vec<u8> {
        mac(salt).chain_update(number).finalize().into_bytes().to_vec()
    }

    fn generate(&self, rng: &mut dyn CryptoRng) -> Result<PersonaKey, CryptoFault> {
        // Seed only: the form of RFC 8410 that every reader knows, and the one of the vectors.
        let keypair = ed25519_dalek::pkcs8::KeypairBytes { secret_key: random::<KEY_BYTES>(rng), public_key: None };
        let der = keypair.to_pkcs8_der().map_err(|_| CryptoFault)?;
        Ok(PersonaKey::of_pkcs8(der.as_bytes().to_vec()))
    }

    fn session_secret_sizes(&self) -> (usize, usize) {
        (KEY_BYTES, KEY_BYTES)
    }

    fn session_secrets(&self, rng: &mut dyn CryptoRng) -> SessionSecrets {
        let key = random::<KEY_BYTES>(rng).to_vec().into();
        SessionSecrets { key, salt: random::<KEY_BYTES>(rng).to_vec().into() }
    }

    fn key_name(&self, key: &PublicKey) -> Result<Vec<u8>, CryptoFault> {
        read_public(key)?;
        Ok(self.digest(key.spki()))
    }

    fn public_key(&self, key: &PersonaKey) -> Result<PublicKey, CryptoFault> {
        let der = read_private(key)?.verifying_key().to_public_key_der().map_err(|_| CryptoFault)?;
        Ok(PublicKey::of_spki(der.as_bytes().to_vec()))
    }

    fn sign(
        &self,
        key: &PersonaKey,
        purpose: Purpose,
        pairs: &[u8],
        _: &mut dyn CryptoRng,
    ) -> Result<Vec<u8>, CryptoFault> {
        Ok(read_private(key)?.sign(&signed_bytes(purpose, pairs)).to_bytes().to_vec())
    }

    fn verify(&self, key: &PublicKey, purpose: Purpose, pairs: &[u8], signature: &[u8]) -> Result<(), CryptoFault> {
        verify(key, &signed_bytes(purpose, pairs), signature)
    }

    fn seal_request(
        &self,
        server: &PublicKey,
        aad: &[u8],
        contents: &[u8],
        rng: &mut dyn CryptoRng,
    ) -> Result<(Vec<u8>, SealKey), CryptoFault> {
        let (encapsulated, mut context) = sender(server, REQUEST_INFO, rng)?;
        let mut sealed = encapsulated.to_bytes().to_vec();
        sealed.extend(context.seal(contents, aad).map_err(|_| CryptoFault)?);
        let mut reply_key = vec![0; KEY_BYTES];
        context.export(REPLY_INFO, &mut reply_key).map_err(|_| CryptoFault)?;
        Ok((sealed, SealKey(reply_key.into())))
    }

    fn message_key(&self, secrets: &SessionSecrets, input: KeyInput) -> Result<SealKey, CryptoFault> {
        if secrets.key.expose().len() != KEY_BYTES {
            // HKDF would take any length, and a session of 1.0 with it.
            return Err(CryptoFault);
        }
        let mut info = MESSAGE_INFO.to_vec();
        info.extend([input.message as u8, input.version]);
        info.extend(input.index.get().to_be_bytes());
        derive(secrets.key.expose(), &info)
    }

    fn seal(
        &self,
        key: &SealKey,
        aad: &[u8],
        contents: &[u8],
        rng: &mut dyn CryptoRng,
    ) -> Result<Vec<u8>, CryptoFault> {
        let nonce = random::<NONCE_BYTES>(rng);
        let payload = Payload { msg: contents, aad };
        let sealed = cipher(key)?.encrypt(&Nonce::from(nonce), payload).map_err(|_| CryptoFault)?;
        Ok([&nonce[..], &sealed].concat())
    }

    fn open(&self, key: &SealKey, aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, CryptoFault> {
        let (nonce, msg) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or(CryptoFault)?;
        cipher(key)?.decrypt(&Nonce::from(*nonce), Payload { msg, aad }).map_err(|_| CryptoFault)
    }
}

/// Opens requests with an X25519 private key.
pub struct X25519Opener(ServerPrivate);

impl X25519Opener {
    /// From 32 bytes.
    ///
    /// # Errors
    /// Not a private key.
    pub fn of_bytes(bytes: &[u8]) -> Result<Self, CryptoFault> {
        ServerPrivate::from_bytes(bytes).map(Self).map_err(|_| CryptoFault)
    }

    /// The public key in its published form.
    ///
    /// # Errors
    /// None that a valid key can cause.
    pub fn public_key(&self) -> Result<PublicKey, CryptoFault> {
        let bytes = X25519HkdfSha256::sk_to_pk(&self.0).to_bytes();
        let bits = spki::der::asn1::BitString::from_bytes(&bytes).map_err(|_| CryptoFault)?;
        let algorithm = AlgorithmIdentifierOwned { oid: X25519_OID, parameters: None };
        let info = SubjectPublicKeyInfoOwned { algorithm, subject_public_key: bits };
        Ok(PublicKey::of_spki(spki::der::Encode::to_der(&info).map_err(|_| CryptoFault)?))
    }
}

impl X25519Opener {
    /// The context that opens what was sealed to this key for a purpose.
    pub(super) fn receiver(&self, encapsulated: &[u8], info: &[u8]) -> Result<Receiver, CryptoFault> {
        let encapsulated = Encapsulated::from_bytes(encapsulated).map_err(|_| CryptoFault)?;
        hpke::setup_receiver(&OpModeR::Base, &self.0, &encapsulated, info).map_err(|_| CryptoFault)
    }
}

impl Opener for X25519Opener {
    fn open(&self, sealed: &[u8], aad: &[u8]) -> Result<OpenedSecret, CryptoFault> {
        let (encapsulated, sealed) = sealed.split_at_checked(Encapsulated::size()).ok_or(CryptoFault)?;
        let mut context = self.receiver(encapsulated, REQUEST_INFO)?;
        let contents = context.open(sealed, aad).map_err(|_| CryptoFault)?;
        let mut reply_key = vec![0; KEY_BYTES];
        context.export(REPLY_INFO, &mut reply_key).map_err(|_| CryptoFault)?;
        Ok(OpenedSecret { contents, reply_key: SealKey(SecretBytes::new(reply_key)) })
    }
}

/// Trimmed, every run of white space replaced by one blank.
fn write_norm(value: &str, out: &mut Vec<u8>) {
    // Most values are one word of ASCII, which a look at all bytes at once tells.
    if value.bytes().fold(true, |word, byte| word & byte.is_ascii_graphic()) {
        out.extend_from_slice(value.as_bytes());
        return;
    }
    for (n, word) in value.split_whitespace().enumerate() {
        if n > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(word.as_bytes());
    }
}

fn write_pair(label: &str, value: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(label.as_bytes());
    out.push(b':');
    write_norm(value, out);
    out.push(b'\n');
}

fn signed_bytes(purpose: Purpose, pairs: &[u8]) -> Vec<u8> {
    let prefix: &[u8] = match purpose {
        Purpose::Request => b"CyberCash-2.0 signature\n",
        Purpose::Offer => b"CyberCash-2.0 offer\n",
    };
    [prefix, pairs].concat()
}

/// A context that seals to a server's key for a purpose, and what has to be sent along.
pub(super) fn sender(
    server: &PublicKey,
    info: &[u8],
    mut rng: &mut dyn CryptoRng,
) -> Result<(Encapsulated, Sender), CryptoFault> {
    let server = read_server(server)?;
    hpke::setup_sender_with_rng(&OpModeS::Base, &server, info, &mut rng).map_err(|_| CryptoFault)
}

/// Checks an Ed25519 signature, strictly: no other encoding of it, and no key of small order.
pub(super) fn verify(key: &PublicKey, bytes: &[u8], signature: &[u8]) -> Result<(), CryptoFault> {
    let signature = Signature::from_slice(signature).map_err(|_| CryptoFault)?;
    read_public(key)?.verify_strict(bytes, &signature).map_err(|_| CryptoFault)
}

/// HKDF-SHA-256 without a salt.
pub(super) fn derive(secret: &[u8], info: &[u8]) -> Result<SealKey, CryptoFault> {
    let mut key = vec![0; KEY_BYTES];
    Hkdf::<Sha256>::new(None, secret).expand(info, &mut key).map_err(|_| CryptoFault)?;
    Ok(SealKey(key.into()))
}

fn mac(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("invariant: HMAC takes keys of any length")
}

fn cipher(key: &SealKey) -> Result<Aes256Gcm, CryptoFault> {
    let key = <&Key<Aes256Gcm>>::try_from(key.0.expose()).map_err(|_| CryptoFault)?;
    Ok(Aes256Gcm::new(key))
}

fn read_public(key: &PublicKey) -> Result<VerifyingKey, CryptoFault> {
    VerifyingKey::from_public_key_der(key.spki()).map_err(|_| CryptoFault)
}

fn read_private(key: &PersonaKey) -> Result<SigningKey, CryptoFault> {
    SigningKey::from_pkcs8_der(key.pkcs8()).map_err(|_| CryptoFault)
}

fn read_server(key: &PublicKey) -> Result<ServerPublic, CryptoFault> {
    let info = spki::SubjectPublicKeyInfoRef::try_from(key.spki()).map_err(|_| CryptoFault)?;
    let bytes = info.subject_public_key.as_bytes().ok_or(CryptoFault)?;
    if info.algorithm.oid != X25519_OID {
        return Err(CryptoFault);
    }
    ServerPublic::from_bytes(bytes).map_err(|_| CryptoFault)
}
