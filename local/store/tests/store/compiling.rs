use serde_json::{Value, json};
use xray_document::Document;
use xray_local_store::Trace;

use crate::documents::{
    TRACE, compiled, embedded, id, in_progress, nth, put, segment, shape, store_of, subsegment,
    trace_id, trace_of,
};

fn none() -> Value {
    json!({})
}

fn entry(trace: &Trace, n: u64) -> Value {
    let entry = trace
        .segments
        .iter()
        .find(|entry| entry.id == id(&nth(n)))
        .expect("the entry");
    serde_json::from_str(&entry.json()).unwrap()
}

#[test]
fn siblings_that_start_together_are_in_order_of_their_ids_however_they_came() {
    let one = segment(
        1,
        0.0,
        1.0,
        json!({"subsegments": [embedded(4, 0.1, 0.2, none())]}),
    );
    let alone = |n| subsegment(n, 1, 0.1, 0.2, none());
    for numbers in [[2, 3, 5], [5, 3, 2], [3, 5, 2]] {
        let [a, b, c] = numbers.map(alone);
        let trace = compiled(&[a, one.clone(), b, c]);
        assert_eq!(shape(&trace), "1(2 3 4 5)");
    }
}

#[test]
fn subsegments_that_travelled_alone_are_put_under_their_parents_at_any_depth() {
    let trace = compiled(&[
        subsegment(4, 3, 0.3, 0.4, none()),
        subsegment(3, 2, 0.2, 0.5, none()),
        segment(
            1,
            0.0,
            1.0,
            json!({"subsegments": [embedded(2, 0.1, 0.6, none())]}),
        ),
        subsegment(5, 1, 0.7, 0.8, none()),
    ]);
    assert_eq!(shape(&trace), "1(2(3(4)) 5)");
    assert!((trace.duration - 1.0).abs() < 1e-9);
    let merged = &entry(&trace, 1)["subsegments"][1];
    for member in ["type", "trace_id", "parent_id"] {
        assert!(
            merged.get(member).is_none(),
            "{member} is of a lone subsegment only: {merged}"
        );
    }
}

#[test]
fn a_subsegment_whose_parent_has_not_come_stays_an_entry_until_it_does() {
    let store = store_of(&[subsegment(3, 2, 0.2, 0.5, none())]);
    let trace = trace_of(&store);
    assert_eq!(shape(&trace), "?3");
    let alone = entry(&trace, 3);
    assert_eq!(alone["type"], "subsegment");
    assert_eq!(alone["parent_id"], nth(2));
    assert_eq!(alone["trace_id"], TRACE);

    put(&store, &[subsegment(2, 1, 0.1, 0.6, none())]);
    assert_eq!(shape(&trace_of(&store)), "?2(3)");
    put(&store, &[segment(1, 0.0, 1.0, none())]);
    assert_eq!(shape(&trace_of(&store)), "1(2(3))");
}

#[test]
fn each_call_without_a_downstream_segment_gets_an_inferred_one() {
    let trace = compiled(&[
        segment(1, 0.0, 1.0, none()),
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
fn an_inferred_segment_gives_way_to_the_real_one_and_keeps_its_id_until_then() {
    let store = store_of(&[
        segment(1, 0.0, 1.0, none()),
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
    let trace = compiled(&[
        segment(1, 0.0, 1.0, none()),
        subsegment(2, 1, 0.1, 0.9, traced),
    ]);
    assert_eq!(shape(&trace), "1(2)");
}

#[test]
fn subsegments_that_are_their_own_ancestors_do_not_hang_and_none_is_lost() {
    let trace = compiled(&[
        subsegment(2, 4, 0.2, 0.3, none()),
        subsegment(3, 2, 0.3, 0.4, none()),
        subsegment(4, 3, 0.4, 0.5, none()),
        subsegment(5, 5, 0.1, 0.2, none()),
    ]);
    assert_eq!(shape(&trace), "?5 ?2(3(4))");
}

#[test]
fn a_chain_deeper_than_json_readers_go_is_cut_into_entries_that_each_can_be_read() {
    // As many as the trace's limit lets in, in batches, the deepest first.
    const DEPTH: u64 = 2000;
    let store = store_of(&[segment(1, 0.0, 1.0, none())]);
    let chain: Vec<Value> = (2..=DEPTH)
        .rev()
        .map(|n| subsegment(n, n - 1, 0.0, 1.0, json!({"name": "s"})))
        .collect();
    for batch in chain.chunks(50) {
        assert!(put(&store, batch).iter().all(Result::is_ok));
    }
    let trace = trace_of(&store);
    let mut found = 0;
    for entry in &trace.segments {
        let json: Value = serde_json::from_str(&entry.json()).expect("each can be read");
        found += json.to_string().matches("\"id\":").count();
    }
    assert_eq!(found as u64, DEPTH);
    assert!(store.summary(trace_id()).unwrap().is_some());
}

#[test]
fn a_subsegment_that_came_alone_replaces_the_one_embedded_in_progress() {
    let unfinished = in_progress(embedded(2, 0.1, 0.0, none()));
    let trace = compiled(&[
        segment(1, 0.0, 1.0, json!({"subsegments": [unfinished]})),
        subsegment(2, 1, 0.1, 0.4, json!({"annotations": {"done": true}})),
        subsegment(3, 2, 0.2, 0.3, none()),
    ]);
    assert_eq!(shape(&trace), "1(2(3))");
    assert_eq!(
        entry(&trace, 1)["subsegments"][0]["annotations"]["done"],
        true
    );

    let complete = embedded(2, 0.1, 0.4, json!({"annotations": {"done": true}}));
    let trace = compiled(&[
        segment(1, 0.0, 1.0, json!({"subsegments": [complete]})),
        in_progress(subsegment(2, 1, 0.1, 0.0, none())),
        subsegment(3, 2, 0.2, 0.3, none()),
    ]);
    assert_eq!(shape(&trace), "1(2(3))");
    assert_eq!(
        entry(&trace, 1)["subsegments"][0]["annotations"]["done"],
        true
    );
}

#[test]
fn two_embedded_subsegments_of_one_id_are_both_kept() {
    let twins =
        json!({"subsegments": [embedded(2, 0.1, 0.2, none()), embedded(2, 0.3, 0.4, none())]});
    let trace = compiled(&[segment(1, 0.0, 1.0, twins)]);
    assert_eq!(shape(&trace), "1(2 2)");
}

#[test]
fn unknown_members_are_left_out_of_the_compiled_document() {
    let trace = compiled(&[segment(1, 0.0, 1.0, json!({"Dummy": false}))]);
    assert_eq!(entry(&trace, 1).get("Dummy"), None);
}

#[test]
fn segments_in_progress_say_so() {
    let trace = compiled(&[in_progress(segment(1, 0.0, 0.0, none()))]);
    assert_eq!(entry(&trace, 1)["in_progress"], true);
    assert!(matches!(&trace.segments[0].document, Document::Segment(s) if s.end_time.is_none()));
}
