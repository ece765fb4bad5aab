use std::collections::HashMap;
use std::time::Duration;

use proptest::prelude::*;
use xray_document::{SegmentId, TraceId};

use super::*;

/// Keeps errors only.
const ERRORS: &str =
    r#"{"slower_than": 900000, "cold_starts": false, "fixed_rate": 0, "reservoir_size": 0}"#;

fn trace(number: u64) -> TraceId {
    format!("1-6750a1b2-0000000000000000{number:08x}")
        .parse()
        .unwrap()
}

fn document(trace_number: u64, id: u64) -> RawDocument {
    RawDocument::new(
        Some(trace(trace_number)),
        SegmentId::from_u64(id),
        false,
        "{}",
    )
}

fn outcome(trace_number: u64, fault: bool) -> InvocationOutcome {
    InvocationOutcome {
        trace_id: trace(trace_number),
        is_sampled: false,
        fault,
        duration: Some(Duration::from_millis(1)),
        cold_start: false,
    }
}

fn keep(rules: &str) -> ConfiguredKeep {
    ConfiguredKeep::new(rules.to_owned(), true, true, 1 << 20)
}

fn accept(keep: &mut ConfiguredKeep, document: RawDocument) -> Verdict {
    keep.accept(document, &mut Log::default())
}

fn start(keep: &mut ConfiguredKeep, trace_number: u64, more: &str) -> Vec<u64> {
    let header = format!("Root={}{more}", trace(trace_number));
    ids(&keep.invocation_started(&header, &mut Log::default()))
}

fn end(keep: &mut ConfiguredKeep, trace_number: u64, fault: bool) -> (Vec<u64>, usize) {
    let decided = invocation_ended(keep, trace_number, fault);
    (ids(&decided), decided.filtered)
}

fn invocation_ended(keep: &mut ConfiguredKeep, trace_number: u64, fault: bool) -> Decided {
    let outcome = outcome(trace_number, fault);
    keep.invocation_ended(&outcome, Timestamp::now(), &mut Log::default())
}

fn ids(decided: &Decided) -> Vec<u64> {
    let kept = decided.kept.iter();
    kept.map(|document| document.id.as_u64()).collect()
}

#[test]
fn documents_wait_for_the_outcome_and_later_ones_follow_its_decision() {
    let mut keep = keep(ERRORS);
    for (number, fault) in [(1, false), (2, true)] {
        assert!(start(&mut keep, number, "").is_empty());
        for id in [10, 11] {
            assert!(matches!(
                accept(&mut keep, document(number, id)),
                Verdict::Waits(_)
            ));
        }
        let decided = end(&mut keep, number, fault);
        let late = accept(&mut keep, document(number, 12));
        if fault {
            assert_eq!(decided, (vec![10, 11], 0));
            assert!(matches!(late, Verdict::Kept(_)));
        } else {
            assert_eq!(decided, (vec![], 2));
            assert!(matches!(late, Verdict::Filtered));
        }
    }
    assert_eq!(
        keep.summary().unwrap(),
        "keep rules: 1 traces filtered out, 1 kept: 1 errors"
    );
}

#[test]
fn a_handled_error_in_a_document_keeps_its_trace() {
    let mut keep = keep(ERRORS);
    start(&mut keep, 1, "");
    let mut failed = document(1, 10);
    failed.json = r#"{"subsegments":[{"fault":true}]}"#.into();
    accept(&mut keep, failed);
    assert_eq!(end(&mut keep, 1, false), (vec![10], 0));
}

#[test]
fn a_trace_that_was_sampled_before_is_kept_unless_the_rules_say_otherwise() {
    for header in [";Sampled=1", ";Sampled=0"] {
        let mut keep = keep(ERRORS);
        // Its document may arrive before INVOKE.
        assert!(matches!(
            accept(&mut keep, document(1, 10)),
            Verdict::Waits(_)
        ));
        assert_eq!(start(&mut keep, 1, header), [10]);
        assert!(matches!(
            accept(&mut keep, document(1, 11)),
            Verdict::Kept(_)
        ));
        assert_eq!(end(&mut keep, 1, false), (vec![], 0));
    }
    let mut keep = keep(&apply_to_sampled(ERRORS));
    start(&mut keep, 1, ";Sampled=1");
    accept(&mut keep, document(1, 10));
    assert_eq!(end(&mut keep, 1, false), (vec![], 1));
}

