mod explored;

use super::*;

const LIMITS: Limits = Limits::with_flush_timeout(Duration::from_secs(2));

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A flush control and its clock. Times are milliseconds since `zero`.
struct Fixture {
    control: FlushControl,
    zero: Instant,
    /// The wall clock at `zero`. It shows a freeze, and may be set.
    wall_zero: SystemTime,
}

impl Fixture {
    /// Without an accepted subscription.
    fn unsubscribed() -> Self {
        Self {
            control: FlushControl::new(Strategy::End, LIMITS, false, false),
            zero: Instant::now(),
            wall_zero: SystemTime::now(),
        }
    }

    /// With an accepted subscription, before its first telemetry.
    fn subscribed() -> Self {
        Self {
            control: FlushControl::new(Strategy::End, LIMITS, true, false),
            ..Self::unsubscribed()
        }
    }

    /// With telemetry that arrives.
    fn with_telemetry() -> Self {
        let mut fixture = Self::subscribed();
        assert_eq!(fixture.on(0, Input::Telemetry), []);
        fixture
    }

    /// With telemetry that arrives, and this strategy.
    fn with_strategy(strategy: Strategy) -> Self {
        let mut fixture = Self::subscribed();
        fixture.control = FlushControl::new(strategy, LIMITS, true, false);
        fixture.on(0, Input::Telemetry);
        fixture
    }

    fn at(&self, milliseconds: u64) -> Instant {
        self.zero + ms(milliseconds)
    }

    fn on(&mut self, milliseconds: u64, input: Input<'_>) -> Vec<Action> {
        self.control.on(input, self.at(milliseconds))
    }

    /// An invocation at `milliseconds` with a timeout of 10 s.
    fn invoke(&mut self, milliseconds: u64, request_id: &str) -> Vec<Action> {
        let invoke = self.invocation(milliseconds, request_id);
        self.on(milliseconds, invoke)
    }

    fn invocation<'a>(&self, milliseconds: u64, request_id: &'a str) -> Input<'a> {
        Input::Invoke {
            request_id,
            deadline: self.at(milliseconds + 10_000),
            received: self.wall_zero + ms(milliseconds),
            may_trace: true,
            can_delay: true,
        }
    }

    fn shutdown(&mut self, milliseconds: u64) -> Vec<Action> {
        let deadline = self.at(milliseconds + 2_000);
        self.on(milliseconds, Input::Shutdown { deadline })
    }

    fn due(&self) -> Option<u128> {
        Some(self.control.due()?.duration_since(self.zero).as_millis())
    }

    fn flush(&self, until: u64) -> Action {
        Action::Flush {
            until: self.at(until),
        }
    }
}

const DONE: Input<'_> = Input::Done { request_id: "r-1" };
const RUNTIME_DONE: Input<'_> = Input::RuntimeDone { request_id: "r-1" };
const BUFFERED: Input<'_> = Input::Buffered { is_awaited: true };
const IDLE: Input<'_> = Input::Idle {
    has_waiting: false,
    is_failing: false,
};
/// The last batch failed.
const FAILED: Input<'_> = Input::Idle {
    has_waiting: true,
    is_failing: true,
};

#[test]
fn the_first_action_is_next() {
    let fixture = Fixture::unsubscribed();
    assert_eq!(FlushControl::start(), Action::Next);
    assert_eq!(
        (fixture.control.state(), fixture.due()),
        (&State::Waiting, None)
    );
}

#[test]
fn without_telemetry_and_wrapper_an_invocation_is_not_held() {
    let mut fixture = Fixture::unsubscribed();
    assert_eq!(fixture.invoke(0, "r-1"), [Action::Next, Action::Send]);
    assert!(matches!(fixture.control.state(), State::Released { .. }));
    assert_eq!(fixture.due(), None);
}

