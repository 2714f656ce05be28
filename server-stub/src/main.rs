//! The one program of the house; see `server-stub --help`.

use std::process::ExitCode;

use clap::Parser;
use server_stub::cli::{Cli, run};

#[tokio::main]
async fn main() -> ExitCode {
    #[cfg(feature = "buggify")]
    server_stub::buggify::arm();
    match run(Cli::parse()).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("server-stub: {error}");
            ExitCode::FAILURE
        }
    }
}
