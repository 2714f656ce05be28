//! The merchant computer 300 as a process: `server-stub till`.

use crate::cli::Ending;

/// Arguments of `server-stub till`.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs the till until it is asked to end.
///
/// # Errors
/// It cannot start.
#[allow(clippy::unused_async, reason = "the till is being built")]
pub async fn run(Args {}: Args) -> Ending {
    Err("the till is not built yet".into())
}
