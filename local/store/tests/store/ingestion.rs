use serde_json::{Value, json};
use xray_document::limits::MAX_TRACE_BYTES;
use xray_document::{Document, ErrorCode, Segment, SegmentId, Timestamp};
use xray_local_store::{Store, TRACE_SIZE_EXCEEDED, Trace};

use crate::documents::{
    id, in_progress, nth, put, segment, shape, store_of, subsegment, trace_id, trace_of,
};

fn annotation(trace: &Trace, key: &str) -> Value {
    let json: Value = serde_json::from_str(&trace.segments[0].json()).unwrap();
    json["annotations"][key].clone()
}

#[test]
fn each_document_gets_its_own_result_in_order() {
    let store = Store::in_memory().unwrap();
    let good = segment(1, 0.0, 1.0, json!({})).to_string();
    let nameless =
        json!({"id": nth(2), "trace_id": "1-6750a1b2-00112233445566778899aabb"}).to_string();
    let results = store
        .put_json(&["not JSON", &good, "[]", &nameless])
        .unwrap();
    let codes: Vec<_> = results
        .iter()
        .map(|t| t.as_ref().map_err(|e| (e.code, e.id)))
        .collect();
    assert_eq!(
        codes,
        [
            Err((ErrorCode::ParseError, None)),
            Ok(&()),
            Err((ErrorCode::MissingId, None)),
            Err((ErrorCode::MissingName, Some(id(&nth(2))))),
        ]
    );
    assert_eq!(shape(&trace_of(&store)), "1");
}

#[test]
fn a_complete_document_replaces_an_in_progress_one_but_not_the_reverse() {
    let store = Store::in_memory().unwrap();
    let state = |state: &str| json!({"annotations": {"state": state}});
    put(&store, &[in_progress(segment(1, 0.0, 0.0, state("early")))]);
    assert_eq!(annotation(&trace_of(&store), "state"), "early");
    put(&store, &[segment(1, 0.0, 1.0, state("done"))]);
    assert_eq!(annotation(&trace_of(&store), "state"), "done");
    let late = put(&store, &[in_progress(segment(1, 0.0, 0.0, state("late")))]);
    assert_eq!(late, [Ok(())], "accepted, but ignored");
    assert_eq!(annotation(&trace_of(&store), "state"), "done");
    put(&store, &[segment(1, 0.0, 1.0, state("again"))]);
    assert_eq!(annotation(&trace_of(&store), "state"), "again");
    assert_eq!(trace_of(&store).segments.len(), 1);
}

#[test]
fn a_document_sent_twice_is_stored_once() {
    let twice = [
        segment(1, 0.0, 1.0, json!({})),
        segment(1, 0.0, 1.0, json!({})),
    ];
    assert_eq!(shape(&trace_of(&store_of(&twice))), "1");
}

#[test]
fn a_trace_at_its_size_limit_rejects_documents_and_reports_limit_exceeded() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let large = |n| {
        segment(
            n,
            0.0,
            1.0,
            json!({"metadata": {"d": {"x": "x".repeat(60_000)}}}),
        )
    };
    let fit = MAX_TRACE_BYTES as u64 / 60_300;
    for n in 1..=fit {
        assert_eq!(put(&store, &[large(n)]), [Ok(())]);
    }
    assert!(!trace_of(&store).limit_exceeded);
    let rejected = put(&store, &[large(fit + 1)]).pop().unwrap().unwrap_err();
    assert_eq!(rejected.code, ErrorCode::InvalidSegment);
    assert_eq!(rejected.detail, TRACE_SIZE_EXCEEDED);
    assert_eq!(rejected.id, Some(id(&nth(fit + 1))));
    assert!(trace_of(&store).limit_exceeded);
    // A replacement does not make the trace larger.
    assert_eq!(put(&store, &[large(1)]), [Ok(())]);
    drop(store);
    let store = Store::open(directory.path()).unwrap();
    assert!(trace_of(&store).limit_exceeded, "after a restart, too");
    assert_eq!(trace_of(&store).segments.len() as u64, fit);
}

