//! The server computer 100 and the merchant's till, as one program.
//!
//! | room | what lives there |
//! | --- | --- |
//! | [`cli`] | the subcommands and their arguments |
//! | [`serve`] | the payment server as a process |
//! | [`till`] | the merchant computer 300 as a process |
//! | [`demo`] | server, till and shop on loopback |

pub mod cli;
pub mod demo;
pub mod serve;
pub mod till;
