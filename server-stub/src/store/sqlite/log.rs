//! The write-ahead log after a sync that failed.
//!
//! Where a sync fails, Linux drops what was to be written and calls the cache clean: what is read from then on is what the
//! disk does not have, and the next sync succeeds without writing it. As long as the process lives, this does no harm: the
//! log's index knows nothing of a commit that failed, and the next commit writes over it. But whoever opens the log after a
//! kill finds that commit whole in the cache, takes it for done, and after a power cut it is gone; worse, pages of it that
//! were written home meanwhile do not fit the shorter log that the disk has. So whoever opens the books to write them
//! writes the log's bytes anew, which makes the cache write them, and syncs.

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::super::StoreError;
use super::{fault, with_ending};

/// How much is written at once, bytes.
const PIECE: usize = 1 << 20;

/// Writes the log of the books at a path anew, and syncs it. Nobody else writes in it meanwhile.
///
/// # Errors
/// It cannot be read or written: then the books must not be written either.
pub fn write_anew(connection: &mut Connection, books: &Path) -> Result<(), StoreError> {
    let held = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let log = with_ending(books, "-wal");
    let written = match OpenOptions::new().read(true).write(true).open(&log) {
        Ok(file) => copy_onto_itself(&file),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    };
    written.map_err(|error| fault(&log, &error))?;
    Ok(held.rollback()?)
}

fn copy_onto_itself(file: &File) -> Result<(), Error> {
    let (mut piece, mut at) = (vec![0; PIECE], 0);
    loop {
        let read = file.read_at(&mut piece, at)?;
        if read == 0 {
            return file.sync_all();
        }
        file.write_all_at(&piece[..read], at)?;
        at += read as u64;
    }
}
