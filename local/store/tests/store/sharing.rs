use serde_json::json;
use xray_local_store::Store;

use crate::documents::{
    in_progress, put, segment, shape, subsegment, trace_id, trace_ids, trace_of,
};

#[test]
fn two_stores_on_one_directory_see_each_others_documents() {
    let directory = tempfile::tempdir().unwrap();
    let one = Store::open(directory.path()).unwrap();
    let other = Store::open(directory.path()).unwrap();
    put(&one, &[in_progress(segment(1, 0.0, 0.0, json!({})))]);
    assert_eq!(shape(&trace_of(&other)), "1");
    assert_eq!(trace_ids(&other), [trace_id()]);
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
                    // `?` would mark a subsegment that was read without its segment.
                    assert!(shape.starts_with('1') && !shape.contains('?'), "{shape}");
                }
            });
        }
    });
    for store in &stores {
        // The shape is `1(2 3 4 …)`: it has as many words as subsegments.
        assert_eq!(
            shape(&trace_of(store)).split(' ').count() as u64,
            4 * ROUNDS
        );
        assert!(!store.summary(trace_id()).unwrap().unwrap().is_partial);
    }
}
