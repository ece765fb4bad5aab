//! Events in every order, repeated and contradictory.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// One of two invocations, as it really was: times in microseconds of the test's minute.
#[derive(Debug, Clone)]
struct Truth {
    start: i64,
    /// The time from the start to the arrival of INVOKE.
    arrival: i64,
    /// The durations of the four spans.
    spans: [i64; 4],
}

/// Who records the function segment.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Mode {
    Lambda,
    Own,
    ManagedLambda,
    ManagedOwn,
}

const SPANS: [(&str, &str); 4] = [
    ("responseLatency", "Response latency"),
    ("responseDuration", "Response duration"),
    ("runtimeOverhead", "Runtime overhead"),
    ("extensionOverhead", "Extension overhead"),
];

impl Mode {
    fn is_managed(self) -> bool {
        matches!(self, Self::ManagedLambda | Self::ManagedOwn)
    }

    fn is_own(self) -> bool {
        matches!(self, Self::Own | Self::ManagedOwn)
    }

    fn recorder(self) -> PlatformRecorder {
        PlatformRecorder::new(PlatformSettings {
            function_segment: self.is_own().then(|| "orders".to_owned()),
            sampling: SamplingRule {
                fixed_rate: 1.0,
                reservoir_size: 0,
            },
            managed_instances: self.is_managed(),
            ..PlatformSettings::default()
        })
    }

    /// The spans of `platform.runtimeDone` and `platform.report`.
    fn spans(self) -> [std::ops::Range<usize>; 2] {
        if self.is_managed() {
            [0..0, 0..2]
        } else {
            [0..3, 3..4]
        }
    }
}

impl Truth {
    fn duration(&self, spans: std::ops::Range<usize>) -> i64 {
        self.spans[spans].iter().sum()
    }

    /// The time from the start to the end of the function segment.
    fn total(&self, mode: Mode) -> i64 {
        self.duration(0..mode.spans()[1].end)
    }

    fn root(n: usize) -> String {
        format!("1-6750a1b2-00112233445566778899aab{n}")
    }

