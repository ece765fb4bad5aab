//! Only the user who runs `xray-local` may read the traces: they hold the payloads, URLs and
//! queries of the functions.

use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

const DIRECTORY_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// SQLite's files beside the database. SQLite creates them with the database's mode.
const SUFFIXES: [&str; 3] = ["", "-wal", "-shm"];

/// Creates the directory for its owner only, unless it exists.
///
/// # Errors
/// The directory cannot be created.
pub(super) fn create_directory(directory: &Path) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(DIRECTORY_MODE)
        .create(directory)
}

/// Restricts an existing directory to its owner if it holds nothing but the database. A
/// directory with other files belongs to the user and stays as it is.
///
/// # Errors
/// The directory cannot be read.
pub(super) fn restrict_directory(directory: &Path, database: &str) -> io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let name = entry?.file_name();
        let own = SUFFIXES
            .iter()
            .any(|suffix| name.to_str() == Some(&format!("{database}{suffix}")));
        if !own {
            return Ok(());
        }
    }
    restrict(directory, DIRECTORY_MODE);
    Ok(())
}

/// Creates the database file for its owner only, or restricts the existing files.
///
/// # Errors
/// The file cannot be created, or an existing one cannot be written.
pub(super) fn restrict_files(path: &Path) -> io::Result<()> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(FILE_MODE)
        .open(path)?;
    for suffix in SUFFIXES {
        let mut file = path.as_os_str().to_owned();
        file.push(suffix);
        restrict(Path::new(&file), FILE_MODE);
    }
    Ok(())
}

/// Sets the mode. Only the owner can, so a directory that users share on purpose still works.
fn restrict(path: &Path, mode: u32) {
    let _ = std::fs::set_permissions(path, Permissions::from_mode(mode));
}
