//! A Lambda that does as each test tells it: Extensions API and Telemetry API.

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

/// Longer than anything here takes; a test that waits for it has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// What Lambda does out of the ordinary.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manners {
    /// The status that a telemetry subscription gets, or [`SILENCE`].
    pub(crate) subscription: u16,
    /// INVOKE may not be registered, as on Managed Instances.
    pub(crate) invoke_forbidden: bool,
}

/// Never an answer.
pub(crate) const SILENCE: u16 = 0;

/// What `/next` answers, and who waits for it to be written.
type Told = (Value, oneshot::Sender<()>);

impl Default for Manners {
    fn default() -> Self {
        Self {
            subscription: 200,
            invoke_forbidden: false,
        }
    }
}

/// A call that the extension made.
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
    events: UnboundedSender<Told>,
    telemetry_port: Option<u16>,
}

impl Lambda {
    pub(crate) async fn start(manners: Manners) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (called, calls) = unbounded_channel();
        let (events, queue) = unbounded_channel();
        let queue = Arc::new(Mutex::new(queue));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (called, queue) = (called.clone(), Arc::clone(&queue));
                tokio::spawn(async move {
                    let service = service_fn(|request| serve(request, manners, &called, &queue));
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

    /// The next call of the extension.
    pub(crate) async fn call(&mut self) -> Call {
        let call = timeout(PATIENCE, self.calls.recv())
            .await
            .expect("the extension calls")
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

    /// Lets the extension start, until its first `/next`.
    pub(crate) async fn ready(&mut self) -> Vec<Call> {
        let mut calls = Vec::new();
        loop {
            match self.call().await {
                Call::Next => return calls,
                call => calls.push(call),
            }
        }
    }

    /// Waits for `/next`, which ends the invocation.
    pub(crate) async fn next(&mut self) {
        assert_eq!(self.call().await, Call::Next);
    }

    pub(crate) fn has_been_called(&mut self) -> bool {
        !self.calls.is_empty()
    }

    /// Tells of an invocation, and returns when the extension has been told: what a test
    /// sends then comes behind it.
    pub(crate) async fn invoke(&self, request_id: &str, time: Duration) {
        let written = self.event(json!({
            "eventType": "INVOKE",
            "deadlineMs": epoch_ms() + time.as_millis() as u64,
            "requestId": request_id,
            "invokedFunctionArn": "arn:aws:lambda:eu-west-1:123456789012:function:orders",
            "tracing": {"type": "X-Amzn-Trace-Id", "value": "Root=1-6750a1b2-00112233445566778899aabb;Lineage=1:2"},
        }));
        timeout(PATIENCE, written)
            .await
            .expect("the extension calls /next")
            .unwrap();
    }

    pub(crate) fn shutdown(&self, reason: &str) {
        let deadline = epoch_ms() + 2_000;
        drop(self.event(
            json!({"eventType": "SHUTDOWN", "shutdownReason": reason, "deadlineMs": deadline}),
        ));
    }

    /// An event for the next `/next`. The receiver hears when it has been written: the
    /// server answers and writes before another task of the test's one thread runs.
    pub(crate) fn event(&self, event: Value) -> oneshot::Receiver<()> {
        let (written, receiver) = oneshot::channel();
        self.events.send((event, written)).unwrap();
        receiver
    }

    /// Refuses every `/next` from now on, with 500.
    pub(crate) fn close(&mut self) {
        self.events = unbounded_channel().0;
    }

    /// Posts a batch of telemetry and returns the status that it got.
    pub(crate) async fn telemetry(&self, body: &str) -> u16 {
        let port = self.telemetry_port.expect("a subscription");
        let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        let request = Request::post("/")
            .header("host", "sandbox.localdomain")
            .body(Full::new(Bytes::from(body.to_owned())))
            .unwrap();
        timeout(PATIENCE, sender.send_request(request))
            .await
            .unwrap()
            .unwrap()
            .status()
            .as_u16()
    }

    /// Tells, by telemetry, that the runtime is done with an invocation.
    pub(crate) async fn runtime_done(&self, request_id: &str) {
        let event = json!([{
            "time": "2026-01-10T09:00:00.171Z", "type": "platform.runtimeDone",
            "record": {"requestId": request_id, "status": "success"},
        }]);
        assert_eq!(self.telemetry(&event.to_string()).await, 200);
    }
}

async fn serve(
    request: Request<Incoming>,
    manners: Manners,
    called: &UnboundedSender<Call>,
    events: &Mutex<UnboundedReceiver<Told>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body: Value =
        serde_json::from_slice(&body.collect().await.unwrap().to_bytes()).unwrap_or(Value::Null);
    let header = |name: &str| {
        head.headers
            .get(name)
            .map(|value| value.to_str().unwrap().to_owned())
    };
    let answer = |status: u16, body: Value| {
        Response::builder()
            .status(status)
            .body(Full::new(Bytes::from(body.to_string())))
            .unwrap()
    };
    if head.uri.path() != "/2020-01-01/extension/register" {
        assert_eq!(
            header("lambda-extension-identifier").as_deref(),
            Some("the-identifier")
        );
    }
    Ok(match head.uri.path() {
        "/2020-01-01/extension/register" => {
            let name = header("lambda-extension-name").unwrap();
            let events = body["events"].clone();
            let forbidden =
                manners.invoke_forbidden && events.as_array().unwrap().contains(&json!("INVOKE"));
            let _ = called.send(Call::Register { name, events });
            if forbidden {
                answer(
                    403,
                    json!({"errorType": "Extension.InvalidEventType", "errorMessage": "m"}),
                )
            } else {
                let mut answer = answer(
                    200,
                    json!({"functionName": "orders", "functionVersion": "$LATEST", "handler": "h"}),
                );
                answer.headers_mut().insert(
                    "lambda-extension-identifier",
                    "the-identifier".parse().unwrap(),
                );
                answer
            }
        }
        "/2022-07-01/telemetry" => {
            let _ = called.send(Call::Subscribe(body));
            if manners.subscription == SILENCE {
                std::future::pending::<()>().await;
            }
            answer(manners.subscription, json!("OK"))
        }
        "/2020-01-01/extension/event/next" => {
            let _ = called.send(Call::Next);
            let told = events.lock().await.recv().await;
            told.map_or_else(
                || answer(500, json!({})),
                |(event, written)| {
                    let _ = written.send(());
                    answer(200, event)
                },
            )
        }
        path => panic!("the extension called {path}"),
    })
}

pub(crate) fn epoch_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_millis() as u64
}
