//! The one program of the house; see `server-stub --help`.

use std::process::ExitCode;

use clap::Parser;
use server_stub::cli::{Cli, run};

/// Messages and rows are many small allocations, made by one thread and freed by another.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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
