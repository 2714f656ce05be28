//! The server computer 100 and the merchant's till, as one program.
//!
//! | room | what lives there |
//! | --- | --- |
//! | [`cli`] | the subcommands and their arguments |
//! | [`serve`] | the payment server as a process |
//! | [`http`] | its routes |
//! | [`server`] | what becomes of a message: procedures 900 to 1800 and 3400 |
//! | [`store`] | the database 102 |
//! | [`settings`] | the operator's configuration file |
//! | [`log`], [`metrics`] | what the process says of itself |
//! | [`door`] | how much public-key work anyone can cause |
//! | [`admin`] | the operator's tools |
//! | [`audit`] | proves the books |
//! | [`backup`] | copies of the books, and books made of copies |
//! | [`bank`] | the issuers of instruments |
//! | `buggify` | rare branches on demand, for tests (feature `buggify`) |
//! | [`keys`], [`vault`] | the server's secrets |
//! | [`till`] | the merchant computer 300 as a process |
//! | [`hosted`] | the payment page of an order |
//! | [`shop`] | the demo shop |
//! | [`texts`] | what people read on the pages of till and shop |
//! | [`demo`] | server, till and shop on loopback |

pub mod admin;
pub mod audit;
pub mod backup;
pub mod bank;
#[cfg(feature = "buggify")]
pub mod buggify;
pub mod cli;
pub mod demo;
pub mod door;
pub mod hosted;
pub mod http;
pub mod keys;
pub mod log;
pub mod metrics;
pub mod serve;
pub mod server;
pub mod settings;
pub mod shop;
pub mod store;
pub mod texts;
pub mod till;
pub mod vault;
