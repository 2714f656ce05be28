//! The payment server as a process: `server-stub serve`.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::cli::Ending;

/// Arguments of `server-stub serve`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Where to listen; port 0 picks a free one. The first line printed is `listening on http://ADDRESS`.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8401")]
    pub listen: SocketAddr,
    /// Where the books and the server's keys are kept; made at the first start. Back it up as a whole.
    #[arg(long, value_name = "DIR")]
    pub data_dir: PathBuf,
    /// Also speak protocol 1.0, whose ciphers (RSA, DES, MD5) are historic and broken today.
    #[arg(long)]
    pub allow_classic: bool,
    /// The shortest RSA key of a persona that protocol 1.0 accepts at registration.
    #[arg(long, value_name = "BITS", default_value_t = 2048, value_parser = clap::value_parser!(u32).range(768..=4096))]
    pub classic_min_bits: u32,
}

/// Runs the server until it is asked to end.
///
/// # Errors
/// It cannot start.
#[allow(clippy::unused_async, reason = "the server is being built")]
pub async fn run(args: Args) -> Ending {
    Err(format!("the server is not built yet ({})", args.listen).into())
}
