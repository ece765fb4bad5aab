use bytes::Bytes;
use uuid::Uuid;
use xray_document::Timestamp;

use super::*;
use crate::process::Exit;

const NOW: Timestamp = Timestamp::from_micros(1_733_337_522_000_000);
const BOTH: RegisteredEvents = RegisteredEvents {
    invoke: true,
    shutdown: true,
};
const INVOKE: RegisteredEvents = RegisteredEvents {
    invoke: true,
    shutdown: false,
};

fn request(id: &str) -> Request {
    Request {
        id: id.to_owned(),
        arn: "arn:aws:lambda:eu-west-1:123456789012:function:orders".to_owned(),
        payload: Bytes::new(),
        deadline_ms: 0,
        trace_header: String::new(),
        client_context: None,
    }
}

fn response() -> RuntimeResponse {
    RuntimeResponse {
        payload: Bytes::new(),
        error_type: None,
        xray_cause: None,
        first_byte: NOW,
        complete: NOW,
    }
}

/// An initialized environment, with one extension that registered for both events.
fn initialized() -> (State, Uuid) {
    let mut state = State::default();
    state.extension_started("ext");
    let id = state.register("ext", BOTH).unwrap();
    state.runtime_started();
    state.runtime_next(NOW).unwrap();
    assert!(state.extension_next(id, NOW).unwrap());
    assert!(state.all_ready());
    state.init_done();
    (state, id)
}

fn kind<T: std::fmt::Debug>(result: Result<T, Rejection>) -> &'static str {
    result.unwrap_err().error_type
}

#[test]
fn init_ends_when_the_runtime_and_every_extension_wait_in_next() {
    let mut state = State::default();
    state.extension_started("ext");
    assert!(!state.extensions_registered());
    let id = state.register("ext", RegisteredEvents::default()).unwrap();
    assert!(state.extensions_registered());
    state.runtime_started();
    state.runtime_next(NOW).unwrap();
    assert!(!state.all_ready());
    state.extension_next(id, NOW).unwrap();
    assert!(state.all_ready());
}

#[test]
fn an_invocation_ends_when_the_runtime_and_the_invoked_extensions_wait_in_next() {
    let (mut state, id) = initialized();
    state.dispatch(request("r-1"));
    assert!(!state.invoke_done());
    assert_eq!(state.runtime_fetch().unwrap().id, "r-1");
    assert!(state.runtime_fetch().is_none());
    state.runtime_responded("r-1", response()).unwrap();
    state.runtime_next(NOW).unwrap();
    assert!(!state.invoke_done());
    assert!(matches!(
        state.extension_fetch(id),
        Some(ExtensionEvent::Invoke(_))
    ));
    assert!(!state.extension_next(id, NOW).unwrap());
    assert!(state.invoke_done());
}

#[test]
fn an_extension_that_asks_again_before_it_fetched_is_still_invoked() {
    let (mut state, id) = initialized();
    state.dispatch(request("r-1"));
    state.extension_next(id, NOW).unwrap();
    assert!(!state.invoke_done());
    assert!(state.has_event(id));
}

#[test]
fn an_extension_without_invoke_does_not_hold_the_invocation() {
    let mut state = State::default();
    state.extension_started("ext");
    let id = state
        .register(
            "ext",
            RegisteredEvents {
                invoke: false,
                shutdown: true,
            },
        )
        .unwrap();
    state.runtime_started();
    state.runtime_next(NOW).unwrap();
    state.extension_next(id, NOW).unwrap();
    state.init_done();
    state.dispatch(request("r-1"));
    assert!(!state.has_event(id));
    state.runtime_fetch().unwrap();
    state.runtime_responded("r-1", response()).unwrap();
    state.runtime_next(NOW).unwrap();
    assert!(state.invoke_done());
}

#[test]
fn only_the_running_request_accepts_a_response_and_only_one() {
    let (mut state, _) = initialized();
    assert_eq!(
        kind(state.runtime_responded("r-1", response())),
        "InvalidRequestID"
    );
    state.dispatch(request("r-1"));
    assert_eq!(
        kind(state.runtime_responded("r-1", response())),
        "InvalidStateTransition"
    );
    state.runtime_fetch().unwrap();
    assert_eq!(kind(state.runtime_next(NOW)), "InvalidStateTransition");
    assert_eq!(
        kind(state.runtime_responded("r-0", response())),
        "InvalidRequestID"
    );
    state.runtime_responded("r-1", response()).unwrap();
    assert_eq!(
        kind(state.runtime_responded("r-1", response())),
        "InvalidStateTransition"
    );
}