#[test]
fn the_wrappers_signal_flushes_and_the_flush_calls_next() {
    let mut fixture = Fixture::with_telemetry();
    assert_eq!(fixture.invoke(0, "r-1"), [Action::Send]);
    assert_eq!(fixture.on(40, DONE), [fixture.flush(2_040)]);
    assert_eq!(fixture.on(60, IDLE), [Action::Next]);
    assert_eq!(
        (fixture.control.state(), fixture.due()),
        (&State::Waiting, None)
    );
}

#[test]
fn runtime_done_flushes_and_a_second_end_does_nothing() {
    let mut fixture = Fixture::with_telemetry();
    fixture.invoke(0, "r-1");
    assert_eq!(fixture.on(40, RUNTIME_DONE), [fixture.flush(2_040)]);
    assert_eq!(fixture.on(41, DONE), []);
    assert!(matches!(fixture.control.state(), State::Flushing { .. }));
}

#[test]
fn another_invocations_end_does_not_end_this_one() {
    let mut fixture = Fixture::with_telemetry();
    fixture.invoke(0, "r-2");
    assert_eq!(fixture.on(40, DONE), []);
    assert!(matches!(fixture.control.state(), State::Held { .. }));

    let mut fixture = Fixture::unsubscribed();
    fixture.invoke(0, "r-2");
    assert_eq!(fixture.on(40, DONE), []);
    assert!(matches!(fixture.control.state(), State::Released { .. }));
}

#[test]
fn an_invoke_after_its_end_flushes_at_once() {
    let mut fixture = Fixture::with_telemetry();
    assert_eq!(fixture.on(0, DONE), []);
    assert_eq!(fixture.invoke(1, "r-1"), [fixture.flush(2_001)]);
}

#[test]
fn a_retry_with_the_same_request_id_is_held_again() {
    let mut fixture = Fixture::with_telemetry();
    fixture.invoke(0, "r-1");
    fixture.on(40, DONE);
    fixture.on(60, IDLE);
    assert_eq!(
        fixture.on(65, RUNTIME_DONE),
        [],
        "the end of the first attempt"
    );
    fixture.invoke(60_000, "r-1");
    assert!(matches!(fixture.control.state(), State::Held { .. }));
}

#[test]
fn an_invocation_is_held_100_ms_for_the_first_telemetry() {
    let mut fixture = Fixture::subscribed();
    assert_eq!(fixture.invoke(0, "r-1"), [Action::Send]);
    assert_eq!(fixture.due(), Some(100));
    assert_eq!(fixture.on(99, Input::Tick), []);
    assert_eq!(fixture.on(100, Input::Tick), [Action::Next]);
    assert!(matches!(fixture.control.state(), State::Released { .. }));
    assert_eq!(fixture.invoke(200, "r-2")[0], Action::Next);

    assert_eq!(fixture.on(300, Input::Telemetry), []);
    assert!(
        matches!(fixture.invoke(400, "r-3")[..], [Action::Send]),
        "held again"
    );
}

#[test]
fn an_invocation_is_held_until_its_end_if_telemetry_arrives_in_time() {
    let mut fixture = Fixture::subscribed();
    fixture.invoke(0, "r-1");
    fixture.on(50, Input::Telemetry);
    assert_eq!(fixture.due(), Some(9_900));
    assert_eq!(fixture.on(100, Input::Tick), []);
}

#[test]
fn after_the_wrappers_first_signal_invocations_are_held_without_telemetry() {
    let mut fixture = Fixture::unsubscribed();
    fixture.invoke(0, "r-1");
    assert_eq!(fixture.on(40, DONE), [Action::Send]);
    assert_eq!(fixture.control.state(), &State::Waiting);
    assert!(matches!(fixture.invoke(100, "r-2")[..], [Action::Send]));
    let end = Input::Done { request_id: "r-2" };
    assert_eq!(fixture.on(120, end), [fixture.flush(2_120)]);
}

#[test]
fn an_unreported_end_releases_before_the_deadline_and_the_next_invocation_is_not_held() {
    let mut fixture = Fixture::with_telemetry();
    fixture.invoke(0, "r-1");
    assert_eq!(fixture.due(), Some(9_900));
    assert_eq!(fixture.on(9_900, Input::Tick), [Action::Next]);
    assert_eq!(fixture.invoke(10_100, "r-2")[0], Action::Next);
}

