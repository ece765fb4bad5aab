//! A scripted X-Ray, which accepts documents or fails as each test requires.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::lambda::TEST_TIMEOUT;

/// The response to one request. Requests after the end of the script are accepted.
#[derive(Debug, Clone)]
pub(crate) enum Response {
    Accept,
    AcceptAfter(Duration),
    /// An error with this status and type.
    Error(u16, &'static str),
    /// An error with this status, type and `Date`.
    ErrorAt(u16, &'static str, String),
    /// An error with this status, type and text.
    ErrorMessage(u16, &'static str, &'static str),
    /// Status 200, and the documents with these ids are unprocessed with this error code. Other
    /// batches are accepted until one contains such a document.
    Unprocessed(&'static str, Vec<String>),
    /// No response, and the connection stays open.
    Hang,
    /// The connection is closed without a response, as after a freeze.
    Close,
    /// The connection is closed in the middle of the response.
    Truncate,
    /// The connection is reset in the middle of the response.
    Reset,
    /// Status 200, and an HTML page of a proxy.
    ProxyPage,
    /// Status 200, and this body.
    Body(&'static str),
    /// Status 200, and a body without an end.
    Endless,
    /// Status 302, to an address that must not be called.
    Redirect(String),
    /// Status 429, with this `Retry-After`.
    Throttle(&'static str),
    /// This status for each batch with one of these ids; other batches are accepted.
    Invalid(u16, Vec<String>),
    /// This status for each batch with more documents; other batches are accepted.
    AtMost(u16, usize),
    /// This response to every further request.
    Always(Box<Response>),
}

/// A request, usually of PutTraceSegments.
#[derive(Debug, Clone)]
pub(crate) struct PutRequest {
    pub(crate) head: String,
    pub(crate) body: String,
    pub(crate) documents: Vec<Value>,
}

impl PutRequest {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// An X-Ray that refuses connections. It reserves its port.
#[derive(Debug)]
pub(crate) struct UnreachableXRay {
    pub(crate) address: String,
    socket: TcpSocket,
}

impl UnreachableXRay {
    pub(crate) fn new() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = socket.local_addr().unwrap().to_string();
        Self { address, socket }
    }

    /// Starts to accept connections.
    pub(crate) fn listen(self, script: impl IntoIterator<Item = Response>) -> XRay {
        XRay::on(self.socket.listen(1_024).unwrap(), script)
    }
}

/// An X-Ray whose packets are lost: it never accepts a connection and never refuses one.
#[derive(Debug)]
pub(crate) struct LostXRay {
    pub(crate) address: String,
    _listener: TcpListener,
    _queue: Vec<std::net::TcpStream>,
}

impl LostXRay {
    pub(crate) fn start() -> Self {
        let UnreachableXRay { address, socket } = UnreachableXRay::new();
        let listener = socket.listen(1).unwrap();
        let target = address.parse().unwrap();
        // Linux ignores SYN packets while the queue of connections is full.
        let connect = || std::net::TcpStream::connect_timeout(&target, Duration::from_millis(200));
        let queue = std::iter::from_fn(|| connect().ok()).collect();
        Self {
            address,
            _listener: listener,
            _queue: queue,
        }
    }
}

#[derive(Debug)]
pub(crate) struct XRay {
    pub(crate) address: String,
    requests: UnboundedReceiver<PutRequest>,
    received: Vec<Value>,
    request_sizes: Vec<usize>,
    server: JoinHandle<()>,
    connections: Connections,
}

type Connections = Arc<Mutex<Vec<JoinHandle<()>>>>;

impl Drop for XRay {
    fn drop(&mut self) {
        self.server.abort();
        self.close_connections();
    }
}

impl XRay {
    pub(crate) async fn start(script: impl IntoIterator<Item = Response>) -> Self {
        UnreachableXRay::new().listen(script)
    }

    fn on(listener: TcpListener, script: impl IntoIterator<Item = Response>) -> Self {
        let address = listener.local_addr().unwrap().to_string();
        let script = Arc::new(Mutex::new(VecDeque::from_iter(script)));
        let (request_sender, requests) = unbounded_channel();
        let connections = Connections::default();
        let open = Arc::clone(&connections);
        let server = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let connection =
                    tokio::spawn(serve(stream, Arc::clone(&script), request_sender.clone()));
                open.lock().unwrap().push(connection);
            }
        });
        Self {
            address,
            requests,
            received: Vec::new(),
            request_sizes: Vec::new(),
            server,
            connections,
        }
    }

    /// Closes every open connection.
    pub(crate) fn close_connections(&self) {
        for connection in self.connections.lock().unwrap().drain(..) {
            connection.abort();
        }
    }

    /// Waits for the next request, accepted or not.
    pub(crate) async fn next_request(&mut self) -> PutRequest {
        let request = timeout(TEST_TIMEOUT, self.requests.recv())
            .await
            .expect("a request to X-Ray")
            .unwrap();
        self.received.extend(request.documents.iter().cloned());
        self.request_sizes.push(request.documents.len());
        request
    }

    /// Every document received so far, accepted or not.
    pub(crate) fn received(&mut self) -> Vec<Value> {
        while let Ok(request) = self.requests.try_recv() {
            self.request_sizes.push(request.documents.len());
            self.received.extend(request.documents);
        }
        self.received.clone()
    }

    /// The number of documents in each request so far, accepted or not.
    pub(crate) fn request_sizes(&mut self) -> Vec<usize> {
        self.received();
        self.request_sizes.clone()
    }

    /// How often each of these documents was received, accepted or not.
    pub(crate) fn counts(&mut self, ids: impl IntoIterator<Item = String>) -> Vec<usize> {
        let received = self.received();
        let count = |id: String| {
            received
                .iter()
                .filter(|document| document["id"] == *id)
                .count()
        };
        ids.into_iter().map(count).collect()
    }

    /// The documents since the last call.
    pub(crate) fn take_received(&mut self) -> Vec<Value> {
        while let Ok(request) = self.requests.try_recv() {
            self.received.extend(request.documents);
        }
        std::mem::take(&mut self.received)
    }

    /// Waits for the document with this id.
    pub(crate) async fn wait_for(&mut self, id: &str) -> Value {
        loop {
            if let Some(document) = self.received.iter().find(|document| document["id"] == id) {
                return document.clone();
            }
            self.next_request().await;
        }
    }
}

/// The head of a response that is longer than any reader reads, and its first byte.
const LONG_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 100000000000\r\n\r\n{";

async fn serve(
    mut stream: TcpStream,
    script: Arc<Mutex<VecDeque<Response>>>,
    requests: UnboundedSender<PutRequest>,
) {
    while let Some(request) = read(&mut stream).await {
        if request.head.starts_with("POST /TelemetryRecords ") {
            // No part of a script.
            let response = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
            let _ = stream.write_all(response).await;
            continue;
        }
        let response = next(&mut script.lock().unwrap(), &request);
        if let Response::AcceptAfter(time) = response {
            sleep(time).await;
        }
        let _ = requests.send(request);
        let mut header = String::new();
        let (status, error, body) = match response {
            Response::Error(status, error) => (status, error, "{}".to_owned()),
            Response::ErrorAt(status, error, at) => {
                header = format!("date: {at}\r\n");
                (status, error, "{}".to_owned())
            }
            Response::ErrorMessage(status, error, message) => {
                (status, error, json!({"Message": message}).to_string())
            }
            Response::Throttle(retry_after) => {
                header = format!("retry-after: {retry_after}\r\n");
                (429, "ThrottledException", "{}".to_owned())
            }
            Response::Redirect(location) => {
                header = format!("location: {location}\r\n");
                (302, "", String::new())
            }
            Response::Unprocessed(code, ids) => (200, "", unprocessed(code, ids)),
            Response::Body(body) => (200, "", body.to_owned()),
            Response::ProxyPage => (200, "", "<html>log in</html>".to_owned()),
            Response::Hang => {
                std::future::pending::<()>().await;
                return;
            }
            Response::Close => return,
            Response::Truncate => {
                let _ = stream.write_all(LONG_HEAD).await;
                return;
            }
            Response::Reset => {
                let _ = stream.write_all(LONG_HEAD).await;
                stream.set_zero_linger().unwrap();
                return;
            }
            Response::Endless => {
                let _ = stream.write_all(LONG_HEAD).await;
                while stream.write_all(&[b'x'; 64 * 1024]).await.is_ok() {}
                return;
            }
            // `next` returns the others as one of those above.
            _ => (200, "", unprocessed("", Vec::new())),
        };
        let response = format!(
            "HTTP/1.1 {status} x\r\n{header}x-amzn-errortype: {error}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        if stream.write_all(response.as_bytes()).await.is_err() {
            return;
        }
    }
}

fn unprocessed(code: &str, ids: Vec<String>) -> String {
    let entry = |id| json!({"Id": id, "ErrorCode": code, "Message": "m"});
    let entries: Vec<Value> = ids.into_iter().map(entry).collect();
    json!({"UnprocessedTraceSegments": entries}).to_string()
}

fn next(script: &mut VecDeque<Response>, request: &PutRequest) -> Response {
    if let Some(Response::Unprocessed(_, ids)) = script.front()
        && !request
            .documents
            .iter()
            .any(|document| ids.iter().any(|id| document["id"] == **id))
    {
        return Response::Accept;
    }
    match script.front() {
        Some(Response::Always(response)) => (**response).clone(),
        Some(Response::Invalid(status, ids)) => {
            let is_invalid = |document: &Value| ids.iter().any(|id| document["id"] == **id);
            error_if(*status, request.documents.iter().any(is_invalid))
        }
        Some(Response::AtMost(status, documents)) => {
            error_if(*status, request.documents.len() > *documents)
        }
        _ => script.pop_front().unwrap_or(Response::Accept),
    }
}

fn error_if(status: u16, is_error: bool) -> Response {
    if is_error {
        Response::Error(status, "InvalidRequestException")
    } else {
        Response::Accept
    }
}

async fn read(stream: &mut TcpStream) -> Option<PutRequest> {
    let mut bytes = Vec::new();
    let mut chunk = vec![0; 64 * 1024];
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        match stream.read(&mut chunk).await {
            Ok(length) if length > 0 => bytes.extend_from_slice(&chunk[..length]),
            _ => return None,
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut request = PutRequest {
        head,
        body: String::new(),
        documents: Vec::new(),
    };
    let length: usize = request.header("content-length").unwrap().parse().unwrap();
    let mut body = bytes.split_off(end + 4);
    while body.len() < length {
        match stream.read(&mut chunk).await {
            Ok(read) if read > 0 => body.extend_from_slice(&chunk[..read]),
            _ => return None,
        }
    }
    request.body = String::from_utf8(body).unwrap();
    let json: Value = serde_json::from_str(&request.body).unwrap();
    let documents = json["TraceSegmentDocuments"].as_array();
    request.documents = documents
        .into_iter()
        .flatten()
        .map(|text| serde_json::from_str(text.as_str().unwrap()).unwrap())
        .collect();
    Some(request)
}
