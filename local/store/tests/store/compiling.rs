use serde_json::{Value, json};
use xray_document::Document;
use xray_local_store::Trace;

use crate::documents::{
    TRACE, compile, embedded, id, in_progress, nth, put, segment, shape, store_of, subsegment,
    trace_id, trace_of,
};

fn no_fields() -> Value {
    json!({})
}

fn document(trace: &Trace, n: u64) -> Value {
    let found = trace
        .segments
        .iter()
        .find(|segment| segment.id == id(&nth(n)))
        .expect("a document of the trace");
    serde_json::from_str(&found.json()).unwrap()
}

#[test]
fn siblings_with_the_same_start_are_sorted_by_id() {
    let parent = segment(
        1,
        0.0,
        1.0,
        json!({"subsegments": [embedded(4, 0.1, 0.2, no_fields())]}),
    );
    let independent = |n| subsegment(n, 1, 0.1, 0.2, no_fields());
    for numbers in [[2, 3, 5], [5, 3, 2], [3, 5, 2]] {
        let [a, b, c] = numbers.map(independent);
        let trace = compile(&[a, parent.clone(), b, c]);
        assert_eq!(shape(&trace), "1(2 3 4 5)");
    }
}

#[test]
fn independent_subsegments_are_merged_into_their_parents_at_any_depth() {
    let trace = compile(&[
        subsegment(4, 3, 0.3, 0.4, no_fields()),
        subsegment(3, 2, 0.2, 0.5, no_fields()),
        segment(
            1,
            0.0,
            1.0,
            json!({"subsegments": [embedded(2, 0.1, 0.6, no_fields())]}),
        ),
        subsegment(5, 1, 0.7, 0.8, no_fields()),
    ]);
    assert_eq!(shape(&trace), "1(2(3(4)) 5)");
    assert!((trace.duration - 1.0).abs() < 1e-9);
    let merged = &document(&trace, 1)["subsegments"][1];
    for member in ["type", "trace_id", "parent_id"] {
        assert!(
            merged.get(member).is_none(),
            "only independent subsegments have {member}: {merged}"
        );
    }
}

#[test]
fn a_subsegment_stays_at_the_top_level_until_its_parent_arrives() {
    let store = store_of(&[subsegment(3, 2, 0.2, 0.5, no_fields())]);
    let trace = trace_of(&store);
    assert_eq!(shape(&trace), "?3");
    let independent = document(&trace, 3);
    assert_eq!(independent["type"], "subsegment");
    assert_eq!(independent["parent_id"], nth(2));
    assert_eq!(independent["trace_id"], TRACE);

    put(&store, &[subsegment(2, 1, 0.1, 0.6, no_fields())]);
    assert_eq!(shape(&trace_of(&store)), "?2(3)");
    put(&store, &[segment(1, 0.0, 1.0, no_fields())]);
    assert_eq!(shape(&trace_of(&store)), "1(2(3))");
}

#[test]
fn each_call_without_a_downstream_segment_gets_an_inferred_segment() {
    let trace = compile(&[
        segment(1, 0.0, 1.0, no_fields()),
        subsegment(
            2,
            1,
            0.1,
            0.2,
            json!({"name": "dynamodb", "namespace": "aws", "fault": true,
                   "aws": {"table_name": "items", "operation": "PutItem"},
                   "http": {"response": {"status": 500}}}),
        ),
        subsegment(3, 1, 0.3, 0.4, json!({"name": "SNS", "namespace": "aws"})),
        subsegment(
            4,
            1,
            0.5,
            0.6,
            json!({"name": "example.com", "namespace": "remote"}),
        ),
        subsegment(5, 1, 0.7, 0.8, json!({"namespace": "local"})),
    ]);
    assert_eq!(shape(&trace), "1(2 3 4 5) *2 *3 *4");
    let inferred: Vec<Value> = trace.segments[1..]
        .iter()
        .map(|s| serde_json::from_str(&s.json()).unwrap())
        .collect();
    let mut first = inferred[0].clone();
    first.as_object_mut().unwrap().remove("id");
    assert_eq!(
        first,
        json!({"name": "dynamodb", "trace_id": TRACE, "parent_id": nth(2), "inferred": true,
               "origin": "AWS::DynamoDB::Table", "fault": true,
               "start_time": 1_733_337_522.1, "end_time": 1_733_337_522.2,
               "aws": {"table_name": "items", "operation": "PutItem"},
               "http": {"response": {"status": 500}}})
    );
    assert_eq!(inferred[1]["origin"], "AWS::SNS");
    assert_eq!(inferred[2].get("origin"), None);
}