#[test]
fn a_wrapper_that_signals_no_more_is_not_waited_for() {
    let mut fixture = Fixture::unsubscribed();
    fixture.invoke(0, "r-1");
    fixture.on(40, DONE);
    assert_eq!(fixture.invoke(100, "r-2"), [Action::Send]);
    assert_eq!(fixture.on(10_000, Input::Tick), [Action::Next]);
    assert_eq!(fixture.invoke(10_200, "r-3")[0], Action::Next);
}

#[test]
fn after_an_unreported_end_invocations_are_held_only_after_another_end() {
    let mut fixture = Fixture::with_telemetry();
    fixture.invoke(0, "r-1");
    fixture.on(9_900, Input::Tick);
    // `platform.report`, and the next `platform.start`.
    fixture.on(9_950, Input::Telemetry);
    fixture.on(9_951, Input::Report { request_id: "r-1" });
    fixture.on(10_050, Input::Telemetry);
    assert_eq!(fixture.invoke(10_100, "r-2")[0], Action::Next);

    let end = Input::RuntimeDone { request_id: "r-2" };
    fixture.on(10_200, Input::Telemetry);
    fixture.on(10_200, end);
    fixture.invoke(10_300, "r-3");
    assert!(matches!(fixture.control.state(), State::Held { .. }));
}

#[test]
fn shutdown_waits_for_the_report_of_a_timeout() {
    let mut fixture = Fixture::with_telemetry();
    fixture.invoke(0, "r-1");
    fixture.on(9_900, Input::Tick);
    fixture.shutdown(10_000);
    assert!(matches!(
        fixture.control.state(),
        State::AwaitingReport { .. }
    ));
}

#[test]
fn the_end_of_a_retry_may_arrive_before_its_invoke() {
    let mut fixture = Fixture::with_telemetry();
    fixture.invoke(0, "r-1");
    fixture.on(40, DONE);
    fixture.on(60, IDLE);
    fixture.on(65, RUNTIME_DONE);
    assert_eq!(fixture.on(60_000, DONE), []);
    assert_eq!(fixture.invoke(60_001, "r-1"), [fixture.flush(62_001)]);
}

#[test]
fn another_end_does_not_hide_an_end_that_arrived_before_its_invoke() {
    let mut fixture = Fixture::with_telemetry();
    fixture.on(0, DONE);
    let other = |request_id| Input::RuntimeDone { request_id };
    for request_id in ["r-0", "r-a", "r-b"] {
        assert_eq!(fixture.on(1, other(request_id)), []);
    }
    assert_eq!(fixture.invoke(2, "r-1"), [fixture.flush(2_002)]);
}

#[test]
fn with_a_flush_timeout_of_zero_nothing_is_held_and_documents_are_sent() {
    for strategy in [Strategy::End, Strategy::Adaptive] {
        let mut fixture = Fixture::with_telemetry();
        let limits = Limits::with_flush_timeout(Duration::ZERO);
        fixture.control = FlushControl::new(strategy, limits, true, false);
        fixture.on(0, Input::Telemetry);
        assert_eq!(fixture.invoke(0, "r-1"), [Action::Next, Action::Send]);
        fixture.on(10, BUFFERED);
        assert_eq!(fixture.on(20, Input::BatchFull), [Action::SendFull]);
        assert_eq!(fixture.on(1_010, Input::Tick), [Action::Send]);
        assert_eq!(fixture.on(2_000, DONE), [Action::Send]);
        assert_eq!(fixture.control.state(), &State::Waiting);
    }
}

