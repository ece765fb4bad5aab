use std::collections::HashSet;

use serde_json::{Value, json};
use xray_document::{Timestamp, TraceId};
use xray_local_store::{Store, SummaryPage, SummaryQuery, TimeRange};

use crate::documents::{EPOCH, nth, put};

fn at(seconds: f64) -> Timestamp {
    Timestamp::from_seconds(EPOCH + seconds).unwrap()
}

fn query(start: f64, end: f64, range: TimeRange, limit: usize) -> SummaryQuery {
    SummaryQuery {
        start: at(start),
        end: at(end),
        range,
        limit,
        after: None,
    }
}

/// A trace of one segment. Its id holds the second of its start.
fn trace(n: u32, start: f64, end: f64) -> Value {
    let id = TraceId::from_u128((EPOCH as u128 + start as u128) << 96 | u128::from(n));
    json!({"name": "s", "id": nth(1), "trace_id": id.to_string(),
           "start_time": EPOCH + start, "end_time": EPOCH + end})
}

fn numbers(page: &SummaryPage) -> Vec<u32> {
    page.summaries
        .iter()
        .map(|summary| summary.id.as_u128() as u32)
        .collect()
}

#[test]
fn pages_are_newest_first_and_together_hold_each_trace_once() {
    let store = Store::in_memory().unwrap();
    // Three traces per second, in no particular order.
    let documents: Vec<Value> = (0..30)
        .map(|n| (n * 7) % 30)
        .map(|n| trace(n, f64::from(n / 3), 99.0))
        .collect();
    put(&store, &documents);
    let mut query = query(2.0, 9.0, TimeRange::TraceId, 4);
    let (mut seen, mut pages, mut processed) = (Vec::new(), 0, 0);
    loop {
        let page = store.summaries(&query).unwrap();
        seen.extend(
            page.summaries
                .iter()
                .map(|summary| (summary.start_time, summary.id)),
        );
        processed += page.processed;
        pages += 1;
        if page.next.is_none() {
            break;
        }
        assert_eq!(page.summaries.len(), 4);
        query.after = page.next;
    }
    assert_eq!(pages, 6);
    assert_eq!(processed, 21);
    assert!(seen.windows(2).all(|pair| pair[0] > pair[1]), "{seen:?}");
    let numbers: HashSet<u32> = seen.iter().map(|(_, id)| id.as_u128() as u32).collect();
    assert_eq!(numbers, (6..27).collect());
}

#[test]
fn a_full_last_page_has_no_next_token() {
    let store = Store::in_memory().unwrap();
    put(&store, &[trace(1, 0.0, 1.0), trace(2, 0.0, 1.0)]);
    let page = store
        .summaries(&query(0.0, 1.0, TimeRange::TraceId, 2))
        .unwrap();
    assert_eq!((numbers(&page), page.next), (vec![2, 1], None));
}

#[test]
fn traces_that_arrive_between_pages_repeat_no_trace() {
    let store = Store::in_memory().unwrap();
    put(
        &store,
        &[trace(1, 0.0, 1.0), trace(2, 1.0, 2.0), trace(3, 2.0, 3.0)],
    );
    let mut query = query(0.0, 9.0, TimeRange::TraceId, 2);
    let first = store.summaries(&query).unwrap();
    put(&store, &[trace(4, 3.0, 4.0)]);
    query.after = first.next;
    let second = store.summaries(&query).unwrap();
    assert_eq!((numbers(&first), numbers(&second)), (vec![3, 2], vec![1]));
}

#[test]
fn a_trace_moves_when_an_earlier_start_arrives() {
    let store = Store::in_memory().unwrap();
    let w3c = "1-ffffffff-00112233445566778899aabb";
    let of = |n: u64, start: f64| {
        json!({"name": "s", "id": nth(n), "trace_id": w3c,
               "start_time": EPOCH + start, "end_time": EPOCH + start + 1.0})
    };
    put(&store, &[of(1, 50.0)]);
    let found = |start, end| {
        let page = store
            .summaries(&query(start, end, TimeRange::TraceId, 9))
            .unwrap();
        page.summaries.len()
    };
    assert_eq!(
        (found(0.0, 40.0), found(40.0, 60.0)),
        (0, 1),
        "the id holds no time, so the start counts"
    );
    put(&store, &[of(2, 10.0)]);
    assert_eq!((found(0.0, 40.0), found(40.0, 60.0)), (1, 0));
}

