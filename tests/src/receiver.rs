//! A receiver in place of X-Ray. It records all requests and sends the responses that the test
//! has scripted.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::WAIT_TIMEOUT;
use crate::documents::Documents;

/// Listens on its own port until it is dropped.
#[derive(Debug)]
pub struct Receiver {
    address: SocketAddr,
    state: Arc<watch::Sender<State>>,
    task: Option<JoinHandle<()>>,
    // Bound, but never listening: reserves the port while the receiver does not listen.
    _port: TcpSocket,
}

/// A response to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScriptedResponse {
    /// 200, and the receiver accepts every document.
    Accept,
    /// 429 with an error in X-Ray's form. The receiver accepts no document.
    Throttle,
    /// 503. The receiver accepts no document.
    Unavailable,
    /// No response: the receiver closes the connection.
    CloseConnection,
}

/// A received request.
#[derive(Debug, Clone)]
pub struct Received {
    pub path: String,
    /// The header `authorization`; empty if it is missing.
    pub authorization: String,
    pub body: String,
    pub response: ScriptedResponse,
}

#[derive(Debug, Default)]
struct State {
    script: VecDeque<ScriptedResponse>,
    requests: Vec<Received>,
    accepted: Documents,
}

impl Receiver {
    /// Starts a receiver that accepts all documents.
    ///
    /// # Panics
    /// If no port is free, or outside a Tokio runtime.
    #[must_use]
    pub fn start() -> Self {
        let port = bind(SocketAddr::from(([127, 0, 0, 1], 0)));
        let address = port.local_addr().expect("a bound port");
        let state = Arc::new(watch::Sender::new(State::default()));
        let mut receiver = Self {
            address,
            state,
            task: None,
            _port: port,
        };
        receiver.listen();
        receiver
    }

    /// A value for `AWS_ENDPOINT_URL_XRAY`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Scripts the responses to the next requests. The receiver accepts all later ones.
    pub fn respond_next_with(&self, responses: impl IntoIterator<Item = ScriptedResponse>) {
        self.state
            .send_modify(|state| state.script.extend(responses));
    }

    /// Stops listening and closes every connection, as if X-Ray were unreachable. Keeps the port.
    pub async fn stop_listening(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
            // This drops the listener and the connections.
            let _ = task.await;
        }
    }

    /// Listens again, on the same port, after [`stop_listening`](Self::stop_listening).
    ///
    /// # Panics
    /// If the system does not allow it, or outside a Tokio runtime.
    pub fn listen_again(&mut self) {
        self.listen();
    }

    fn listen(&mut self) {
        let listener = bind(self.address).listen(128);
        let listener =
            listener.unwrap_or_else(|error| panic!("cannot listen at {}: {error}", self.address));
        self.task = Some(tokio::spawn(serve(listener, Arc::clone(&self.state))));
    }

    /// All requests so far, whatever their responses.
    #[must_use]
    pub fn requests(&self) -> Vec<Received> {
        self.state.borrow().requests.clone()
    }

    /// Every accepted document so far, in order of arrival.
    #[must_use]
    pub fn documents(&self) -> Documents {
        self.state.borrow().accepted.clone()
    }

    /// Waits until `enough` is true for the accepted documents, and returns them. `expected`
    /// describes them in the failure message.
    ///
    /// # Panics
    /// If this takes longer than [`WAIT_TIMEOUT`].
    pub async fn wait_until(
        &self,
        expected: &str,
        enough: impl Fn(&Documents) -> bool,
    ) -> Documents {
        let mut state = self.state.subscribe();
        let arrived = state.wait_for(|state| enough(&state.accepted));
        let arrived = tokio::time::timeout(WAIT_TIMEOUT, arrived).await.is_ok();
        let documents = self.documents();
        assert!(arrived, "{expected} did not arrive; received:\n{documents}");
        documents
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// Binds a socket that shares its port with the other socket of the same receiver.
fn bind(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().expect("a socket");
    let bound = socket
        .set_reuseport(true)
        .and_then(|()| socket.bind(address));
    bound.unwrap_or_else(|error| panic!("cannot bind {address}: {error}"));
    socket
}

async fn serve(listener: TcpListener, state: Arc<watch::Sender<State>>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // A failed connection is the client's problem. The pause is for an error that lasts,
            // such as too many open files: without it, this loop would spin.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let state = Arc::clone(&state);
        connections.spawn(async move {
            let service = service_fn(|request| respond(request, &state));
            // An error is expected: a client has closed the connection, or
            // `ScriptedResponse::CloseConnection` asks for it.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

/// The error that makes hyper close a connection.
#[derive(Debug)]
struct ConnectionClosed;

impl std::fmt::Display for ConnectionClosed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the test's script closes the connection")
    }
}

impl std::error::Error for ConnectionClosed {}

async fn respond(
    request: Request<Incoming>,
    state: &watch::Sender<State>,
) -> Result<Response<Full<Bytes>>, ConnectionClosed> {
    let path = request.uri().path().to_owned();
    let authorization = request.headers().get("authorization");
    let authorization = authorization
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    let Ok(body) = request.into_body().collect().await else {
        return Err(ConnectionClosed);
    };
    let body = String::from_utf8_lossy(&body.to_bytes()).into_owned();

    let mut response = ScriptedResponse::Accept;
    state.send_modify(|state| {
        response = state.script.pop_front().unwrap_or(ScriptedResponse::Accept);
        if response == ScriptedResponse::Accept && path == "/TraceSegments" {
            state.accepted.extend(put_trace_segments(&body));
        }
        state.requests.push(Received {
            path,
            authorization,
            body,
            response,
        });
    });
    let json_response = |status: u16, body: Value| {
        let builder = Response::builder()
            .status(status)
            .header("content-type", "application/json");
        builder
            .body(Full::new(Bytes::from(body.to_string())))
            .map_err(|_| ConnectionClosed)
    };
    match response {
        ScriptedResponse::Accept => json_response(200, json!({ "UnprocessedTraceSegments": [] })),
        ScriptedResponse::Throttle => json_response(
            429,
            json!({ "__type": "ThrottledException", "Message": "Rate exceeded" }),
        ),
        ScriptedResponse::Unavailable => {
            json_response(503, json!({ "message": "Service Unavailable" }))
        }
        ScriptedResponse::CloseConnection => Err(ConnectionClosed),
    }
}

/// The documents in a `PutTraceSegments` body; empty if the body has another form.
fn put_trace_segments(body: &str) -> Vec<String> {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    let documents = body["TraceSegmentDocuments"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    documents
        .iter()
        .filter_map(|document| Some(document.as_str()?.to_owned()))
        .collect()
}