#[test]
fn an_invocation_without_a_trace_or_without_a_sink_is_not_held() {
    for (trace, sink) in [(false, true), (true, false)] {
        let mut fixture = Fixture::with_telemetry();
        // The wrapper signals ends.
        fixture.invoke(0, "r-1");
        fixture.on(1, DONE);
        fixture.on(2, IDLE);
        let Input::Invoke {
            request_id,
            deadline,
            received,
            ..
        } = fixture.invocation(10, "r-2")
        else {
            unreachable!()
        };
        let invoke = Input::Invoke {
            request_id,
            deadline,
            received,
            may_trace: trace,
            can_delay: sink,
        };
        assert_eq!(fixture.on(10, invoke), [Action::Next, Action::Send]);
        // Documents that arrive nevertheless are sent.
        fixture.on(20, BUFFERED);
        let end = Input::Done { request_id: "r-2" };
        assert_eq!(fixture.on(30, end), [Action::Send]);
    }
}

#[test]
fn the_end_of_an_untraced_invocation_may_arrive_before_its_invoke() {
    let mut fixture = Fixture::with_strategy(Strategy::Next);
    assert_eq!(fixture.on(0, DONE), []);
    assert_eq!(fixture.invoke(1, "r-1"), [Action::Next, Action::Send]);
    assert_eq!(fixture.control.state(), &State::Waiting);
}

#[test]
fn the_strategy_next_sends_while_the_next_invocation_runs() {
    let mut fixture = Fixture::with_strategy(Strategy::Next);
    assert_eq!(fixture.invoke(0, "r-1"), [Action::Next, Action::Send]);
    fixture.on(10, BUFFERED);
    assert_eq!(fixture.on(20, DONE), []);
    assert_eq!(fixture.invoke(30, "r-2"), [Action::Next, Action::Send]);
    assert_eq!(fixture.due(), None, "nothing waits any more");
    fixture.on(40, BUFFERED);
    assert_eq!(
        fixture.due(),
        Some(1_040),
        "a long handler does not keep them"
    );
}

#[test]
fn the_strategy_background_sends_in_its_period() {
    let mut fixture = Fixture::with_strategy(Strategy::Background(ms(300)));
    assert_eq!(fixture.invoke(0, "r-1"), [Action::Next]);
    fixture.on(10, BUFFERED);
    assert_eq!(fixture.on(20, DONE), []);
    assert_eq!(fixture.invoke(30, "r-1"), [Action::Next]);
    fixture.on(40, BUFFERED);
    assert_eq!(fixture.due(), Some(310));
    assert_eq!(fixture.on(310, Input::Tick), [Action::Send]);
    assert_eq!(fixture.due(), None);
    assert_eq!(fixture.on(320, FAILED), []);
    assert_eq!(
        fixture.due(),
        Some(1_320),
        "not more often than in a second"
    );
}

#[test]
fn a_freeze_counts_to_the_period() {
    let mut fixture = Fixture::with_strategy(Strategy::Background(ms(300)));
    fixture.invoke(0, "r-1");
    fixture.on(10, BUFFERED);
    fixture.wall_zero += ms(270);
    assert_eq!(fixture.invoke(20, "r-2"), [Action::Next]);
    assert_eq!(fixture.due(), Some(40));
    fixture.wall_zero += ms(10);
    assert_eq!(fixture.invoke(30, "r-3"), [Action::Next, Action::Send]);
}

/// With the strategy `adaptive`, after 16 invocations in 160 ms.
fn dense() -> Fixture {
    let mut fixture = Fixture::with_strategy(Strategy::Adaptive);
    for n in 0..16 {
        let begun = 10 * n;
        let is_held = !fixture.invoke(begun, "r-1").contains(&Action::Next);
        assert_eq!(is_held, n < 15, "invocation {n}");
        fixture.on(begun + 1, BUFFERED);
        fixture.on(begun + 2, RUNTIME_DONE);
        if is_held {
            fixture.on(begun + 3, IDLE);
        }
    }
    fixture
}

#[test]
fn in_dense_traffic_nothing_is_held_and_documents_are_sent_each_200_ms() {
    let mut fixture = dense();
    // The last end sent at 152.
    assert_eq!(fixture.due(), None);
    assert_eq!(fixture.invoke(160, "r-2"), [Action::Next]);
    fixture.on(165, BUFFERED);
    let end = Input::Done { request_id: "r-2" };
    assert_eq!(fixture.on(166, end), []);
    assert_eq!(fixture.due(), Some(365));
    assert_eq!(fixture.on(365, Input::Tick), [Action::Send]);
    assert_eq!(fixture.due(), None);
}

