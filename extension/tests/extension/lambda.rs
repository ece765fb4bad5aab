//! A scripted Lambda: the Extensions API and the Telemetry API.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Mutex, oneshot};
use tokio::time::timeout;

/// Longer than any step of a test takes. A test that reaches it has failed.
pub(crate) const TEST_TIMEOUT: Duration = Duration::from_secs(20);

/// The function's timeout in most tests. None of them reaches it.
pub(crate) const FUNCTION_TIMEOUT: Duration = Duration::from_secs(30);

/// The behavior of the scripted Lambda.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LambdaOptions {
    /// The status of the response to a telemetry subscription, or [`NO_RESPONSE`].
    pub(crate) subscription: u16,
    /// The versions of the telemetry schema that are rejected with 400.
    pub(crate) rejected_schemas: &'static [&'static str],
    /// True if no extension may register for INVOKE, as on Managed Instances.
    pub(crate) invoke_forbidden: bool,
}

/// Lambda never responds.
pub(crate) const NO_RESPONSE: u16 = 0;

/// An event for a response of `/next`, and a channel that reports when it is written.
type QueuedEvent = (Value, oneshot::Sender<()>);

impl Default for LambdaOptions {
    fn default() -> Self {
        Self {
            subscription: 200,
            rejected_schemas: &[],
            invoke_forbidden: false,
        }
    }
}

/// The root of the trace header of every invocation.
pub(crate) const ROOT: &str = "Root=1-6750a1b2-00112233445566778899aabb";

/// A request of the extension.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Call {
    Register { name: String, events: Value },
    Subscribe(Value),
    Next,
}

#[derive(Debug)]
pub(crate) struct Lambda {
    pub(crate) address: String,
    calls: UnboundedReceiver<Call>,
    events: UnboundedSender<QueuedEvent>,
    telemetry_port: Option<u16>,
}

