//! The till library: what the merchant computer 300 does, as functions.
//!
//! A step takes the records it needs, its input, the time and random numbers, and yields a [`ChangeSet`] together with
//! what is to be sent. The shell loads, calls, commits, and only then sends (commit before sending): after a crash what
//! is pending is loaded and sent again, byte for byte, and the server does nothing twice (protocol.md section 5).
//!
//! | room | the seed's process | records |
//! | --- | --- | --- |
//! | [`setup`] | registration 401, binding 403 | 320, 330, pending (320N) |
//! | [`session`] | opening 407 | 360, 370N to 370T |
//! | [`refund`] | RF1 and RF2 (docs/protocol.md) | 370, refunds |
//! | [`settlement`] | closing 411, load and unload 405 | 360, settlements |
//! | [`order`] | payment 409, steps 1701 to 1702: PR1 | 350 |
//! | [`payment`] | payment 409, steps 1709 to 1710: CA1 | |
//! | [`collection`] | payment 409, steps 1711 to 1726: CA2, CA3, CA4 | 350, 360, 370A to 370M |
//!
//! # The life of an order
//!
//! ```text
//!              CA1                    CA3: collected
//!   open ───────────────► collecting ───────────────► paid
//!    │ ▲                   │      ▲
//!    │ │ verdict `retry`   │      │ CA1
//!    │ └───────────────────┤      │
//!    │                     └──► failed   (CA3: refused)
//!    ├──► cancelled   (by the merchant; not while collecting)
//!    └──► expired     (time is up; not while collecting)
//! ```
//!
//! | found after a crash | what the till does |
//! | --- | --- |
//! | pending R1, BI1, OS1, RF1, CS1 or LU1 | sends the same bytes again |
//! | a batch without CA3 | sends the same CA2 again until a CA3 is there |
//! | a CA1 that was in no batch yet | nothing: it was never promised to anyone, and the wallet sends it again |
//! | a batch whose CA3 is stored | nothing: a CA1 that comes again gets the stored CA4 |

pub mod change;
pub mod collection;
pub mod conversation;
pub mod order;
pub mod payment;
pub mod record;
pub mod refund;
pub mod session;
pub mod settlement;
pub mod setup;

pub use change::{Change, ChangeSet};

use protocol::date::Date;
use protocol::message::SoftwareVersion;
use rand_core::CryptoRng;

/// What this till calls itself (`swversion`, `merchant-swversion`).
const SOFTWARE_VERSION: &str = "1.0till";

/// [`SOFTWARE_VERSION`] as a value.
pub(crate) fn software_version() -> SoftwareVersion {
    SoftwareVersion::of(SOFTWARE_VERSION).expect("invariant: the software's version is a token")
}

/// What a step may use besides its records: the server's idea of the time, and random numbers.
pub struct Moment<'a> {
    /// The time by the server's clock, as far as the till knows it.
    pub now: Date,
    /// Where random numbers come from.
    pub rng: &'a mut dyn CryptoRng,
}
