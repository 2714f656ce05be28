//! The key that a shop shows: made and printed once, kept as a hash.

use protocol::Protocol;
use rand::rngs::SysRng;
use rand_core::{Rng as _, UnwrapErr};

/// What a key begins with, so that people and secret scanners know one when they see it.
const PREFIX: &str = "paycash_";
/// 256 bits: nobody guesses them, so that a fast hash is enough.
const BYTES: usize = 32;

/// A new key. It is printed once, and kept by nobody here.
pub fn generate() -> String {
    let mut bytes = [0; BYTES];
    UnwrapErr(SysRng).fill_bytes(&mut bytes);
    let (left, right) = bytes.split_at(BYTES / 2);
    format!("{PREFIX}{:032x}{:032x}", number(left), number(right))
}

fn number(bytes: &[u8]) -> u128 {
    bytes.iter().fold(0, |number, byte| number << 8 | u128::from(*byte))
}

/// What is kept of a key: its SHA-256.
pub fn hash(key: &str) -> Vec<u8> {
    Protocol::V2.suite().digest(key.as_bytes())
}

/// A short name for a key or a webhook: 64 random bits in hexadecimal. It is no secret.
pub fn short_id() -> String {
    let mut bytes = [0; 8];
    UnwrapErr(SysRng).fill_bytes(&mut bytes);
    format!("{:016x}", u64::from_be_bytes(bytes))
}
