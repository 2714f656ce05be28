//! A disk under SQLite that fails on demand, and that forgets or tears what was not written when the power goes.
//!
//! It stands between SQLite and its own `unix` disk, for the whole process. Beside each file it keeps what a power cut
//! would leave of it: what was written becomes part of that with the next sync that succeeds. A sync that fails does what
//! Linux does: what was to be written is dropped, the cache says that it is clean, and the next sync succeeds without it.
//! Whoever trusts the cache after that loses data when the power goes.

mod shim;

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// The disk of this process.
static DISK: LazyLock<Mutex<Disk>> = LazyLock::new(Mutex::default);

/// When files were last written that a new process finds.
const LONG_AGO: SystemTime = SystemTime::UNIX_EPOCH;

/// What may fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Bytes go to a file; where it fails, half of them have arrived.
    Write,
    /// What was written is to be on the disk.
    Sync,
}

/// What becomes of writes that were not synced when the power goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsynced {
    /// They are gone.
    Lost,
    /// Every second of them is gone, and of the last half has arrived.
    Torn,
}

/// Operations that are to fail.
#[derive(Clone, Debug)]
struct Fault {
    /// Of which file, or of which folder's files.
    place: PathBuf,
    operation: Operation,
    /// How many go well before.
    after: u32,
    /// How many fail in a row.
    times: u32,
}

/// All files, by name.
#[derive(Default)]
struct Disk {
    files: HashMap<PathBuf, Kept>,
    fault: Option<Fault>,
    failed: u32,
}

/// What is kept of a file.
#[derive(Clone, Default)]
struct Kept {
    /// What a power cut would leave.
    durable: Vec<u8>,
    /// What was done since, in order.
    pending: Vec<Step>,
}

/// Something that is done to a file.
#[derive(Clone)]
enum Step {
    Write(usize, Vec<u8>),
    Truncate(usize),
}

impl Kept {
    /// What is left of the file when the power goes.
    fn left(&self, unsynced: Unsynced) -> Vec<u8> {
        let mut left = self.durable.clone();
        if let (Unsynced::Torn, Some((last, before))) = (unsynced, self.pending.split_last()) {
            before.iter().step_by(2).for_each(|step| step.clone().reach(&mut left));
            last.clone().torn().reach(&mut left);
        }
        left
    }
}

impl Step {
    /// It is done to what is on the disk.
    fn reach(self, durable: &mut Vec<u8>) {
        match self {
            Self::Write(at, bytes) => {
                durable.resize(durable.len().max(at + bytes.len()), 0);
                durable[at..at + bytes.len()].copy_from_slice(&bytes);
            }
            Self::Truncate(size) => durable.truncate(size),
        }
    }

    /// The first half of what it writes.
    fn torn(self) -> Self {
        match self {
            Self::Write(at, mut bytes) => {
                bytes.truncate(bytes.len() / 2);
                Self::Write(at, bytes)
            }
            Self::Truncate(size) => Self::Truncate(size),
        }
    }
}

/// Puts the disk under every store that this process opens from now on. Once is enough.
///
/// # Panics
/// SQLite does not take it.
pub fn install() {
    shim::register();
}

/// Lets `times` operations in a row on a file, or on the files of a folder, fail after so many more that go well.
pub fn fail(place: &Path, operation: Operation, after: u32, times: u32) {
    let mut disk = disk();
    (disk.fault, disk.failed) = (Some(Fault { place: place.to_owned(), operation, after, times }), 0);
}

/// Lets nothing fail any more; yields how many operations have failed.
pub fn mend() -> u32 {
    let mut disk = disk();
    disk.fault = None;
    std::mem::take(&mut disk.failed)
}

/// Copies what a power cut would leave now of the files of a folder into another folder. Yields how many files had writes that
/// were not synced.
///
/// # Errors
/// The other folder cannot be written.
pub fn cut_power(folder: &Path, to: &Path, unsynced: Unsynced) -> io::Result<usize> {
    let mut files = 0;
    for (path, kept) in &disk().files {
        let name = path.file_name().filter(|_| path.parent() == Some(folder));
        let left = kept.left(unsynced);
        if let Some(name) = name.filter(|_| !left.is_empty()) {
            std::fs::write(to.join(name), left)?;
            files += usize::from(!kept.pending.is_empty());
        }
    }
    Ok(files)
}

/// Copies the files of a folder into another as a process finds them whose predecessor was killed: the cache shows all
/// that was written, and what a power cut would leave stays what it was.
///
/// # Errors
/// A file cannot be read, or not written.
pub fn kill(folder: &Path, to: &Path) -> io::Result<()> {
    let mut disk = disk();
    let here = disk.files.iter().filter(|(path, _)| path.parent() == Some(folder));
    let mut copies = Vec::new();
    for (path, kept) in here {
        let copy = to.join(path.file_name().unwrap_or_default());
        std::fs::copy(path, &copy)?;
        File::options().write(true).open(&copy)?.set_modified(LONG_AGO)?;
        copies.push((copy, kept.clone()));
    }
    disk.files.extend(copies);
    Ok(())
}

/// Takes note of files that were written past SQLite since [`kill`] made them: what was written so is on the disk. Yields
/// how many those are.
///
/// # Errors
/// A file cannot be read.
pub fn take_note(folder: &Path) -> io::Result<usize> {
    let mut disk = disk();
    let mut written = 0;
    for (path, kept) in disk.files.iter_mut().filter(|(path, _)| path.parent() == Some(folder)) {
        if std::fs::metadata(path)?.modified()? != LONG_AGO {
            *kept = Kept { durable: std::fs::read(path)?, pending: Vec::new() };
            written += 1;
        }
    }
    Ok(written)
}

fn disk() -> MutexGuard<'static, Disk> {
    DISK.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Disk {
    /// Whether this operation on a file fails.
    fn strikes(&mut self, path: &Path, operation: Operation) -> bool {
        let places = [Some(path), path.parent()];
        let here = |fault: &&mut Fault| fault.operation == operation && places.contains(&Some(&*fault.place));
        let Some(fault) = self.fault.as_mut().filter(here) else { return false };
        if fault.after > 0 {
            fault.after -= 1;
            return false;
        }
        let strikes = fault.times > 0;
        fault.times = fault.times.saturating_sub(1);
        self.failed += u32::from(strikes);
        strikes
    }

    fn kept(&mut self, path: &Path) -> &mut Kept {
        self.files.entry(path.to_owned()).or_default()
    }

    fn wrote(&mut self, path: &Path, at: usize, bytes: &[u8]) {
        self.kept(path).pending.push(Step::Write(at, bytes.to_vec()));
    }

    fn truncated(&mut self, path: &Path, size: usize) {
        self.kept(path).pending.push(Step::Truncate(size));
    }

    fn synced(&mut self, path: &Path) {
        let Kept { durable, pending } = self.kept(path);
        pending.drain(..).for_each(|step| step.reach(durable));
    }

    /// A sync failed: what was to be written never will be.
    fn dropped(&mut self, path: &Path) {
        self.kept(path).pending.clear();
    }

    fn deleted(&mut self, path: &Path) {
        self.files.remove(path);
    }
}
