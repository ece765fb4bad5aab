//! Documents per second that `PutTraceSegments` accepts. Both services get the same bytes from
//! the same client code.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use xray_document::{Document, Segment, SegmentId, Subsegment, Timestamp, TraceId};

use crate::Row;
use crate::statistics::median;

const BATCH: usize = 50;
const BATCHES: usize = 40;
const ROUNDS: usize = 5;

pub(crate) fn run(xray_local: &Path, moto: &Path) -> Row {
    let data = std::env::temp_dir().join(format!("xray-bench-{}", std::process::id()));
    let ports = [free_port(), free_port()];
    let mut ours = Command::new(xray_local);
    ours.args([
        "serve",
        "--listen",
        &format!("127.0.0.1:{}", ports[0]),
        "--data",
    ])
    .arg(&data);
    let mut theirs = Command::new(moto);
    theirs.args(["-H", "127.0.0.1", "-p", &ports[1].to_string()]);
    let services = [
        Service::start(ours, ports[0]),
        Service::start(theirs, ports[1]),
    ];
    let mut rates: [Vec<f64>; 2] = Default::default();
    for _ in 0..ROUNDS {
        for (service, rates) in services.iter().zip(&mut rates) {
            rates.push(service.documents_per_second());
        }
    }
    drop(services);
    // If this fails, the system cleans its temporary folder later.
    let _ = std::fs::remove_dir_all(data);
    let [ours, peer] = rates.map(median);
    Row {
        what: "xray-local: PutTraceSegments, more is better (moto's server)",
        unit: "documents/s",
        ours,
        peer,
    }
}

struct Service {
    child: Child,
    port: u16,
}

impl Service {
    fn start(mut command: Command, port: u16) -> Self {
        let child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let service = Self { child, port };
        let deadline = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "{command:?} does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        service
    }

    fn documents_per_second(&self) -> f64 {
        let bodies: Vec<String> = (0..BATCHES).map(|_| body()).collect();
        let mut connection = None;
        let started = Instant::now();
        for body in &bodies {
            self.post(&mut connection, body);
        }
        (BATCHES * BATCH) as f64 / started.elapsed().as_secs_f64()
    }

    /// Sends one request over a kept connection. Moto's server closes it after each response.
    fn post(&self, connection: &mut Option<TcpStream>, body: &str) {
        let mut stream = connection.take().unwrap_or_else(|| {
            let stream = TcpStream::connect(("127.0.0.1", self.port)).expect("a running service");
            stream.set_nodelay(true).expect("a socket");
            stream
        });
        let head = format!(
            "POST /TraceSegments HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Type: application/json\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/xray/aws4_request, \
             SignedHeaders=host, Signature=00\r\nContent-Length: {}\r\n\r\n",
            self.port,
            body.len()
        );
        stream.write_all(head.as_bytes()).expect("a request");
        stream.write_all(body.as_bytes()).expect("a request");
        let mut reader = BufReader::new(stream.try_clone().expect("a socket"));
        let mut status = String::new();
        reader.read_line(&mut status).expect("a response");
        assert!(status.contains(" 200 "), "{status}");
        let (mut length, mut keep) = (0, true);
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).expect("a header");
            let header = header.trim_end().to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse().expect("a length");
            }
            keep &= header != "connection: close";
        }
        let mut response = vec![0; length];
        reader.read_exact(&mut response).expect("a response");
        let response = String::from_utf8_lossy(&response);
        assert!(
            !response.contains("ErrorCode"),
            "documents were rejected: {response}"
        );
        if keep {
            *connection = Some(stream);
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It fails if the process has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn body() -> String {
    let documents: Vec<String> = (0..BATCH).map(|_| document()).collect();
    serde_json::json!({ "TraceSegmentDocuments": documents }).to_string()
}

/// A segment with one DynamoDB call, about 600 bytes.
fn document() -> String {
    let now = Timestamp::now();
    let trace = TraceId::random((now.as_micros() / 1_000_000) as u32);
    let mut segment = Segment::new("orders", trace, SegmentId::random(), now);
    segment.end_time = Some(now + Duration::from_millis(40));
    segment
        .annotations
        .insert("tenant".to_owned(), "acme".into());
    let mut call = Subsegment::new("DynamoDB", SegmentId::random(), now);
    call.end_time = Some(now + Duration::from_millis(5));
    call.namespace = Some(xray_document::Namespace::Aws);
    call.aws
        .set("operation", "PutItem")
        .set("table_name", "items")
        .set("region", "us-east-1");
    segment.subsegments.push(call);
    Document::Segment(Box::new(segment))
        .to_json()
        .expect("a valid document")
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}