/// The end of an invocation that telemetry reports as sampled.
fn end_sampled(keep: &mut ConfiguredKeep, trace_number: u64, fault: bool) -> (Vec<u64>, usize) {
    let outcome = InvocationOutcome {
        is_sampled: true,
        ..outcome(trace_number, fault)
    };
    let decided = keep.invocation_ended(&outcome, Timestamp::now(), &mut Log::default());
    (ids(&decided), decided.filtered)
}

fn apply_to_sampled(rules: &str) -> String {
    rules.replace('{', r#"{"apply_to_sampled": true, "#)
}

#[test]
fn a_sampled_trace_is_kept_if_its_outcome_arrives_before_its_invoke() {
    let mut keep = keep(ERRORS);
    accept(&mut keep, document(1, 10));
    assert_eq!(end_sampled(&mut keep, 1, false), (vec![10], 0));
    assert!(start(&mut keep, 1, ";Sampled=1").is_empty());
    assert!(matches!(
        accept(&mut keep, document(1, 11)),
        Verdict::Kept(_)
    ));
    assert_eq!(keep.summary(), None);
}

#[test]
fn an_invoke_after_its_outcome_does_not_reopen_the_decision_but_the_next_one_does() {
    let mut keep = keep(&apply_to_sampled(ERRORS));
    accept(&mut keep, document(1, 10));
    assert_eq!(end_sampled(&mut keep, 1, false), (vec![], 1));
    start(&mut keep, 1, ";Sampled=1");
    assert!(!keep.awaits_outcome());
    assert!(matches!(
        accept(&mut keep, document(1, 11)),
        Verdict::Filtered
    ));
    start(&mut keep, 1, ";Sampled=1");
    assert!(keep.awaits_outcome());
    accept(&mut keep, document(1, 12));
    assert_eq!(end_sampled(&mut keep, 1, true), (vec![12], 0));
}

#[test]
fn an_unsampled_trace_uses_no_reservoir_and_is_not_counted() {
    let rules = ERRORS.replace(r#""reservoir_size": 0"#, r#""reservoir_size": 1"#);
    let mut keep = keep(&apply_to_sampled(&rules));
    start(&mut keep, 1, ";Sampled=0");
    assert!(!keep.awaits_outcome());
    end(&mut keep, 1, false);
    assert_eq!(keep.summary(), None);
    start(&mut keep, 2, ";Sampled=1");
    accept(&mut keep, document(2, 20));
    assert_eq!(end_sampled(&mut keep, 2, false), (vec![20], 0));
}

#[test]
fn on_managed_instances_each_trace_is_decided_by_its_own_outcome() {
    let rules = apply_to_sampled(ERRORS);
    let mut keep = ConfiguredKeep::new(rules, false, false, 1 << 20);
    for number in [1, 2, 3] {
        accept(&mut keep, document(number, 10 * number));
    }
    assert_eq!(end_sampled(&mut keep, 1, false), (vec![], 1));
    assert_eq!(end_sampled(&mut keep, 2, true), (vec![20], 0));
    // The outcome of this one does not come.
    let kept: Vec<u64> = (4..1_100)
        .flat_map(|number| end_sampled(&mut keep, number, false).0)
        .collect();
    assert_eq!(kept, [30]);
}

#[test]
fn a_trace_without_an_invocation_is_kept() {
    let mut keep = keep(ERRORS);
    accept(&mut keep, document(7, 70));
    start(&mut keep, 1, "");
    accept(&mut keep, document(1, 10));
    assert_eq!(end(&mut keep, 1, false), (vec![70], 1));
}

#[test]
fn an_error_of_a_second_invocation_is_seen_although_its_trace_was_filtered_out() {
    let mut keep = keep(ERRORS);
    start(&mut keep, 1, "");
    accept(&mut keep, document(1, 10));
    assert_eq!(end(&mut keep, 1, false), (vec![], 1));
    start(&mut keep, 1, "");
    accept(&mut keep, document(1, 11));
    assert_eq!(end(&mut keep, 1, true), (vec![11], 0));
}

#[test]
fn a_trace_whose_outcome_does_not_come_is_kept() {
    let mut keep = keep(ERRORS);
    start(&mut keep, 1, "");
    accept(&mut keep, document(1, 10));
    let kept: Vec<u64> = (2..20)
        .flat_map(|number| start(&mut keep, number, ""))
        .collect();
    assert_eq!(kept, [10]);
}

#[test]
fn if_too_many_bytes_wait_the_oldest_trace_is_kept_and_counted() {
    let mut keep = ConfiguredKeep::new(ERRORS.to_owned(), true, true, 250);
    let mut kept = Vec::new();
    for id in 0..8 {
        if let Verdict::Waits(decided) = accept(&mut keep, document(id, id)) {
            kept.extend(ids(&decided));
            keep.traces.assert_bounded();
        }
    }
    assert_eq!(kept.len() + keep.traces.waiting_documents(), 8);
    assert!(!kept.is_empty() && kept.is_sorted(), "{kept:?}");
    let summary = keep.summary().unwrap();
    let expected = format!("; {} more were kept because", kept.len());
    assert!(summary.contains(&expected), "{summary}");
}

#[test]
fn shutdown_keeps_what_is_undecided() {
    let mut keep = keep(ERRORS);
    start(&mut keep, 1, "");
    accept(&mut keep, document(1, 10));
    assert_eq!(ids(&keep.shut_down()), [10]);
    assert!(matches!(
        accept(&mut keep, document(2, 20)),
        Verdict::Kept(_)
    ));
}

#[test]
fn with_wrong_rules_or_nothing_to_decide_every_trace_is_kept() {
    let wrong = [r#"{"fixed_rat": 1}"#, "/nonexistent/keep.json"];
    let keeps = wrong.map(keep).into_iter();
    let without_segment = ConfiguredKeep::new(ERRORS.to_owned(), false, true, 1 << 20);
    let managed_instances = ConfiguredKeep::new(ERRORS.to_owned(), true, false, 1 << 20);
    for mut keep in keeps.chain([without_segment, managed_instances]) {
        start(&mut keep, 1, "");
        assert!(matches!(
            accept(&mut keep, document(1, 10)),
            Verdict::Kept(_)
        ));
        assert_eq!(end(&mut keep, 1, false), (vec![], 0));
        assert_eq!(keep.summary(), None);
    }
}

proptest! {
    #[test]
    fn a_trace_is_never_torn_after_a_decision(
        steps in proptest::collection::vec((0..8_u8, 0..5_u64, any::<bool>()), 1..200),
        max_bytes in prop_oneof![Just(1 << 20), 0..1_000_usize],
    ) {
        let mut keep = ConfiguredKeep::new(ERRORS.to_owned(), true, true, max_bytes);
        // Of each trace: whether its documents are kept; documents that wait are not here.
        let mut decisions: HashMap<u64, bool> = HashMap::new();
        let mut waiting: HashMap<u64, u64> = HashMap::new();
        for (step, number, flag) in steps {
            let decided = match step {
                0..5 => match accept(&mut keep, document(number, number)) {
                    Verdict::Kept(_) => {
                        // Never after a decision against it.
                        prop_assert_eq!(*decisions.entry(number).or_insert(true), true);
                        Decided::default()
                    }
                    Verdict::Filtered => {
                        prop_assert_eq!(decisions.get(&number), Some(&false));
                        Decided::default()
                    }
                    Verdict::Waits(decided) => {
                        prop_assert_eq!(decisions.get(&number), None);
                        *waiting.entry(number).or_default() += 1;
                        decided
                    }
                },
                5 => {
                    let sampled = if flag { ";Sampled=1" } else { "" };
                    let header = format!("Root={}{sampled}", trace(number));
                    if flag {
                        decisions.insert(number, true);
                    } else if decisions.get(&number) == Some(&false) {
                        // An invocation reopens a trace that was filtered out.
                        decisions.remove(&number);
                    }
                    keep.invocation_started(&header, &mut Log::default())
                }
                _ => {
                    // An error may revise a decision against its trace.
                    if decisions.get(&number) != Some(&true) {
                        decisions.insert(number, flag);
                    }
                    invocation_ended(&mut keep, number, flag)
                }
            };
            for document in &decided.kept {
                let number = document.id.as_u64();
                decisions.insert(number, true);
                *waiting.entry(number).or_default() -= 1;
            }
            if decided.filtered > 0 {
                prop_assert_eq!(decisions.get(&number), Some(&false));
                let waited = waiting.insert(number, 0);
                prop_assert_eq!(waited, Some(decided.filtered as u64));
            }
            keep.traces.assert_bounded();
            prop_assert_eq!(keep.traces.waiting_documents() as u64, waiting.values().sum::<u64>());
        }
    }
}