    /// `platform.start`, `platform.runtimeDone` and `platform.report` of invocation `n`.
    fn events(&self, n: usize, mode: Mode) -> [String; 3] {
        // Telemetry cuts the time off after the millisecond.
        let time = |micros: i64| format!("{:02}.{:03}", micros / 1_000_000, micros / 1_000 % 1_000);
        let tracing = match mode {
            Mode::Own => String::new(),
            Mode::ManagedOwn => tracing().replace(&format!(r#""spanId":"{SPAN}","#), ""),
            Mode::Lambda | Mode::ManagedLambda => tracing(),
        };
        let tracing = tracing.replace(ROOT, &Self::root(n));
        let ended = |spans: std::ops::Range<usize>| {
            let duration = self.duration(0..spans.end);
            let spans: Vec<String> = spans
                .map(|span| {
                    let begin = self.start + self.duration(0..span);
                    format!(
                        r#"{{"name":"{}","start":"2026-01-10T09:00:{}Z","durationMs":{}}}"#,
                        SPANS[span].0,
                        time(begin),
                        self.spans[span] as f64 / 1_000.0
                    )
                })
                .collect();
            let more = format!(
                r#""requestId":"r-{n}","status":"success","metrics":{{"durationMs":{}}},"spans":[{}]"#,
                duration as f64 / 1_000.0,
                spans.join(",")
            );
            (time(self.start + duration), more)
        };
        let [done, last] = mode.spans().map(ended);
        [
            event(
                &time(self.start),
                "start",
                &format!(r#""requestId":"r-{n}"{tracing}"#),
            ),
            event(&done.0, "runtimeDone", &done.1),
            event(&last.0, "report", &last.1),
        ]
    }

    fn invoke(&self, n: usize, recorder: &mut PlatformRecorder) -> Recorded {
        let invoke = Invoke {
            request_id: format!("r-{n}"),
            ..super::invoke(&UNDECIDED.replace(ROOT, &Self::root(n)))
        };
        let arrived = at("00.000").as_micros() + self.start + self.arrival;
        recorder.record_invoke(&invoke, Timestamp::from_micros(arrived))
    }
}

/// Events 0 to 3 are those of the first invocation, 4 to 7 those of the second; 0 and 4 are
/// INVOKE.
fn deliver(truths: &[Truth; 2], mode: Mode, order: &[usize]) -> (Vec<Value>, Vec<String>) {
    let mut recorder = mode.recorder();
    let (mut documents, mut outcomes) = (Vec::new(), Vec::new());
    let mut invoked = [false; 2];
    for &index in order {
        let (n, event) = (index / 4, index % 4);
        let truth = &truths[n];
        let recorded = match event {
            0 if mode.is_managed() || std::mem::replace(&mut invoked[n], true) => continue,
            0 => vec![truth.invoke(n, &mut recorder)],
            2 if mode.is_managed() => continue,
            event => all(&mut recorder, &[truth.events(n, mode)[event - 1].clone()]),
        };
        for recorded in recorded {
            outcomes.extend(recorded.outcome.map(|outcome| outcome.trace_id.to_string()));
            documents.extend(values(recorded));
        }
        assert!(recorder.invocations.len() <= 4);
    }
    (documents, outcomes)
}

fn truth() -> impl Strategy<Value = Truth> {
    let spans = [
        0..200_000_i64,
        0..50_000,
        0..50_000,
        // Lambda's segment lasts until the extensions are done.
        1_000..50_000,
    ];
    (0..40_000_000_i64, 0..3_000_i64, spans).prop_map(|(start, arrival, spans)| Truth {
        start,
        arrival,
        spans,
    })
}

fn mode() -> impl Strategy<Value = Mode> {
    prop_oneof![
        Just(Mode::Lambda),
        Just(Mode::Own),
        Just(Mode::ManagedLambda),
        Just(Mode::ManagedOwn),
    ]
}

/// All eight events in any order, some of them again.
fn order() -> impl Strategy<Value = Vec<usize>> {
    proptest::collection::vec(0..8_usize, 0..8)
        .prop_flat_map(|again| Just((0..8).chain(again).collect::<Vec<_>>()).prop_shuffle())
}

/// A duration in milliseconds: likely, or not possible.
fn duration() -> impl Strategy<Value = f64> {
    prop_oneof![0.0..60_000.0_f64, -1.0e4..1.0e18_f64]
}

proptest! {
    #[test]
    fn each_span_is_recorded_once_and_inside_its_parent(
        truths in [truth(), truth()],
        mode in mode(),
        order in order(),
    ) {
        let (documents, mut outcomes) = deliver(&truths, mode, &order);
        outcomes.sort_unstable();
        prop_assert_eq!(outcomes, [Truth::root(0), Truth::root(1)]);
        for (n, truth) in truths.iter().enumerate() {
            let of_trace: Vec<&Value> = documents
                .iter()
                .filter(|document| document["trace_id"] == Truth::root(n))
                .collect();
            let (segments, spans): (Vec<&Value>, Vec<&Value>) = of_trace
                .iter()
                .partition(|document| document["name"] == "orders");
            prop_assert_eq!(segments.is_empty(), !mode.is_own());
            let (parent, (begin, end)) = match segments.last() {
                Some(segment) => (&segment["id"], times(segment)),
                None => (&json!(SPAN), (truth.start, truth.start + truth.total(mode))),
            };
            prop_assert!(begin >= truth.start && begin < truth.start + 1_000);
            let [done, last] = mode.spans();
            let mut expected: Vec<&str> = done
                .chain(last)
                .filter(|&span| truth.spans[span] >= 1_000)
                .map(|span| SPANS[span].1)
                .collect();
            for span in spans {
                let name = span["name"].as_str().unwrap();
                let position = expected.iter().position(|other| *other == name);
                prop_assert!(position.is_some(), "{name} again, or too short: {documents:?}");
                expected.remove(position.unwrap_or_default());
                prop_assert_eq!(&span["parent_id"], parent);
                let (start, stop) = times(span);
                prop_assert!(begin <= start && stop <= end, "{begin} {end}: {span}");
                let index = SPANS.iter().position(|(_, other)| *other == name).unwrap();
                // Managed Instances report a duration that leaves less than a millisecond.
                let tolerance = if mode == Mode::ManagedLambda { 1_000 } else { 0 };
                prop_assert!((truth.spans[index] - (stop - start)).abs() <= tolerance, "{span}");
            }
            prop_assert!(expected.is_empty(), "{expected:?} missing: {documents:?}");
        }
    }

    #[test]
    fn contradictory_events_neither_panic_nor_leave_a_span_outside_our_segment(
        events in proptest::collection::vec(
            (0..9_usize, 0..5_u8, 0..60_000_u32, duration(), 0..60_000_u32, 0..4_usize),
            0..200,
        ),
        mode in mode(),
    ) {
        let mut recorder = mode.recorder();
        let mut segments: BTreeMap<String, (i64, i64)> = BTreeMap::new();
        let mut spans = Vec::new();
        for (kind, request, milli, duration, begin, status) in events {
            let kind = [
                "initStart", "initRuntimeDone", "initReport", "restoreStart", "restoreReport",
                "start", "runtimeDone", "report", "invoke",
            ][kind];
            let second = |milli: u32| format!("{:02}.{:03}", milli / 1_000, milli % 1_000);
            let recorded = if kind == "invoke" {
                let invoke = Invoke {
                    request_id: format!("r-{request}"),
                    ..invoke(UNDECIDED)
                };
                vec![recorder.record_invoke(&invoke, at(&second(begin)))]
            } else {
                let status = ["success", "error", "failure", "timeout"][status];
                let phase = if milli % 2 == 0 { "init" } else { "invoke" };
                let spans = SPANS.map(|(name, _)| format!(
                    r#"{{"name":"{name}","start":"2026-01-10T09:00:{}Z","durationMs":{duration}}}"#,
                    second(begin)
                ));
                let more = format!(
                    r#""requestId":"r-{request}","status":"{status}","phase":"{phase}","initializationType":"on-demand","metrics":{{"durationMs":{duration}}},"spans":[{}]"#,
                    spans.join(",")
                );
                all(&mut recorder, &[event(&second(milli), kind, &more)])
            };
            for document in recorded.into_iter().flat_map(values) {
                let (start, end) = times(&document);
                prop_assert!(start <= end, "{document}");
                if document["name"] == "orders" {
                    let id = document["id"].as_str().unwrap().to_owned();
                    segments.insert(id, (start, end));
                } else if !["Init", "Restore"].contains(&document["name"].as_str().unwrap()) {
                    spans.push(document);
                }
            }
        }
        prop_assert!(recorder.invocations.len() <= MAX_CONCURRENT_INVOCATIONS);
        for span in spans {
            let (begin, end) = segments[span["parent_id"].as_str().unwrap()];
            let (start, stop) = times(&span);
            prop_assert!(begin <= start && stop <= end, "{begin} {end}: {span}");
        }
    }
}
