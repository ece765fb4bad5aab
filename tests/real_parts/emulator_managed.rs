//! Lambda Managed Instances in AWS's own Lambda emulator: a Rust function with two workers,
//! the wrapper and the extension, and AWS's Telemetry API and trace header.

use serde_json::{Value, json};
use xray_lambda_tests::documents::Documents;
use xray_lambda_tests::emulator::{Emulator, Function, Mode};
use xray_lambda_tests::receiver::Receiver;
use xray_lambda_tests::{artifact, port};

const FIRST: Request = Request {
    root: "1-6750a1b2-00112233445566778899aab1",
    parent: "53995c3f42cd8ad1",
    tenant: "first",
};
const SECOND: Request = Request {
    root: "1-6750a1b2-00112233445566778899aab2",
    parent: "53995c3f42cd8ad2",
    tenant: "second",
};

struct Request {
    root: &'static str,
    parent: &'static str,
    tenant: &'static str,
}

impl Request {
    fn header(&self) -> String {
        format!("Root={};Parent={};Sampled=1", self.root, self.parent)
    }

    /// An event whose invocation waits for a second invocation.
    fn together(&self) -> Value {
        json!({ "tenant": self.tenant, "together": true })
    }
}

/// Starts the emulator with the Rust function, and with the extension, which sends to `receiver`.
async fn start_with_rust_function(receiver: &Receiver) -> Emulator {
    let bootstrap = artifact::traced_function();
    let function = Function {
        handler: "bootstrap",
        files: vec![("bootstrap", &bootstrap)],
        environment: vec![
            ("AWS_ENDPOINT_URL_XRAY", receiver.url()),
            ("AWS_XRAY_DAEMON_ADDRESS", port::daemon_address()),
            ("AWS_LAMBDA_FUNCTION_NAME", "orders".to_owned()),
            // The emulator does not trace actively, so Lambda records no segment.
            ("XRAY_LAMBDA_FUNCTION_SEGMENT", "true".to_owned()),
        ],
    };
    Emulator::start(Mode::ManagedInstances { workers: 2 }, &function).await
}

/// Invokes the function twice, so that both invocations run at the same time.
async fn invoke_two_concurrently(emulator: &Emulator) {
    let (first, second) = tokio::join!(
        invoke_when_ready(emulator, FIRST),
        invoke_when_ready(emulator, SECOND)
    );
    assert_eq!(first["tenant"], "first", "{}", emulator.log());
    assert_eq!(first["trace"], FIRST.header());
    assert_eq!(second["tenant"], "second", "{}", emulator.log());
    assert_eq!(second["trace"], SECOND.header());
}

/// Invokes the function and returns its response. An instance is ready with its first
/// worker, and rejects further requests until the second worker is ready; this function
/// repeats them.
async fn invoke_when_ready(emulator: &Emulator, request: Request) -> Value {
    loop {
        let response = emulator
            .invoke(Some(&request.header()), &request.together())
            .await;
        if !response.body.contains("Runtime.Unavailable") {
            return response.json();
        }
    }
}

#[tokio::test]
async fn two_concurrent_requests_are_two_traces_each_under_its_own_parent() {
    let receiver = Receiver::start();
    let mut emulator = start_with_rust_function(&receiver).await;
    invoke_two_concurrently(&emulator).await;
    emulator.shut_down().await;

    let documents = receiver.documents();
    documents.assert_strict();
    for request in [FIRST, SECOND] {
        let trace = documents.of_trace(request.root).flat();
        let work = trace.one("work");
        assert_eq!(work["annotations"]["tenant"], request.tenant);
        assert_eq!(topmost_parent(&trace, work), request.parent, "{documents}");
        for below in ["hold", "inner"] {
            assert_eq!(trace.one(below)["parent_id"], work["id"]);
            assert_eq!(trace.one(below)["annotations"]["tenant"], request.tenant);
        }
    }
}

#[tokio::test]
async fn the_platforms_spans_are_in_the_function_segment_of_their_own_request() {
    let receiver = Receiver::start();
    let emulator = start_with_rust_function(&receiver).await;
    invoke_two_concurrently(&emulator).await;
    let arrived = |documents: &Documents| documents.flat().named("Response latency").len() == 2;
    let documents = receiver.wait_until("`Response latency`", arrived).await;

    for request in [FIRST, SECOND] {
        let trace = documents.of_trace(request.root).flat();
        let latency = trace.one("Response latency");
        let segment = trace.one("orders");
        assert_eq!(latency["parent_id"], segment["id"]);
        assert_eq!(segment["parent_id"], request.parent);
        let hold = trace.one("hold");
        let time = |document: &Value, name: &str| document[name].as_f64().expect("a time");
        // The times in the telemetry are whole milliseconds.
        assert!(
            time(latency, "start_time") <= time(hold, "start_time") + 0.001,
            "{documents}"
        );
        assert!(
            time(latency, "end_time") + 0.001 >= time(hold, "end_time"),
            "{documents}"
        );
    }
}

#[tokio::test]
async fn an_unsampled_request_leaves_no_document() {
    let receiver = Receiver::start();
    let mut emulator = start_with_rust_function(&receiver).await;
    let unsampled = FIRST.header().replace("Sampled=1", "Sampled=0");
    let response = emulator
        .invoke(Some(&unsampled), &json!({ "tenant": "first" }))
        .await;
    assert_eq!(response.json()["tenant"], "first", "{}", emulator.log());
    let response = emulator
        .invoke(Some(&SECOND.header()), &json!({ "tenant": "second" }))
        .await;
    assert_eq!(response.json()["tenant"], "second", "{}", emulator.log());
    emulator.shut_down().await;

    let documents = receiver.documents();
    assert!(
        documents.of_trace(FIRST.root).as_slice().is_empty(),
        "{documents}"
    );
    assert_eq!(
        documents.of_trace(SECOND.root).flat().named("work").len(),
        1,
        "{documents}"
    );
}

#[tokio::test]
async fn documents_arrive_while_the_instance_keeps_running() {
    let receiver = Receiver::start();
    let emulator = start_with_rust_function(&receiver).await;
    let response = emulator
        .invoke(Some(&FIRST.header()), &json!({ "tenant": "first" }))
        .await;
    assert_eq!(response.json()["tenant"], "first", "{}", emulator.log());
    // The test sends no SHUTDOWN and no other invocation.
    receiver
        .wait_until("`work`", |documents| {
            !documents.flat().named("work").is_empty()
        })
        .await;
}

/// The parent of the topmost ancestor of `document`.
fn topmost_parent<'a>(trace: &'a Documents, document: &'a Value) -> &'a Value {
    let parent = &document["parent_id"];
    let above = trace
        .as_slice()
        .iter()
        .find(|candidate| candidate["id"] == *parent);
    above.map_or(parent, |above| topmost_parent(trace, above))
}
