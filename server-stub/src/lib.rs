//! The server computer 100 and the merchant's till, as one program.
//!
//! | room | what lives there |
//! | --- | --- |
//! | [`cli`] | the subcommands and their arguments |
//! | [`serve`] | the payment server as a process |
//! | [`till`] | the merchant computer 300 as a process |
//! | [`shop`] | the demo shop |
//! | [`demo`] | server, till and shop on loopback |

pub mod bank;
pub mod cli;
pub mod demo;
pub mod keys;
pub mod serve;
pub mod shop;
pub mod store;
pub mod till;
pub mod vault;