#[test]
fn in_dense_but_slow_traffic_each_end_sends_beside_next() {
    let mut fixture = dense();
    // 152 + 200, of which the clock stood still for 100.
    fixture.wall_zero += ms(100);
    assert_eq!(fixture.invoke(240, "r-2"), [Action::Next]);
    let end = Input::Done { request_id: "r-2" };
    assert_eq!(fixture.on(251, end), [], "nothing waits");
    assert_eq!(fixture.invoke(252, "r-2"), [Action::Next]);
    fixture.on(252, BUFFERED);
    assert_eq!(fixture.on(252, end), [Action::Send]);
    assert_eq!(fixture.invoke(253, "r-3"), [Action::Next]);
    fixture.on(254, BUFFERED);
    let end = Input::Done { request_id: "r-3" };
    assert_eq!(fixture.on(451, end), []);
    assert_eq!(fixture.due(), Some(454));
    assert_eq!(fixture.control.state(), &State::Waiting);
}

#[test]
fn the_first_invocation_after_dense_traffic_sends_and_is_held() {
    let mut fixture = dense();
    fixture.wall_zero += ms(60_000);
    assert_eq!(fixture.invoke(160, "r-2"), [Action::Send]);
    let end = Input::Done { request_id: "r-2" };
    assert_eq!(fixture.on(170, end), [fixture.flush(2_170)]);
    fixture.on(175, IDLE);
    assert_eq!(fixture.invoke(180, "r-3")[0], Action::Next, "still dense");
}

#[test]
fn in_sparse_traffic_documents_wait_a_second_while_the_handler_runs() {
    let mut fixture = Fixture::with_strategy(Strategy::Adaptive);
    fixture.invoke(0, "r-1");
    fixture.on(10, BUFFERED);
    assert_eq!(fixture.due(), Some(1_010));
}

#[test]
fn sparse_traffic_is_held_for_ever() {
    let mut fixture = Fixture::with_strategy(Strategy::Adaptive);
    for n in 0..50 {
        fixture.wall_zero += ms(6_000);
        assert_eq!(fixture.invoke(10 * n, "r-1"), [Action::Send]);
        fixture.on(10 * n + 1, BUFFERED);
        assert!(matches!(
            fixture.on(10 * n + 2, RUNTIME_DONE)[..],
            [Action::Flush { .. }]
        ));
        fixture.on(10 * n + 3, IDLE);
    }
}

#[test]
fn five_invocations_without_a_document_are_held_and_a_document_holds_again() {
    let mut fixture = Fixture::with_strategy(Strategy::Adaptive);
    let mut at = 0;
    let mut is_held = |fixture: &mut Fixture, documents: &[Input<'_>]| {
        fixture.wall_zero += ms(6_000);
        at += 10;
        let is_held = !fixture.invoke(at, "r-1").contains(&Action::Next);
        documents.iter().for_each(|input| {
            fixture.on(at + 1, *input);
        });
        fixture.on(at + 2, RUNTIME_DONE);
        fixture.on(at + 3, IDLE);
        is_held
    };
    let of_platform = Input::Buffered { is_awaited: false };
    for n in 0..20 {
        assert_eq!(is_held(&mut fixture, &[of_platform]), n < 5, "{n}");
    }
    assert!(!is_held(&mut fixture, &[BUFFERED]));
    for n in 0..20 {
        assert_eq!(is_held(&mut fixture, &[]), n < 5, "{n}");
    }

    let mut fixture = Fixture::with_telemetry();
    assert!(
        (0..20).all(|_| is_held(&mut fixture, &[])),
        "the strategy end holds"
    );
}

