//! `server-stub backup` and `server-stub restore`: a copy of the books while the server runs, and books made of such a copy.

use std::fs::remove_dir_all;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::audit::audit;
use crate::cli::{Ending, Fault};
use crate::http::now;
use crate::server::epoch::{self, Begun};
use crate::store::sqlite::{self, FILE};
use crate::store::{Place, StoreError};
use crate::vault::make_folder;

/// Arguments of `server-stub backup`.
#[derive(Clone, Debug, clap::Args)]
pub struct BackupArgs {
    /// The file to make; it must not exist.
    #[arg(long, value_name = "FILE")]
    pub to: PathBuf,
    /// Where the books are; the server may be running.
    #[command(flatten)]
    pub place: Place,
}

/// Arguments of `server-stub restore`.
#[derive(Clone, Debug, clap::Args)]
pub struct RestoreArgs {
    /// The backup. Without it, the books are taken as they stand (a database that its own tools have restored).
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,
    /// Where the books are to be; no server may be running there.
    #[command(flatten)]
    pub place: Place,
}

/// Copies the books; what is committed while it copies is in the copy wholly or not at all.
///
/// # Errors
/// There are none, or the copy cannot be written.
pub fn backup(args: &BackupArgs) -> Ending {
    sqlite::copy(&args.place.folder()?.join(FILE), &args.to)?;
    println!("{}", args.to.display());
    Ok(ExitCode::SUCCESS)
}

/// Makes books of a backup, and begins an epoch in them.
///
/// # Errors
/// There are books already, the backup cannot be read, or what it holds is not true.
pub async fn run(args: &RestoreArgs) -> Ending {
    let Begun { epoch, sessions_ended } = restore(args.from.as_deref(), &args.place).await?;
    println!("epoch {} has begun; {sessions_ended} sessions have ended", epoch.number);
    println!("requests from before are refused; nothing is paid out to the bank for a day");
    Ok(ExitCode::SUCCESS)
}

/// Where books are while they are restored, in the folder that they are for.
const APART: &str = "restoring";

/// What [`run`] does.
///
/// # Errors
/// See [`run`].
pub async fn restore(from: Option<&Path>, place: &Place) -> Result<Begun, Fault> {
    let Some(from) = from else {
        // Where the database's own tools have restored nothing, new and empty books would look like restored ones.
        if place.open().await?.are_empty().await? {
            return Err("there are no books there: nothing was restored yet".into());
        }
        return renewed(place).await;
    };
    let folder = place.folder()?;
    make_folder(folder)?;
    let books = folder.join(FILE);
    if books.exists() {
        return Err(format!("{}: exists; it is never overwritten", books.display()).into());
    }
    // Until they are known to be true and an epoch has begun in them, no server must find them.
    let apart = folder.join(APART);
    if apart.exists() {
        remove_dir_all(&apart)?;
    }
    make_folder(&apart)?;
    let begun = restore_apart(from, &apart, &books).await;
    remove_dir_all(&apart)?;
    begun
}

async fn restore_apart(from: &Path, apart: &Path, books: &Path) -> Result<Begun, Fault> {
    sqlite::copy(from, &apart.join(FILE))?;
    let begun = renewed(&Place::in_folder(apart)).await?;
    sqlite::copy(&apart.join(FILE), books)?;
    Ok(begun)
}

/// Brings books up to date, and begins an epoch in them.
async fn renewed(place: &Place) -> Result<Begun, Fault> {
    let store = place.open().await?;
    sound(place).await?;
    let begun = epoch::begin(&*store, now()).await?;
    drop(store);
    sound(place).await?;
    Ok(begun)
}

async fn sound(place: &Place) -> Result<(), StoreError> {
    let lies = audit(&*place.books()?).await?.lies;
    match lies.first() {
        None => Ok(()),
        Some(lie) => Err(StoreError::Failed(format!("{} rows are not true, the first: {lie}", lies.len()))),
    }
}
