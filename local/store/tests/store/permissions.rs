//! Another user of the machine cannot read the traces.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::json;
use xray_local_store::Store;

use crate::documents::{put, segment};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// The files of the database and their modes.
fn files(directory: &Path) -> Vec<(String, u32)> {
    let mut files: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("traces."))
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, mode(&entry.path()))
        })
        .collect();
    files.sort();
    files
}

fn private_files() -> Vec<(String, u32)> {
    ["traces.sqlite", "traces.sqlite-shm", "traces.sqlite-wal"]
        .map(|name| (name.to_owned(), 0o600))
        .into()
}

#[test]
fn a_new_directory_and_its_files_are_readable_by_their_owner_only() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("xray-local").join("traces");
    let store = Store::open(&directory).unwrap();
    put(&store, &[segment(1, 0.0, 1.0, json!({}))]);
    assert_eq!(mode(&directory), 0o700);
    assert_eq!(mode(directory.parent().unwrap()), 0o700);
    assert_eq!(files(&directory), private_files());
}

#[test]
fn an_existing_store_is_restricted_when_it_is_opened() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    drop(Store::open(directory).unwrap());
    let open_to_all = |path: &Path, mode| {
        std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    };
    open_to_all(directory, 0o755);
    open_to_all(&directory.join("traces.sqlite"), 0o644);
    let store = Store::open(directory).unwrap();
    put(&store, &[segment(1, 0.0, 1.0, json!({}))]);
    assert_eq!(mode(directory), 0o700);
    assert_eq!(files(directory), private_files());
}

#[test]
fn a_directory_with_other_files_keeps_its_mode() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    std::fs::set_permissions(directory, Permissions::from_mode(0o755)).unwrap();
    std::fs::write(directory.join("template.yaml"), "").unwrap();
    let store = Store::open(directory).unwrap();
    put(&store, &[segment(1, 0.0, 1.0, json!({}))]);
    assert_eq!(mode(directory), 0o755);
    assert_eq!(files(directory), private_files());
}
