//! Folders: emptied, copied, packed; always in the same order, so that the same files give the same bytes.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use zip::{CompressionMethod, DateTime, ZipWriter, write::SimpleFileOptions};

/// Makes `folder` an empty one.
///
/// # Errors
///
/// If the file system does.
pub fn empty(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())
}

/// Puts `new` in the place of `old`.
///
/// # Errors
///
/// If the file system does.
pub fn replace(old: &Path, new: &Path) -> Result<()> {
    if old.exists() {
        fs::remove_dir_all(old).with_context(|| old.display().to_string())?;
    }
    fs::rename(new, old).with_context(|| old.display().to_string())
}

/// Copies the files under `from`, if it exists, to the same places under `to`.
///
/// # Errors
///
/// If the file system does.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    if !from.exists() {
        return Ok(());
    }
    for file in files(from)? {
        let target = to.join(&file);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::copy(from.join(&file), &target).with_context(|| target.display().to_string())?;
    }
    Ok(())
}

/// Packs the files under `folder` into a zip file.
///
/// # Errors
///
/// If the file system does.
pub fn pack(folder: &Path, zip: &Path) -> Result<()> {
    const BEST: i64 = 9;
    // The time of building must not show: a fixed one, the first that the format can hold.
    let options = SimpleFileOptions::default().last_modified_time(DateTime::default()).unix_permissions(0o644);
    let options = options.compression_method(CompressionMethod::Deflated).compression_level(Some(BEST));
    let mut writer = ZipWriter::new(fs::File::create(zip)?);
    for file in files(folder)? {
        writer.start_file(file.to_string_lossy(), options)?;
        writer.write_all(&fs::read(folder.join(&file))?)?;
    }
    writer.finish()?;
    Ok(())
}

/// The files under `folder`, as paths from there, sorted. Names that begin with a dot are left out.
///
/// # Errors
///
/// If the file system does.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    collect(folder, Path::new(""), &mut found)?;
    found.sort();
    Ok(found)
}

fn collect(folder: &Path, prefix: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let name = prefix.join(entry.file_name());
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &name, found)?;
        } else {
            found.push(name);
        }
    }
    Ok(())
}
