//! An X-Ray that takes documents, and misbehaves as each test tells it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::lambda::PATIENCE;

/// What one request gets. Requests beyond the script are taken.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    Take,
    TakeAfter(Duration),
    /// A status and an error type.
    Refuse(u16, &'static str),
    /// 200, but for the documents of these ids; waits for a batch that holds one.
    Unprocessed(&'static str, Vec<String>),
    /// Never an answer.
    Hang,
    /// The connection ends without a byte, as one does that died in a freeze.
    Close,
    /// The connection ends in the middle of the answer.
    CloseInside,
    /// 200, and a page that a proxy shows.
    Page,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Put {
    pub(crate) head: String,
    pub(crate) body: String,
    pub(crate) documents: Vec<Value>,
}

impl Put {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// An X-Ray that refuses connections, and whose port nobody else can take.
#[derive(Debug)]
pub(crate) struct Away {
    pub(crate) address: String,
    socket: TcpSocket,
}

impl Away {
    pub(crate) fn new() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = socket.local_addr().unwrap().to_string();
        Self { address, socket }
    }

    pub(crate) fn back(self, script: impl IntoIterator<Item = Reply>) -> XRay {
        XRay::on(self.socket.listen(1_024).unwrap(), script)
    }
}

#[derive(Debug)]
pub(crate) struct XRay {
    pub(crate) address: String,
    puts: UnboundedReceiver<Put>,
    taken: Vec<Value>,
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
    pub(crate) async fn start(script: impl IntoIterator<Item = Reply>) -> Self {
        Away::new().back(script)
    }

    fn on(listener: TcpListener, script: impl IntoIterator<Item = Reply>) -> Self {
        let address = listener.local_addr().unwrap().to_string();
        let script = Arc::new(Mutex::new(VecDeque::from_iter(script)));
        let (put, puts) = unbounded_channel();
        let connections = Connections::default();
        let open = Arc::clone(&connections);
        let server = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let connection = tokio::spawn(serve(stream, Arc::clone(&script), put.clone()));
                open.lock().unwrap().push(connection);
            }
        });
        Self {
            address,
            puts,
            taken: Vec::new(),
            server,
            connections,
        }
    }

    pub(crate) fn close_connections(&self) {
        for connection in self.connections.lock().unwrap().drain(..) {
            connection.abort();
        }
    }

    /// The next request, whatever it gets.
    pub(crate) async fn put(&mut self) -> Put {
        let put = timeout(PATIENCE, self.puts.recv())
            .await
            .expect("a request to X-Ray")
            .unwrap();
        self.taken.extend(put.documents.iter().cloned());
        put
    }

    /// Every document that came so far, also those that were refused.
    pub(crate) fn so_far(&mut self) -> Vec<Value> {
        while let Ok(put) = self.puts.try_recv() {
            self.taken.extend(put.documents);
        }
        self.taken.clone()
    }

    /// Waits for the document of an id.
    pub(crate) async fn has(&mut self, id: &str) -> Value {
        loop {
            if let Some(document) = self.taken.iter().find(|document| document["id"] == id) {
                return document.clone();
            }
            self.put().await;
        }
    }
}

async fn serve(
    mut stream: TcpStream,
    script: Arc<Mutex<VecDeque<Reply>>>,
    puts: UnboundedSender<Put>,
) {
    while let Some(put) = read(&mut stream).await {
        let reply = next(&mut script.lock().unwrap(), &put);
        if let Reply::TakeAfter(time) = reply {
            sleep(time).await;
        }
        let _ = puts.send(put);
        let (status, error, body) = match reply {
            Reply::Take | Reply::TakeAfter(_) => {
                (200, "", r#"{"UnprocessedTraceSegments":[]}"#.to_owned())
            }
            Reply::Refuse(status, error) => (status, error, "{}".to_owned()),
            Reply::Unprocessed(code, ids) => {
                let of = |id| serde_json::json!({"Id": id, "ErrorCode": code, "Message": "m"});
                let list: Vec<Value> = ids.into_iter().map(of).collect();
                (
                    200,
                    "",
                    serde_json::json!({"UnprocessedTraceSegments": list}).to_string(),
                )
            }
            Reply::Hang => {
                std::future::pending::<()>().await;
                return;
            }
            Reply::Close => return,
            Reply::Page => (200, "", "<html>log in</html>".to_owned()),
            Reply::CloseInside => {
                let _ = stream
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{")
                    .await;
                return;
            }
        };
        let answer = format!(
            "HTTP/1.1 {status} x\r\nx-amzn-errortype: {error}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

fn next(script: &mut VecDeque<Reply>, put: &Put) -> Reply {
    if let Some(Reply::Unprocessed(_, ids)) = script.front()
        && !put
            .documents
            .iter()
            .any(|document| ids.iter().any(|id| document["id"] == **id))
    {
        return Reply::Take;
    }
    script.pop_front().unwrap_or(Reply::Take)
}

async fn read(stream: &mut TcpStream) -> Option<Put> {
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
    let mut put = Put {
        head,
        body: String::new(),
        documents: Vec::new(),
    };
    let length: usize = put.header("content-length").unwrap().parse().unwrap();
    let mut body = bytes.split_off(end + 4);
    while body.len() < length {
        match stream.read(&mut chunk).await {
            Ok(read) if read > 0 => body.extend_from_slice(&chunk[..read]),
            _ => return None,
        }
    }
    put.body = String::from_utf8(body).unwrap();
    let json: Value = serde_json::from_str(&put.body).unwrap();
    let documents = json["TraceSegmentDocuments"].as_array().unwrap().iter();
    put.documents = documents
        .map(|text| serde_json::from_str(text.as_str().unwrap()).unwrap())
        .collect();
    Some(put)
}
