//! What the tests share.

pub mod browser;
pub mod town;
