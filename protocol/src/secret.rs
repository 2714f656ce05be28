//! Secrets: they print nothing and are wiped on drop.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Secret bytes of any length.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SecretBytes(Vec<u8>);

impl SecretBytes {
    /// Takes over `bytes`.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes, for the one who needs them.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for SecretBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl PartialEq for SecretBytes {
    fn eq(&self, other: &Self) -> bool {
        same(&self.0, &other.0)
    }
}

impl Eq for SecretBytes {}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretBytes(..)")
    }
}

/// Compares two codes in a time that does not depend on where they differ.
pub fn same(left: &[u8], right: &[u8]) -> bool {
    left.ct_eq(right).into()
}

/// The secrets of one session (fields of records 130, 230 and 370): message key material and auth salt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionSecrets {
    /// 16 bytes in protocol 1.0, 32 in 2.0.
    pub key: SecretBytes,
    /// 8 bytes in protocol 1.0, 32 in 2.0.
    pub salt: SecretBytes,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_equal_byte_by_byte_and_are_not_shown() {
        let secret = |bytes: &[u8]| SecretBytes::new(bytes.to_vec());
        assert_eq!(secret(b"key"), secret(b"key"));
        for other in [&b"kez"[..], b"ke", b"keys", b""] {
            assert_ne!(secret(b"key"), secret(other));
        }
        assert_eq!(format!("{:?}", secret(b"key")), "SecretBytes(..)");
    }
}
