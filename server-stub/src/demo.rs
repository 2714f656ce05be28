//! Server, till and shop on loopback in one process: `server-stub demo`.

use crate::cli::Ending;

/// Arguments of `server-stub demo`.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs the demo until it is asked to end.
///
/// # Errors
/// It cannot start.
#[allow(clippy::unused_async, reason = "the demo is being built")]
pub async fn run(Args {}: Args) -> Ending {
    Err("the demo is not built yet".into())
}
