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