#[test]
fn a_flush_out_of_time_calls_next() {
    let mut fixture = Fixture::with_telemetry();
    fixture.invoke(0, "r-1");
    assert_eq!(fixture.on(9_000, DONE), [fixture.flush(9_900)]);
    assert_eq!(fixture.on(9_899, Input::Tick), []);
    assert_eq!(fixture.on(9_900, Input::Tick), [Action::Next]);
    assert_eq!(fixture.control.state(), &State::Waiting);
}

#[test]
fn an_end_without_time_left_calls_next_and_then_sends() {
    for ended in [9_900, 9_950] {
        let mut fixture = Fixture::with_telemetry();
        fixture.invoke(0, "r-1");
        assert_eq!(fixture.on(ended, DONE), [Action::Next, Action::Send]);
        assert_eq!(fixture.control.state(), &State::Waiting);
    }
}

#[test]
fn an_invocation_shorter_than_the_margin_is_not_held() {
    for timeout in [50, 100] {
        let mut fixture = Fixture::with_telemetry();
        let invoke = Input::Invoke {
            request_id: "r-1",
            deadline: fixture.at(timeout),
            received: fixture.wall_zero,
            may_trace: true,
            can_delay: true,
        };
        assert_eq!(fixture.on(0, invoke)[0], Action::Next, "{timeout}");
    }
}

#[test]
fn documents_wait_a_second_and_a_full_batch_is_sent_at_once() {
    let mut fixture = Fixture::with_telemetry();
    fixture.invoke(0, "r-1");
    assert_eq!(fixture.on(10, BUFFERED), []);
    assert_eq!(fixture.on(500, BUFFERED), []);
    assert_eq!(fixture.due(), Some(1_010));
    assert_eq!(fixture.on(600, Input::BatchFull), [Action::SendFull]);
    assert_eq!(fixture.on(1_010, Input::Tick), [Action::Send]);
    assert_eq!(fixture.due(), Some(9_900));
}

#[test]
fn documents_of_a_flush_do_not_wait_for_a_full_batch() {
    let mut fixture = Fixture::with_telemetry();
    fixture.invoke(0, "r-1");
    fixture.on(10, BUFFERED);
    fixture.on(40, DONE);
    assert_eq!(fixture.on(41, BUFFERED), []);
    assert_eq!(fixture.on(42, Input::BatchFull), []);
    fixture.on(60, IDLE);
    assert_eq!(fixture.due(), None);
}

#[test]
fn failed_documents_are_sent_again_after_a_second_and_hold_nothing() {
    let mut fixture = Fixture::with_telemetry();
    fixture.invoke(0, "r-1");
    fixture.on(40, DONE);
    assert_eq!(fixture.on(60, FAILED), [Action::Next]);
    assert_eq!(fixture.due(), Some(1_060));
    assert_eq!(fixture.on(1_060, Input::Tick), [Action::Send]);
    assert_eq!(fixture.on(1_070, FAILED), []);
    assert_eq!(fixture.due(), Some(2_070));
}

#[test]
fn on_managed_instances_only_the_clock_sends() {
    let mut fixture = Fixture::unsubscribed();
    fixture.control = FlushControl::new(Strategy::End, LIMITS, true, true);
    fixture.on(0, BUFFERED);
    assert_eq!(fixture.on(5, DONE), []);
    assert_eq!(fixture.on(1_000, Input::Tick), [Action::Send]);
    assert_eq!(fixture.control.state(), &State::Waiting);
}

#[test]
fn shutdown_flushes_and_exits() {
    let mut fixture = Fixture::unsubscribed();
    assert_eq!(fixture.shutdown(0), [fixture.flush(1_800)]);
    assert_eq!(fixture.on(30, IDLE), [Action::Exit]);
    assert_eq!(
        (fixture.control.state(), fixture.due()),
        (&State::Ended, None)
    );
}

#[test]
fn shutdown_waits_100_ms_for_the_last_report() {
    let mut fixture = Fixture::with_telemetry();
    fixture.invoke(0, "r-1");
    fixture.on(40, RUNTIME_DONE);
    fixture.on(50, IDLE);
    assert_eq!(fixture.shutdown(1_000), [Action::Send]);
    assert_eq!(fixture.due(), Some(1_100));
    assert_eq!(fixture.on(1_050, IDLE), []);
    assert_eq!(fixture.on(1_099, Input::Tick), []);
    assert_eq!(fixture.on(1_100, Input::Tick), [fixture.flush(2_800)]);
}

