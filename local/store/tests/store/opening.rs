use std::error::Error;
use std::fs::{Permissions, read_dir, set_permissions};
use std::os::unix::fs::PermissionsExt;

use rusqlite::Connection;
use serde_json::json;
use xray_document::limits::RETENTION_SECONDS;
use xray_local_store::Store;

use crate::documents::{put, segment, shape, subsegment, trace_id, trace_ids, trace_of};

#[test]
fn traces_survive_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let nested = directory.path().join("not/there/yet");
    let store = Store::open(&nested).unwrap();
    put(
        &store,
        &[
            segment(1, 0.0, 1.0, json!({})),
            subsegment(2, 1, 0.1, 0.2, json!({})),
        ],
    );
    drop(store);
    let store = Store::open(&nested).unwrap();
    assert_eq!(shape(&trace_of(&store)), "1(2)");
    assert_eq!(trace_ids(&store), [trace_id()]);
}

#[test]
fn traces_beyond_the_retention_are_removed_at_the_next_start() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    put(
        &store,
        &[
            segment(1, 0.0, 1.0, json!({})),
            segment(2, 0.0, 1.0, json!({})),
        ],
    );
    let kept = "1-6750a1b3-00112233445566778899aabb";
    put(&store, &[segment(3, 0.0, 1.0, json!({"trace_id": kept}))]);
    drop(store);
    let path = directory.path().join("traces.sqlite");
    let database = Connection::open(&path).unwrap();
    let age = RETENTION_SECONDS.cast_signed() * 1_000_000;
    // The documents 1 and 2 are the whole of the first trace; the kept trace has document 3.
    let aged = database
        .execute(
            "UPDATE documents SET received = received - ?1 - 1 WHERE id IN (1, 2)",
            [age],
        )
        .unwrap();
    assert_eq!(aged, 2);
    drop(database);

    let store = Store::open(directory.path()).unwrap();
    assert_eq!(trace_ids(&store), [kept.parse().unwrap()]);
    assert!(store.traces(&[trace_id()]).unwrap().is_empty());
    let database = Connection::open(&path).unwrap();
    let left: i64 = database
        .query_row("SELECT count(*) FROM bodies", [], |row| row.get(0))
        .unwrap();
    assert_eq!(left, 1);
}

#[test]
fn a_database_of_a_newer_version_is_an_error_that_suggests_a_remedy() {
    let directory = tempfile::tempdir().unwrap();
    drop(Store::open(directory.path()).unwrap());
    let path = directory.path().join("traces.sqlite");
    let database = Connection::open(&path).unwrap();
    database.pragma_update(None, "user_version", 99).unwrap();
    let error = Store::open(directory.path()).unwrap_err().to_string();
    assert!(
        error.contains("schema 99") && error.contains("--data"),
        "{error}"
    );
    assert!(error.contains(&path.display().to_string()), "{error}");
}

#[test]
fn a_file_that_is_not_a_database_is_an_error_that_names_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("traces.sqlite");
    std::fs::write(
        &path,
        "not a database, but long enough to be taken for one. ".repeat(40),
    )
    .unwrap();
    let error = Store::open(directory.path()).unwrap_err();
    assert!(
        error.to_string().contains(&path.display().to_string()),
        "{error}"
    );
    assert!(error.source().is_some());
}

#[test]
fn a_directory_that_cannot_be_created_is_an_error_that_names_it() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = Store::open(&file.join("below")).unwrap_err().to_string();
    assert!(
        error.contains("file/below") && error.contains("--data"),
        "{error}"
    );
}

#[test]
fn an_existing_directory_that_cannot_be_read_is_an_error_that_says_so() {
    let directory = tempfile::tempdir().unwrap();
    set_permissions(directory.path(), Permissions::from_mode(0o300)).unwrap();
    if read_dir(directory.path()).is_ok() {
        // Root can read every directory.
        return;
    }
    let error = Store::open(directory.path()).unwrap_err().to_string();
    set_permissions(directory.path(), Permissions::from_mode(0o700)).unwrap();
    let start = format!("cannot read {}", directory.path().display());
    assert!(error.starts_with(&start), "{error}");
}

#[test]
fn the_cause_of_an_error_is_its_source_and_in_the_alternate_form_of_its_message() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = Store::open(&file.join("below")).unwrap_err();
    let cause = error.source().unwrap().to_string();
    assert!(!error.to_string().contains(&cause), "{error}");
    assert_eq!(format!("{error:#}"), format!("{error}: {cause}"));
}