#[test]
fn the_start_of_a_trace_refines_the_second_in_its_id() {
    let store = Store::in_memory().unwrap();
    put(&store, &[trace(1, 0.25, 1.0)]);
    let found = |start, end| {
        let page = store
            .summaries(&query(start, end, TimeRange::TraceId, 1))
            .unwrap();
        page.summaries.len()
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

#[test]
fn each_time_range_selects_traces_by_its_own_time() {
    let store = Store::in_memory().unwrap();
    put(&store, &[trace(1, 10.0, 30.0)]);
    let found = |range, start, end| {
        store
            .summaries(&query(start, end, range, 9))
            .unwrap()
            .summaries
            .len()
            == 1
    };
    let cases = [
        // The window, and whether TraceId, Event and Service select the trace.
        ((0.0, 10.0), (false, false, false)),
        ((0.0, 11.0), (true, true, false)),
        ((12.0, 20.0), (false, true, false)),
        ((20.0, 31.0), (false, true, true)),
        ((31.0, 40.0), (false, false, false)),
    ];
    for ((start, end), expected) in cases {
        let found = (
            found(TimeRange::TraceId, start, end),
            found(TimeRange::Event, start, end),
            found(TimeRange::Service, start, end),
        );
        assert_eq!(found, expected, "{start}..{end}");
    }
}

#[test]
fn an_empty_window_matches_nothing_even_with_a_token() {
    let store = Store::in_memory().unwrap();
    put(&store, &[trace(1, 0.0, 1.0), trace(2, 0.0, 1.0)]);
    assert!(
        store
            .summaries(&query(1.0, 1.0, TimeRange::TraceId, 9))
            .unwrap()
            .summaries
            .is_empty()
    );
    let token = store
        .summaries(&query(0.0, 1.0, TimeRange::TraceId, 1))
        .unwrap()
        .next;
    assert!(token.is_some());
    let later = SummaryQuery {
        after: token,
        ..query(5.0, 9.0, TimeRange::TraceId, 9)
    };
    assert!(store.summaries(&later).unwrap().summaries.is_empty());
}

#[test]
fn a_trace_with_an_implausible_start_is_found_by_id_and_by_arrival() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let now = Timestamp::now();
    let second = now.as_micros() / 1_000_000;
    let second = second as f64;
    // In milliseconds, before the epoch, yesterday, zero.
    let starts = [second * 1000.0, -5.0, second - 86_400.0, 0.0];
    let documents: Vec<Value> = (1..)
        .zip(starts)
        .map(|(n, start)| {
            let id = TraceId::from_u128((second as u128) << 96 | n);
            json!({"name": "s", "id": nth(1), "trace_id": id.to_string(),
                   "start_time": start, "end_time": start + 1.0})
        })
        .collect();
    assert!(put(&store, &documents).iter().all(Result::is_ok));
    let window = |range| SummaryQuery {
        start: Timestamp::from_micros(now.as_micros() - 60_000_000),
        end: Timestamp::from_micros(now.as_micros() + 60_000_000),
        range,
        limit: 9,
        after: None,
    };
    let again = Store::open(directory.path()).unwrap();
    for (store, range) in [
        (&store, TimeRange::TraceId),
        (&store, TimeRange::Event),
        (&again, TimeRange::TraceId),
        (&again, TimeRange::Event),
    ] {
        let page = store.summaries(&window(range)).unwrap();
        let found: HashSet<u32> = numbers(&page).into_iter().collect();
        assert_eq!(found, (1..=4).collect(), "{range:?}");
    }
}