#[test]
fn shutdown_does_not_wait_after_the_last_report() {
    let report = Input::Report { request_id: "r-1" };
    let mut fixture = Fixture::with_telemetry();
    fixture.invoke(0, "r-1");
    fixture.shutdown(1_000);
    assert_eq!(fixture.on(1_020, report), [fixture.flush(2_800)]);

    let mut fixture = Fixture::with_telemetry();
    fixture.invoke(0, "r-1");
    assert_eq!(fixture.on(500, report), []);
    assert_eq!(fixture.shutdown(1_000), [fixture.flush(2_800)]);
}

#[test]
fn at_shutdown_a_failed_flush_is_repeated_with_growing_pauses() {
    let mut fixture = Fixture::unsubscribed();
    fixture.shutdown(0);
    assert_eq!(fixture.on(5, Input::Tick), []);
    assert_eq!(fixture.on(10, FAILED), []);
    assert_eq!(fixture.due(), Some(110));
    assert_eq!(fixture.on(109, Input::Tick), []);
    assert_eq!(fixture.on(110, Input::Tick), [fixture.flush(1_800)]);
    assert_eq!(fixture.on(120, FAILED), []);
    assert_eq!(fixture.due(), Some(320));
    assert_eq!(fixture.on(1_800, Input::Tick), [Action::Exit]);
}

#[test]
fn documents_received_during_the_final_flush_are_sent_at_once() {
    let more = Input::Idle {
        has_waiting: true,
        is_failing: false,
    };
    let mut fixture = Fixture::unsubscribed();
    fixture.shutdown(0);
    assert_eq!(fixture.on(10, more), [fixture.flush(1_800)]);
    assert_eq!(fixture.on(1_800, more), [Action::Exit]);
}

#[test]
fn shutdown_flushes_in_every_state() {
    for prepare in [0, 1, 2] {
        let mut fixture = Fixture::with_telemetry();
        fixture.on(0, BUFFERED);
        if prepare > 0 {
            fixture.invoke(0, "r-1");
        }
        if prepare > 1 {
            fixture.on(1, DONE);
        }
        fixture.on(2, Input::Report { request_id: "r-1" });
        assert_eq!(fixture.shutdown(1_000), [fixture.flush(2_800)]);
        assert_eq!(fixture.due(), Some(2_800));
    }
}

#[test]
fn a_shutdown_without_time_left_exits_at_once() {
    for time in [50, 200] {
        let mut fixture = Fixture::with_telemetry();
        // Its report is due.
        fixture.invoke(0, "r-1");
        let deadline = fixture.at(time);
        assert_eq!(fixture.on(0, Input::Shutdown { deadline }), [Action::Exit]);
    }
}

#[test]
fn without_telemetry_the_early_end_of_a_retry_is_remembered() {
    let mut fixture = Fixture::unsubscribed();
    fixture.invoke(0, "r-0");
    fixture.on(10, Input::Done { request_id: "r-0" });
    fixture.invoke(100, "r-1");
    assert_eq!(fixture.on(110, DONE), [fixture.flush(2_110)]);
    fixture.on(120, IDLE);
    // The retry has the same request id, and its signal is read before its INVOKE.
    fixture.on(200, DONE);
    assert_eq!(fixture.invoke(210, "r-1"), [fixture.flush(2_210)]);
}

#[test]
fn with_telemetry_the_signal_and_the_report_of_one_end_are_one_end() {
    let mut fixture = Fixture::with_telemetry();
    fixture.invoke(0, "r-1");
    assert_eq!(fixture.on(10, DONE), [fixture.flush(2_010)]);
    fixture.on(20, IDLE);
    fixture.on(30, RUNTIME_DONE);
    fixture.invoke(200, "r-1");
    assert!(matches!(fixture.control.state(), State::Held { .. }));
}