#[test]
fn an_inferred_segment_keeps_its_id_until_the_real_one_replaces_it() {
    let store = store_of(&[
        segment(1, 0.0, 1.0, no_fields()),
        subsegment(
            2,
            1,
            0.1,
            0.9,
            json!({"name": "Lambda", "namespace": "aws"}),
        ),
    ]);
    let first = trace_of(&store).segments[1].id;
    assert_eq!(trace_of(&store).segments[1].id, first);
    put(
        &store,
        &[segment(
            3,
            0.2,
            0.8,
            json!({"parent_id": nth(2), "origin": "AWS::Lambda"}),
        )],
    );
    assert_eq!(shape(&trace_of(&store)), "1(2) 3");
}

#[test]
fn a_call_whose_callee_traces_itself_gets_no_inferred_segment() {
    let traced = json!({"namespace": "remote", "http": {"request": {"traced": true}}});
    let trace = compile(&[
        segment(1, 0.0, 1.0, no_fields()),
        subsegment(2, 1, 0.1, 0.9, traced),
    ]);
    assert_eq!(shape(&trace), "1(2)");
}

#[test]
fn a_cycle_of_subsegments_compiles_and_loses_no_fields() {
    let trace = compile(&[
        subsegment(2, 4, 0.2, 0.3, no_fields()),
        subsegment(3, 2, 0.3, 0.4, no_fields()),
        subsegment(4, 3, 0.4, 0.5, no_fields()),
        subsegment(5, 5, 0.1, 0.2, no_fields()),
    ]);
    assert_eq!(shape(&trace), "?5 ?2(3(4))");
}

#[test]
fn a_chain_too_deep_for_json_parsers_is_cut_into_readable_documents() {
    // As many as fit into a trace, in batches, the deepest first.
    const DEPTH: u64 = 2000;
    let store = store_of(&[segment(1, 0.0, 1.0, no_fields())]);
    let chain: Vec<Value> = (2..=DEPTH)
        .rev()
        .map(|n| subsegment(n, n - 1, 0.0, 1.0, json!({"name": "s"})))
        .collect();
    for batch in chain.chunks(50) {
        assert!(put(&store, batch).iter().all(Result::is_ok));
    }
    let trace = trace_of(&store);
    let mut found = 0;
    for segment in &trace.segments {
        let json: Value = serde_json::from_str(&segment.json()).expect("a readable document");
        found += json.to_string().matches("\"id\":").count();
    }
    assert_eq!(found as u64, DEPTH);
    assert!(store.summary(trace_id()).unwrap().is_some());
}

#[test]
fn the_complete_version_of_a_subsegment_wins_whether_embedded_or_independent() {
    let unfinished = in_progress(embedded(2, 0.1, 0.0, no_fields()));
    let trace = compile(&[
        segment(1, 0.0, 1.0, json!({"subsegments": [unfinished]})),
        subsegment(2, 1, 0.1, 0.4, json!({"annotations": {"done": true}})),
        subsegment(3, 2, 0.2, 0.3, no_fields()),
    ]);
    assert_eq!(shape(&trace), "1(2(3))");
    assert_eq!(
        document(&trace, 1)["subsegments"][0]["annotations"]["done"],
        true
    );

    let complete = embedded(2, 0.1, 0.4, json!({"annotations": {"done": true}}));
    let trace = compile(&[
        segment(1, 0.0, 1.0, json!({"subsegments": [complete]})),
        in_progress(subsegment(2, 1, 0.1, 0.0, no_fields())),
        subsegment(3, 2, 0.2, 0.3, no_fields()),
    ]);
    assert_eq!(shape(&trace), "1(2(3))");
    assert_eq!(
        document(&trace, 1)["subsegments"][0]["annotations"]["done"],
        true
    );
}

#[test]
fn two_embedded_subsegments_with_the_same_id_are_both_kept() {
    let twins = json!({"subsegments": [embedded(2, 0.1, 0.2, no_fields()), embedded(2, 0.3, 0.4, no_fields())]});
    let trace = compile(&[segment(1, 0.0, 1.0, twins)]);
    assert_eq!(shape(&trace), "1(2 2)");
}

#[test]
fn unknown_fields_are_left_out_of_the_compiled_document() {
    let trace = compile(&[segment(1, 0.0, 1.0, json!({"Dummy": false}))]);
    assert_eq!(document(&trace, 1).get("Dummy"), None);
}

#[test]
fn a_segment_without_an_end_is_marked_in_progress() {
    let trace = compile(&[in_progress(segment(1, 0.0, 0.0, no_fields()))]);
    assert_eq!(document(&trace, 1)["in_progress"], true);
    assert!(matches!(&trace.segments[0].document, Document::Segment(s) if s.end_time.is_none()));
}
