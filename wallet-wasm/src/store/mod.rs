//! Where records are kept: the store in memory for tests, IndexedDB in the browser.

#[cfg(target_arch = "wasm32")]
mod indexed_db;
pub mod migration;

#[cfg(target_arch = "wasm32")]
pub use indexed_db::IndexedDb;
pub use protocol::store::MemoryStore;
