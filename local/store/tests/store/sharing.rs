use std::error::Error;
use std::time::Duration;

use serde_json::json;
use xray_document::limits::RETENTION_SECONDS;
use xray_document::{Timestamp, TraceId};
use xray_local_store::{Store, SummaryQuery, TimeRange};

use crate::documents::{EPOCH, in_progress, put, segment, shape, subsegment, trace_id, trace_of};

fn ids(store: &Store) -> Vec<TraceId> {
    let query = SummaryQuery {
        start: Timestamp::from_micros(0),
        end: Timestamp::now() + Duration::from_secs(3600),
        range: TimeRange::TraceId,
        limit: 100,
        after: None,
    };
    store
        .summaries(&query)
        .unwrap()
        .summaries
        .into_iter()
        .map(|summary| summary.id)
        .collect()
}

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
    assert_eq!(ids(&store), [trace_id()]);
}

#[test]
fn two_stores_on_one_directory_see_each_others_documents() {
    let directory = tempfile::tempdir().unwrap();
    let one = Store::open(directory.path()).unwrap();
    let other = Store::open(directory.path()).unwrap();
    put(&one, &[in_progress(segment(1, 0.0, 0.0, json!({})))]);
    assert_eq!(shape(&trace_of(&other)), "1");
    assert_eq!(ids(&other), [trace_id()]);
    assert!(other.summary(trace_id()).unwrap().unwrap().is_partial);
    put(
        &other,
        &[
            segment(1, 0.0, 1.0, json!({})),
            subsegment(2, 1, 0.1, 0.2, json!({})),
        ],
    );
    assert_eq!(shape(&trace_of(&one)), "1(2)");
    assert!(!one.summary(trace_id()).unwrap().unwrap().is_partial);
    // `other` wrote the complete document; `one` must ignore an in-progress version too.
    put(&one, &[in_progress(segment(1, 0.0, 0.0, json!({})))]);
    assert!(!other.summary(trace_id()).unwrap().unwrap().is_partial);
}

#[test]
fn concurrent_readers_and_writers_lose_nothing_and_see_whole_traces() {
    const ROUNDS: u64 = 40;
    let directory = tempfile::tempdir().unwrap();
    let stores = [
        Store::open(directory.path()).unwrap(),
        Store::open(directory.path()).unwrap(),
    ];
    put(&stores[0], &[segment(1, 0.0, 1.0, json!({}))]);
    std::thread::scope(|scope| {
        for writer in 0..4_u64 {
            let store = &stores[writer as usize % 2];
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let n = 2 + writer * ROUNDS + round;
                    let early = in_progress(subsegment(n, 1, 0.1, 0.0, json!({})));
                    assert_eq!(put(store, &[early]), [Ok(())]);
                    assert_eq!(
                        put(store, &[subsegment(n, 1, 0.1, 0.2, json!({}))]),
                        [Ok(())]
                    );
                }
            });
        }
        for store in &stores {
            scope.spawn(move || {
                for _ in 0..ROUNDS {
                    let shape = shape(&trace_of(store));
                    assert!(shape.starts_with('1') && !shape.contains('?'), "{shape}");
                }
            });
        }
    });
    for store in &stores {
        assert_eq!(
            shape(&trace_of(store)).split(' ').count() as u64,
            4 * ROUNDS
        );
        assert!(!store.summary(trace_id()).unwrap().unwrap().is_partial);
    }
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
    let recent = "1-6750a1b3-00112233445566778899aabb";
    put(&store, &[segment(3, 0.0, 1.0, json!({"trace_id": recent}))]);
    drop(store);
    let path = directory.path().join("traces.sqlite");
    let database = rusqlite::Connection::open(&path).unwrap();
    let age = RETENTION_SECONDS.cast_signed() * 1_000_000;
    let aged = database
        .execute(
            "UPDATE documents SET received = received - ?1 - 1 WHERE id IN (1, 2)",
            [age],
        )
        .unwrap();
    assert_eq!(aged, 2);
    drop(database);

    let store = Store::open(directory.path()).unwrap();
    assert_eq!(ids(&store), [recent.parse().unwrap()]);
    assert!(store.traces(&[trace_id()]).unwrap().is_empty());
    let database = rusqlite::Connection::open(&path).unwrap();
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
    let database = rusqlite::Connection::open(&path).unwrap();
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
fn the_time_of_a_trace_is_the_time_in_its_id() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    put(&store, &[segment(1, 0.25, 1.0, json!({}))]);
    let found = |from: f64, to: f64| {
        let at = |seconds: f64| Timestamp::from_seconds(EPOCH + seconds).unwrap();
        let (start, end) = (at(from), at(to));
        let query = SummaryQuery {
            start,
            end,
            range: TimeRange::TraceId,
            limit: 1,
            after: None,
        };
        store.summaries(&query).unwrap().summaries.len()
    };
    assert_eq!(found(0.0, 1.0), 1);
    assert_eq!(
        found(0.25, 0.3),
        1,
        "the start refines the second in the id"
    );
    assert_eq!(found(0.0, 0.25), 0, "the end is exclusive");
    assert_eq!(found(1.0, 9.0), 0);
}
