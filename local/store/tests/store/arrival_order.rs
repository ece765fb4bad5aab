use proptest::prelude::*;
use serde_json::{Value, json};
use xray_local_store::Store;

use crate::documents::{
    embedded, in_progress, put, segment, subsegment, summary, trace_id, trace_of,
};

/// Documents of one trace: segments and independent subsegments, with known and unknown
/// parents, cycles, calls, equal starts, complete and in progress.
fn documents() -> impl Strategy<Value = Vec<Value>> {
    let node = (
        0..8_u64,
        0..4_u32,
        any::<bool>(),
        0..4_u8,
        prop::option::of(1..40_u64),
    );
    prop::collection::vec(node, 1..24).prop_map(|nodes| {
        let made = nodes
            .into_iter()
            .enumerate()
            .map(|(n, (parent, start, done, kind, inner))| {
                let n = n as u64 + 1;
                let start = f64::from(start) / 8.0;
                let children: Vec<Value> = inner
                    .map(|inner| embedded(inner, start, start + 0.1, json!({"namespace": "aws"})))
                    .into_iter()
                    .collect();
                let more = json!({"subsegments": children, "annotations": {"kind": kind}});
                let document = match kind {
                    0 => segment(n, start, start + 1.0, more),
                    1 => {
                        let mut called = segment(n, start, start + 1.0, more);
                        called["parent_id"] = crate::documents::nth(parent).into();
                        called
                    }
                    _ => {
                        let mut step = subsegment(n, parent, start, start + 0.5, more);
                        step["namespace"] = if kind == 2 { "remote" } else { "local" }.into();
                        step
                    }
                };
                if done {
                    document
                } else {
                    in_progress(document)
                }
            });
        made.collect()
    })
}

/// Everything that a caller can read of the trace.
fn snapshot(store: &Store) -> (Vec<String>, f64, String) {
    let trace = trace_of(store);
    let mut summary = store.summary(trace_id()).unwrap().unwrap();
    // The revision depends on the order: it does not count ignored documents.
    summary.revision = 0;
    let documents = trace
        .segments
        .iter()
        .map(xray_local_store::TraceSegment::json)
        .collect();
    (documents, trace.duration, format!("{summary:?}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn documents_give_the_same_trace_in_any_order_and_none_is_lost(
        documents in documents(),
        order in prop::collection::vec(any::<u32>(), 24),
    ) {
        let mut shuffled: Vec<(u32, Value)> =
            order.into_iter().zip(documents.iter().cloned()).collect();
        shuffled.sort_by_key(|(key, _)| *key);
        let store = Store::in_memory().unwrap();
        // The in-progress version of each document arrives before or after it.
        for (key, document) in shuffled {
            let early = in_progress(document.clone());
            let both = if key % 2 == 0 { [early, document] } else { [document, early] };
            prop_assert!(put(&store, &both).iter().all(Result::is_ok));
        }
        let in_order = Store::in_memory().unwrap();
        put(&in_order, &documents);
        prop_assert_eq!(snapshot(&store), snapshot(&in_order));

        let all = snapshot(&store).0.join("\n");
        for document in &documents {
            let id = format!("\"id\":{}", document["id"]);
            prop_assert!(all.contains(&id), "{} is lost from {}", id, all);
        }
    }
}

#[test]
fn a_trace_of_one_document_is_summarized() {
    assert_eq!(summary(&[segment(1, 0.0, 1.0, json!({}))]).id, trace_id());
}
