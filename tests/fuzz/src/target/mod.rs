//! The targets: one for each thing that reads what others wrote.

mod backup;
mod envelope;
mod extension;
mod messages;
mod offer;
mod pairs;
mod schedule;
mod sealed;
mod till;
mod urls;
mod values;

use protocol::Protocol;
use rand_core::{TryCryptoRng, TryRng};

pub use messages::ENTRIES;

/// Something to fuzz.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// What it is called on the command line.
    pub name: &'static str,
    /// Panics where an invariant breaks.
    pub run: fn(&[u8]),
}

/// All targets, in the order in which they are run.
pub const TARGETS: &[Target] = &[
    Target { name: "envelope", run: envelope::run },
    Target { name: "pairs", run: pairs::run },
    Target { name: "messages", run: messages::run },
    Target { name: "values", run: values::run },
    Target { name: "urls", run: urls::run },
    Target { name: "sealed", run: sealed::run },
    Target { name: "offer", run: offer::run },
    Target { name: "extension", run: extension::run },
    Target { name: "backup", run: backup::run },
    Target { name: "till", run: till::run },
    Target { name: "schedule", run: schedule::run },
];

/// The target of a name.
pub fn find(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

/// The first byte chooses among several things to do with the rest.
fn choice(data: &[u8]) -> Option<(u8, &[u8])> {
    data.split_first().map(|(first, rest)| (*first, rest))
}

fn protocol_of(byte: u8) -> Protocol {
    Protocol::ALL[usize::from(byte) % Protocol::ALL.len()]
}

/// A generator that counts (`SplitMix64`): a target has to do the same with the same bytes.
pub struct Counting(pub u64);

impl TryRng for Counting {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        self.try_next_u64().map(|n| (n >> 32).try_into().expect("32 bits"))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        Ok(z ^ (z >> 31))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.try_next_u64()?.to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

impl TryCryptoRng for Counting {}