impl Lambda {
    pub(crate) async fn start(options: LambdaOptions) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (call_sender, calls) = unbounded_channel();
        let (events, queue) = unbounded_channel();
        let queue = Arc::new(Mutex::new(queue));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (calls, queue) = (call_sender.clone(), Arc::clone(&queue));
                tokio::spawn(async move {
                    let service = service_fn(|request| serve(request, options, &calls, &queue));
                    let server = hyper::server::conn::http1::Builder::new();
                    let _ = server.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self {
            address,
            calls,
            events,
            telemetry_port: None,
        }
    }

    /// Waits for the next request of the extension.
    pub(crate) async fn next_call(&mut self) -> Call {
        let call = timeout(TEST_TIMEOUT, self.calls.recv())
            .await
            .expect("a request of the extension")
            .unwrap();
        if let Call::Subscribe(subscription) = &call {
            let uri = subscription["destination"]["URI"].as_str().unwrap();
            let port = uri
                .strip_prefix("http://sandbox.localdomain:")
                .unwrap()
                .trim_end_matches('/');
            self.telemetry_port = Some(port.parse().unwrap());
        }
        call
    }

    /// Waits for the first `/next` of the extension. Returns its requests before that.
    pub(crate) async fn ready(&mut self) -> Vec<Call> {
        let mut calls = Vec::new();
        loop {
            match self.next_call().await {
                Call::Next => return calls,
                call => calls.push(call),
            }
        }
    }

    /// Waits for `/next`, which must be the next request.
    pub(crate) async fn wait_for_next(&mut self) {
        assert_eq!(self.next_call().await, Call::Next);
    }

    /// Returns whether a request arrived that no call of this type has returned.
    pub(crate) fn has_unread_call(&mut self) -> bool {
        !self.calls.is_empty()
    }

    /// Sends INVOKE for a sampled trace, with a deadline after `time`. Returns when the event is written, so that
    /// documents that the test sends next arrive after it.
    pub(crate) async fn invoke(&self, request_id: &str, time: Duration) {
        let header = format!("{ROOT};Parent=53995c3f42cd8ad8;Sampled=1;Lineage=1:2");
        self.invoke_with(request_id, time, &header).await;
    }

    /// Sends INVOKE as [`invoke`](Self::invoke), with this trace header.
    pub(crate) async fn invoke_with(&self, request_id: &str, time: Duration, header: &str) {
        let written = self.push_event(json!({
            "eventType": "INVOKE",
            "deadlineMs": epoch_ms() + time.as_millis() as u64,
            "requestId": request_id,
            "invokedFunctionArn": "arn:aws:lambda:eu-west-1:123456789012:function:orders",
            "tracing": {"type": "X-Amzn-Trace-Id", "value": header},
        }));
        timeout(TEST_TIMEOUT, written)
            .await
            .expect("the extension calls /next")
            .unwrap();
    }

    /// Sends SHUTDOWN, with a deadline after 2 s.
    pub(crate) fn shutdown(&self, reason: &str) {
        let deadline = epoch_ms() + 2_000;
        drop(self.push_event(
            json!({"eventType": "SHUTDOWN", "shutdownReason": reason, "deadlineMs": deadline}),
        ));
    }

    /// Queues an event for the next `/next`. The receiver reports when it is written: the server
    /// writes the response before another task of the test's only thread runs.
    pub(crate) fn push_event(&self, event: Value) -> oneshot::Receiver<()> {
        let (written, receiver) = oneshot::channel();
        self.events.send((event, written)).unwrap();
        receiver
    }

    /// Responds to every further `/next` with 500.
    pub(crate) fn fail_next_calls(&mut self) {
        self.events = unbounded_channel().0;
    }

    /// The port of the extension's telemetry listener.
    pub(crate) fn telemetry_port(&self) -> u16 {
        self.telemetry_port.expect("a subscription")
    }

    /// Posts a batch of telemetry. Returns the status of the response.
    pub(crate) async fn telemetry(&self, body: &str) -> u16 {
        let stream = TcpStream::connect(("127.0.0.1", self.telemetry_port()))
            .await
            .unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        let request = Request::post("/")
            .header("host", "sandbox.localdomain")
            .body(Full::new(Bytes::from(body.to_owned())))
            .unwrap();
        timeout(TEST_TIMEOUT, sender.send_request(request))
            .await
            .unwrap()
            .unwrap()
            .status()
            .as_u16()
    }

    /// Posts a `platform.runtimeDone`.
    pub(crate) async fn runtime_done(&self, request_id: &str) {
        let event = json!([{
            "time": "2026-01-10T09:00:00.171Z", "type": "platform.runtimeDone",
            "record": {"requestId": request_id, "status": "success"},
        }]);
        assert_eq!(self.telemetry(&event.to_string()).await, 200);
    }
}

/// The identifier that every request after the registration must have.
const IDENTIFIER: &str = "the-identifier";

async fn serve(
    request: Request<Incoming>,
    options: LambdaOptions,
    calls: &UnboundedSender<Call>,
    events: &Mutex<UnboundedReceiver<QueuedEvent>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body: Value =
        serde_json::from_slice(&body.collect().await.unwrap().to_bytes()).unwrap_or(Value::Null);
    let header = |name: &str| {
        head.headers
            .get(name)
            .map(|value| value.to_str().unwrap().to_owned())
    };
    let path = head.uri.path();
    if path == "/2020-01-01/extension/register" {
        let name = header("lambda-extension-name").unwrap();
        let events = body["events"].clone();
        let is_forbidden =
            options.invoke_forbidden && events.as_array().unwrap().contains(&json!("INVOKE"));
        let _ = calls.send(Call::Register { name, events });
        return Ok(registration_response(is_forbidden));
    }
    assert_eq!(
        header("lambda-extension-identifier").as_deref(),
        Some(IDENTIFIER)
    );
    Ok(match path {
        "/2022-07-01/telemetry" => {
            let schema = body["schemaVersion"].as_str().unwrap().to_owned();
            let _ = calls.send(Call::Subscribe(body));
            if options.rejected_schemas.contains(&schema.as_str()) {
                let error = json!({"errorType": "ValidationError", "errorMessage": "m"});
                return Ok(response(400, &error));
            }
            if options.subscription == NO_RESPONSE {
                std::future::pending::<()>().await;
            }
            response(options.subscription, &json!("OK"))
        }
        "/2020-01-01/extension/event/next" => {
            let _ = calls.send(Call::Next);
            match events.lock().await.recv().await {
                Some((event, written)) => {
                    let _ = written.send(());
                    response(200, &event)
                }
                None => response(500, &json!({})),
            }
        }
        path => panic!("the extension called {path}"),
    })
}

fn registration_response(is_forbidden: bool) -> Response<Full<Bytes>> {
    if is_forbidden {
        return response(
            403,
            &json!({"errorType": "Extension.InvalidEventType", "errorMessage": "m"}),
        );
    }
    let mut response = response(
        200,
        &json!({"functionName": "orders", "functionVersion": "$LATEST", "handler": "h"}),
    );
    response
        .headers_mut()
        .insert("lambda-extension-identifier", IDENTIFIER.parse().unwrap());
    response
}

fn response(status: u16, body: &Value) -> Response<Full<Bytes>> {
    Response::builder()
        .status(status)
        .body(Full::new(Bytes::from(body.to_string())))
        .unwrap()
}

pub(crate) fn epoch_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_millis() as u64
}