#[test]
fn registration_is_rejected_with_lambdas_error_types() {
    let mut state = State::default();
    state.extension_started("ext");
    assert_eq!(
        kind(state.register("other", INVOKE)),
        "Extension.InvalidExtensionName"
    );
    state.register("ext", BOTH).unwrap();
    assert_eq!(
        kind(state.register("ext", BOTH)),
        "Extension.InvalidExtensionState"
    );
    state.runtime_started();
    assert_eq!(
        kind(state.register("inner", BOTH)),
        "Extension.InvalidEventType"
    );
    for n in 0..9 {
        state.register(&format!("inner-{n}"), INVOKE).unwrap();
    }
    assert_eq!(
        kind(state.register("inner-9", INVOKE)),
        "Extension.TooManyExtensions"
    );
    state.runtime_next(NOW).unwrap();
    assert_eq!(
        kind(state.register("late", INVOKE)),
        "Extension.RegistrationClosed"
    );
    state.init_done();
    assert_eq!(
        kind(state.register("ext", BOTH)),
        "Extension.RegistrationClosed"
    );
}

#[test]
fn an_unregistered_extension_has_no_valid_identifier() {
    let mut state = State::default();
    state.extension_started("ext");
    let id = state.extensions[0].id;
    assert_eq!(
        kind(state.extension_next(id, NOW)),
        "Extension.UnknownExtensionIdentifier"
    );
}

#[test]
fn an_extension_that_reported_its_exit_receives_no_more_events() {
    let (mut state, id) = initialized();
    state
        .extension_failed(id, ExtensionState::ExitError("Extension.Bug".into()))
        .unwrap();
    assert_eq!(
        kind(state.extension_next(id, NOW)),
        "Extension.InvalidExtensionState"
    );
    assert_eq!(state.failure().unwrap().error_type(), "Extension.ExitError");
}

#[test]
fn an_init_error_is_rejected_after_init() {
    let (mut state, id) = initialized();
    let late = ExtensionState::InitError("Extension.Late".into());
    assert_eq!(
        kind(state.extension_failed(id, late)),
        "Extension.InvalidExtensionState"
    );
    assert_eq!(
        kind(state.runtime_init_error("Runtime.Late".into(), Bytes::new())),
        "InvalidStateTransition"
    );
}

#[test]
fn a_reported_error_outlives_the_exit() {
    let mut state = State::default();
    state.extension_started("ext");
    let id = state.register("ext", BOTH).unwrap();
    state
        .extension_failed(id, ExtensionState::InitError("Extension.Config".into()))
        .unwrap();
    state.extension_exited("ext", Exit::Code(1));
    assert_eq!(state.failure().unwrap().error_type(), "Extension.InitError");

    let mut state = State::default();
    state.runtime_started();
    state
        .runtime_init_error("Runtime.ImportError".into(), Bytes::new())
        .unwrap();
    state.runtime_exited(Exit::Code(1));
    assert_eq!(state.failure().unwrap().error_type(), "Runtime.ImportError");
}

#[test]
fn the_end_of_a_process_is_a_failure_unless_the_environment_shuts_down() {
    let (mut state, _) = initialized();
    state.extension_exited("ext", Exit::Code(0));
    assert_eq!(state.failure().unwrap().error_type(), "Extension.Crash");
    state.announce_shutdown(ShutdownReason::Spindown, 0);
    state.runtime_exited(Exit::Signal(15));
    assert_eq!(state.failure(), None);
}

#[test]
fn shutdown_replaces_an_invoke_that_was_not_fetched() {
    let (mut state, id) = initialized();
    state.dispatch(request("r-1"));
    state.announce_shutdown(ShutdownReason::Timeout, 17);
    assert!(matches!(
        state.extension_fetch(id),
        Some(ExtensionEvent::Shutdown {
            reason: ShutdownReason::Timeout,
            deadline_ms: 17
        })
    ));
    assert!(state.extension_fetch(id).is_none());
}

#[test]
fn a_response_is_rejected_with_the_reason_of_its_state() {
    let (mut state, _) = initialized();
    state.dispatch(request("r-1"));
    let message = |state: &State| state.check_may_respond("r-1").unwrap_err().message;
    assert_eq!(message(&state), "request r-1 was not fetched with /next");
    state.runtime_fetch();
    state.runtime_responded("r-1", response()).unwrap();
    assert_eq!(message(&state), "request r-1 has a response already");
    state.runtime_exited(Exit::Code(1));
    assert_eq!(message(&state), "the runtime has exited");
}