#[test]
fn put_stores_built_documents_and_rejects_incomplete_ones() {
    let store = Store::in_memory().unwrap();
    let start = Timestamp::from_micros(1_733_337_522_000_000);
    let segment = Segment::new("api/Prod", trace_id(), SegmentId::from_u64(7), start);
    let orphan = xray_document::Subsegment::new("step", SegmentId::from_u64(8), start);
    let results = store
        .put(&[
            Document::Segment(Box::new(segment)),
            Document::Subsegment(Box::new(orphan)),
        ])
        .unwrap();
    assert_eq!(results[0], Ok(()));
    assert_eq!(
        results[1].as_ref().unwrap_err().code,
        ErrorCode::MissingTraceId
    );
    assert_eq!(shape(&trace_of(&store)), "7");
}

#[test]
fn documents_are_stored_unchanged() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let text = r#" {"name":"a", "id":"0000000000000001","trace_id":"1-6750a1b2-00112233445566778899aabb","start_time":1.7333375221234567E9,"end_time":1733337523,"Unknown":[1 ,2]}"#;
    assert_eq!(store.put_json(&[text]).unwrap(), [Ok(())]);
    drop(store);
    let database = rusqlite::Connection::open(directory.path().join("traces.sqlite")).unwrap();
    let stored: String = database
        .query_row("SELECT json FROM bodies", [], |row| row.get(0))
        .unwrap();
    assert_eq!(stored, text);
}

#[test]
fn telemetry_records_are_stored() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    store
        .put_telemetry(r#"{"Timestamp":1733337522,"SegmentsSentCount":3}"#)
        .unwrap();
    drop(store);
    let database = rusqlite::Connection::open(directory.path().join("traces.sqlite")).unwrap();
    let stored: String = database
        .query_row("SELECT json FROM telemetry", [], |row| row.get(0))
        .unwrap();
    assert!(stored.contains("SegmentsSentCount"), "{stored}");
}

#[test]
fn the_revision_grows_with_each_document_and_survives_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let revision = |store: &Store| store.summary(trace_id()).unwrap().unwrap().revision;
    put(&store, &[in_progress(segment(1, 0.0, 0.0, json!({})))]);
    let first = revision(&store);
    put(&store, &[segment(1, 0.0, 1.0, json!({}))]);
    let second = revision(&store);
    put(&store, &[subsegment(2, 1, 0.0, 1.0, json!({}))]);
    let third = revision(&store);
    assert!(first < second && second < third, "{first} {second} {third}");
    drop(store);
    assert_eq!(revision(&Store::open(directory.path()).unwrap()), third);
}

#[test]
fn a_failed_write_stores_nothing_and_the_next_write_works() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    put(&store, &[segment(1, 0.0, 1.0, json!({}))]);
    // The trigger stands in for a full disk: it rejects the third document of the batch.
    let database = rusqlite::Connection::open(directory.path().join("traces.sqlite")).unwrap();
    database
        .execute_batch(
            "CREATE TRIGGER full BEFORE INSERT ON documents WHEN NEW.id = 4
             BEGIN SELECT RAISE(ABORT, 'the disk is full'); END",
        )
        .unwrap();
    let batch: Vec<String> = (2..=4)
        .map(|n| subsegment(n, 1, 0.1, 0.2, json!({})).to_string())
        .collect();
    let batch: Vec<&str> = batch.iter().map(String::as_str).collect();
    let error = format!("{:#}", store.put_json(&batch).unwrap_err());
    assert!(
        error.contains("the disk is full") && error.contains("traces.sqlite"),
        "{error}"
    );
    assert_eq!(shape(&trace_of(&store)), "1");

    database.execute_batch("DROP TRIGGER full").unwrap();
    assert_eq!(store.put_json(&batch).unwrap(), [Ok(()), Ok(()), Ok(())]);
    assert_eq!(shape(&trace_of(&store)), "1(2 3 4)");
}
