//! The merchant computer 300: the page's half of a payment, and (feature `till`) the till library.
//!
//! The page's half becomes wasm and carries no keys, no random numbers and no till: it reads an offer and says whether a
//! wallet may see it.

pub mod page;
#[cfg(feature = "till")]
pub mod till;
