//! What every reader has to bear. Each target is a function of bytes that panics where an invariant breaks.
//!
//! | who calls it | with what |
//! | --- | --- |
//! | the program `fuzz` (feature `libfuzzer`) | bytes that libFuzzer makes, led by coverage: the same every day in `cargo xtask test` (or `--only fuzz`), new ones in `cargo xtask soak fuzz` |
//! | `tests/replay.rs` | the seeds, and every input that once broke something |
//!
//! Most targets compare: what a reader takes in is written and read again, and must be the same; and [`naive`], a second
//! reader made from the specification alone, must take and refuse the same texts with the same result.

pub mod naive;
mod seeds;
mod target;
mod vectors;
mod wallet;

pub use seeds::{dictionary, seeds};
pub use target::{TARGETS, Target, find};
