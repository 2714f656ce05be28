//! The customer computer 200: the wallet's procedures, records and stores.
//!
//! | room | what lives there |
//! | --- | --- |
//! | [`wallet`] | procedures as pure steps, and the shell that loads, calls, commits and sends |
//! | [`record`] | records 215 to 280, one struct each |
//! | [`store`] | IndexedDB; the trait and the store in memory are [`protocol::store`] |
//! | [`vault`] | secrets at rest |
//! | `json` | reads what is stored, and what pages say |
//! | [`world`] | what the wallet needs of the world round it |
//! | `browser`, `api` | the worker's world, and the thin surface that JavaScript sees |
//!
//! Invariant: a message leaves only after the records that let us send it again are stored.
//!
//! Invariant: money moves in these books only by replies that are authentic.

#[cfg(target_arch = "wasm32")]
mod api;
#[cfg(target_arch = "wasm32")]
mod browser;
pub mod fault;
mod json;
pub mod record;
pub mod store;
pub mod vault;
pub mod wallet;
pub mod world;
