//! The subcommands of `server-stub`.

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{admin, audit, backup, demo, serve, till};

/// What went wrong, for people to read.
pub type Fault = Box<dyn Error + Send + Sync>;
/// What a subcommand ends with: its exit code, or an error that `main` prints.
pub type Ending = Result<ExitCode, Fault>;

/// Electronic cash for the web: the payment server and the merchant's till.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the payment server (the server computer 100).
    Serve(serve::Args),
    /// Prove the books: every balance from the journal alone. Ends with 1 at the first row that does not fit.
    Audit(audit::Args),
    /// Copy the books while the server runs.
    Backup(backup::BackupArgs),
    /// Make books of a backup: sessions end, what was answered since cannot be done twice. See docs/operations.md.
    Restore(backup::RestoreArgs),
    /// See and set what the operator decides while servers run, and look things up.
    Admin(admin::Args),
    /// Run a merchant's till (the merchant computer 300).
    Till(Box<till::Args>),
    /// Run server, till and demo shop on this machine, to look at.
    Demo(demo::Args),
}

/// Runs the subcommand.
///
/// # Errors
/// Whatever kept it from starting or made it stop.
pub async fn run(cli: Cli) -> Ending {
    match cli.command {
        Command::Serve(args) => serve::run(args).await,
        Command::Audit(args) => audit::run(&args).await,
        Command::Backup(args) => backup::backup(&args),
        Command::Restore(args) => backup::run(&args).await,
        Command::Admin(args) => admin::run(args).await,
        Command::Till(args) => till::run(*args).await,
        Command::Demo(args) => demo::run(args).await,
    }
}
