//! A proxy between the real extension in Chromium, the real till and the real server, on which things go wrong as a script
//! says; and a shopper who does what anybody does when something goes wrong: tries again.
//!
//! Whatever the script: the shoes are paid once, the wallet shows what is so, and the books are in order.

mod http;
mod line;
pub mod script;
mod shopper;
mod street;

pub use shopper::Shopper;
pub use street::Street;
