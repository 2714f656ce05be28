//! The C side: SQLite's own `unix` disk, of which two functions are ours, and four of those of its files. A file stays
//! what it was; its table of functions is a copy of its own with ours in it, and ours call those of the original.

use std::collections::HashMap;
use std::ffi::{CStr, OsStr, c_char, c_int, c_void};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex, MutexGuard, Once, OnceLock, PoisonError};

use rusqlite::ffi;

use super::{Operation, disk};

/// The functions of a kind of file; SQLite's own live as long as the process.
type Methods = &'static ffi::sqlite3_io_methods;
/// How a disk deletes.
type Delete = unsafe extern "C" fn(*mut ffi::sqlite3_vfs, *const c_char, c_int) -> c_int;
/// How a disk opens.
type Open =
    unsafe extern "C" fn(*mut ffi::sqlite3_vfs, *const c_char, *mut ffi::sqlite3_file, c_int, *mut c_int) -> c_int;

/// An open file.
#[derive(Clone)]
struct Opened {
    /// Nothing for temporary ones.
    path: Option<PathBuf>,
    original: Methods,
}

/// The original disk's way to delete.
static DELETE: OnceLock<Delete> = OnceLock::new();
/// The original disk's way to open.
static OPEN: OnceLock<Open> = OnceLock::new();
/// Open files, by address.
static OPENED: LazyLock<Mutex<HashMap<usize, Opened>>> = LazyLock::new(Mutex::default);
/// Our table of functions for each of the original's (files that are locked have others than those that are not).
static OURS: LazyLock<Mutex<HashMap<usize, Methods>>> = LazyLock::new(Mutex::default);

/// Registers the disk as the one to use where none is named.
pub fn register() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: SQLite's default disk exists as long as the process does; a copy of its table is a disk of its own once
        // it has a name of its own, and is leaked, so that it lives as long.
        let registered = unsafe {
            let original = ffi::sqlite3_vfs_find(std::ptr::null());
            assert!(!original.is_null(), "SQLite has a disk");
            let mut ours = *original;
            OPEN.get_or_init(|| ours.xOpen.expect("a disk opens files"));
            DELETE.get_or_init(|| ours.xDelete.expect("a disk deletes files"));
            (ours.zName, ours.pNext) = (c"faulty".as_ptr(), std::ptr::null_mut());
            ours.xOpen = Some(open);
            ours.xDelete = Some(delete);
            ffi::sqlite3_vfs_register(Box::leak(Box::new(ours)), 1)
        };
        assert_eq!(registered, ffi::SQLITE_OK, "SQLite takes the disk");
    });
}

fn locked<T>(what: &'static Mutex<T>) -> MutexGuard<'static, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is known of a file whose functions are ours.
fn opened(file: *mut ffi::sqlite3_file) -> Opened {
    locked(&OPENED).get(&(file as usize)).cloned().expect("SQLite works on files that it has opened")
}

/// The original's functions with ours in their place.
fn with_ours(original: Methods) -> Methods {
    let ours = || {
        let methods = ffi::sqlite3_io_methods {
            xClose: Some(close),
            xWrite: Some(write),
            xTruncate: Some(truncate),
            xSync: Some(sync),
            ..*original
        };
        &*Box::leak(Box::new(methods))
    };
    locked(&OURS).entry(std::ptr::from_ref(original) as usize).or_insert_with(ours)
}

/// # Safety
/// A name of SQLite's: zero-terminated, or null.
unsafe fn path(name: *const c_char) -> Option<PathBuf> {
    // SAFETY: as the caller promises.
    let name = unsafe { (!name.is_null()).then(|| CStr::from_ptr(name)) }?;
    Some(OsStr::from_bytes(name.to_bytes()).into())
}

unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    let real = OPEN.get().expect("set before the disk is registered");
    // SAFETY: SQLite's own arguments, handed on; our disk is a copy of the original, and its files are as large.
    let code = unsafe { real(vfs, name, file, flags, out) };
    if code == ffi::SQLITE_OK {
        // SAFETY: the file was opened just now, so its functions are there; the name is SQLite's own.
        let (original, path) = unsafe { (&*(*file).pMethods, path(name)) };
        locked(&OPENED).insert(file as usize, Opened { path, original });
        // SAFETY: as above.
        unsafe { (*file).pMethods = with_ours(original) };
    }
    code
}

unsafe extern "C" fn delete(vfs: *mut ffi::sqlite3_vfs, name: *const c_char, sync_folder: c_int) -> c_int {
    let real = DELETE.get().expect("set before the disk is registered");
    // SAFETY: SQLite's own arguments, handed on.
    let (code, path) = unsafe { (real(vfs, name, sync_folder), path(name)) };
    if let Some(path) = path.filter(|_| code == ffi::SQLITE_OK) {
        disk().deleted(&path);
    }
    code
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    let Opened { original, .. } = opened(file);
    locked(&OPENED).remove(&(file as usize));
    // SAFETY: SQLite's own argument, handed on.
    unsafe { original.xClose.expect("files close")(file) }
}

unsafe extern "C" fn write(file: *mut ffi::sqlite3_file, bytes: *const c_void, count: c_int, at: i64) -> c_int {
    let Opened { path, original } = opened(file);
    let write = original.xWrite.expect("files are written");
    let (Some(path), Ok(length), Ok(place)) = (path, usize::try_from(count), usize::try_from(at)) else {
        // SAFETY: SQLite's own arguments, handed on.
        return unsafe { write(file, bytes, count, at) };
    };
    let mut disk = disk();
    let fails = disk.strikes(&path, Operation::Write);
    let length = if fails { length / 2 } else { length };
    let count = c_int::try_from(length).expect("no more than was asked");
    // SAFETY: SQLite's own arguments, handed on, or the first half of them.
    let code = unsafe { write(file, bytes, count, at) };
    if code == ffi::SQLITE_OK {
        // SAFETY: SQLite gives so many bytes at least.
        disk.wrote(&path, place, unsafe { std::slice::from_raw_parts(bytes.cast::<u8>(), length) });
    }
    if fails { ffi::SQLITE_IOERR_WRITE } else { code }
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, size: i64) -> c_int {
    let Opened { path, original } = opened(file);
    // SAFETY: SQLite's own arguments, handed on.
    let code = unsafe { original.xTruncate.expect("files are cut")(file, size) };
    if let (Some(path), Ok(size), ffi::SQLITE_OK) = (path, usize::try_from(size), code) {
        disk().truncated(&path, size);
    }
    code
}

/// Nothing is synced in earnest: the power of this disk is cut in memory.
unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, _: c_int) -> c_int {
    let Some(path) = opened(file).path else { return ffi::SQLITE_OK };
    let mut disk = disk();
    if disk.strikes(&path, Operation::Sync) {
        disk.dropped(&path);
        return ffi::SQLITE_IOERR_FSYNC;
    }
    disk.synced(&path);
    ffi::SQLITE_OK
}
