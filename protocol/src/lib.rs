//! The shared language of Pay Cash: envelope, value types, the message table, money and the two suites.
//!
//! Everything here is a function of its arguments: bytes, times and random bytes come in, values leave. There is no I/O,
//! no clock and no randomness of its own, so that the same code runs in the wallet (wasm), the till, the server and a
//! simulated world.
//!
//! | room | what lives there |
//! | --- | --- |
//! | [`envelope`], [`pairs`] | header, label-value pairs, folding, trailer, checksum |
//! | [`value`], [`money`], [`date`], [`persona`] | the types of values |
//! | [`template`] | one table: each message's labels, where they stand, their types, what is signed and hashed |
//! | [`message`] | one typed record per message |
//! | [`suite`] | the cryptography of protocols 1.0 and 2.0 behind one trait |
//! | [`exchange`], [`collect`] | sealing and opening: public-key conversations, and payments inside sessions |
//! | [`store`] | where clients keep their records: the trait, its memory version, its tests |
//! | [`buggify`] | rare branches on demand, for tests |
//!
//! Invariant: no message text is interpreted twice. A reader either yields a typed record or a named fault.

pub mod buggify;
pub mod collect;
pub mod date;
pub mod envelope;
pub mod exchange;
pub mod fault;
pub mod keys;
pub mod message;
pub mod money;
pub mod offer;
pub mod outcome;
pub mod pairs;
pub mod persona;
pub mod secret;
pub mod store;
pub mod suite;
pub mod template;
pub mod value;

pub use fault::FormFault;
pub use suite::Protocol;
