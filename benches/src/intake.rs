//! The extension's CPU time for one document, from the datagram to the answered batch, and the
//! documents per second that it takes through UDP without a loss.
//!
//! The lower bound is a loop of the standard library that only reads the same datagrams.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use crate::Row;
use crate::statistics::median;

/// Bytes of a document: an AWS call with annotations.
const BYTES: usize = 800;
const DOCUMENTS: u64 = 40_000;
const ROUNDS: usize = 5;

/// Documents per second while CPU time is measured, and documents sent at once: a batch. Few
/// enough that an idle machine loses none.
const CALM_RATE: u64 = 10_000;
const BURST: u64 = 50;

pub(crate) fn run(extension: &Path) -> [Row; 2] {
    let (mut ours, mut floor) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let extension = Extension::start(extension);
        ours.push(extension.microseconds_per_document());
        floor.push(reading_microseconds());
    }
    let peer_rate = highest_rate(reading_loses_nothing);
    let rate = highest_rate(|rate| {
        let extension = Extension::start(extension);
        extension.send(rate, 1, DOCUMENTS);
        extension.has_received(DOCUMENTS)
    });
    [
        Row {
            what: "extension: CPU for one document of 800 bytes (only reading it)",
            unit: "µs",
            ours: median(ours),
            peer: median(floor),
        },
        Row {
            what: "extension: UDP without a loss, more is better (only reading)",
            unit: "documents/s",
            ours: rate,
            peer: peer_rate,
        },
    ]
}

/// The highest of some rates at which nothing is lost.
fn highest_rate(loses_nothing: impl Fn(u64) -> bool) -> f64 {
    let mut highest = 0.0;
    for step in 1.. {
        let rate = step * 20_000;
        if rate > 400_000 || !(loses_nothing(rate) || loses_nothing(rate)) {
            break;
        }
        highest = rate as f64;
    }
    highest
}

/// The extension's process, with a Lambda that never invokes and an X-Ray that accepts all.
struct Extension {
    child: Child,
    intake: SocketAddr,
    received: Arc<AtomicU64>,
}

impl Extension {
    fn start(program: &Path) -> Self {
        let (sender, ready) = std::sync::mpsc::channel();
        let sender = std::sync::Mutex::new(sender);
        let lambda = serve(move |path, _| {
            if path.ends_with("/extension/event/next") {
                let _ = sender.lock().expect("a sender").send(());
                return None;
            }
            let registered = path.ends_with("/extension/register");
            Some(if registered { REGISTERED } else { "\"OK\"" })
        });
        let received = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&received);
        let xray = serve(move |_, body| {
            let documents = body.windows(7).filter(|bytes| *bytes == b"\\\"id\\\":");
            count.fetch_add(documents.count() as u64, SeqCst);
            Some(r#"{"UnprocessedTraceSegments":[]}"#)
        });
        let intake = UdpSocket::bind("127.0.0.1:0")
            .and_then(|socket| socket.local_addr())
            .expect("a free port");
        let child = Command::new(program)
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", lambda.to_string())
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "local")
            .env("AWS_SECRET_ACCESS_KEY", "local")
            .env("AWS_XRAY_DAEMON_ADDRESS", intake.to_string())
            .env("AWS_ENDPOINT_URL_XRAY", format!("http://{xray}"))
            // So that a slow service on a small machine loses none.
            .env("XRAY_LAMBDA_BUFFER_BYTES", "67108864")
            .env("XRAY_LAMBDA_TEST_RECEIVE_BUFFER_BYTES", "212992")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {}: {error}", program.display()));
        ready
            .recv_timeout(Duration::from_secs(10))
            .expect("the extension calls /next");
        Self {
            child,
            intake,
            received,
        }
    }

    fn microseconds_per_document(&self) -> f64 {
        // The first batch opens a connection.
        self.send(CALM_RATE, BURST, 100);
        assert!(self.has_received(100), "documents are lost");
        self.received.store(0, SeqCst);
        let before = cpu_nanoseconds(&format!("/proc/{}/schedstat", self.child.id()));
        self.send(CALM_RATE, BURST, DOCUMENTS);
        // On a busy machine, the kernel may drop some.
        self.has_received(DOCUMENTS);
        let after = cpu_nanoseconds(&format!("/proc/{}/schedstat", self.child.id()));
        (after - before) as f64 / 1e3 / self.received.load(SeqCst) as f64
    }

    fn send(&self, rate: u64, burst: u64, documents: u64) {
        send(self.intake, rate, burst, documents);
    }

    /// Waits until X-Ray has this many documents, for at most 3 s.
    fn has_received(&self, documents: u64) -> bool {
        let begun = Instant::now();
        while self.received.load(SeqCst) < documents {
            if begun.elapsed() > Duration::from_secs(3) {
                return false;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        true
    }
}

impl Drop for Extension {
    fn drop(&mut self) {
        // It fails if the process has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const REGISTERED: &str =
    r#"{"functionName":"f","functionVersion":"$LATEST","handler":"bootstrap"}"#;

/// Microseconds of CPU to read one datagram.
fn reading_microseconds() -> f64 {
    let (read, nanoseconds) = read_all(CALM_RATE, BURST);
    nanoseconds as f64 / 1e3 / read as f64
}

fn reading_loses_nothing(rate: u64) -> bool {
    read_all(rate, 1).0 == DOCUMENTS
}

/// Reads datagrams that another thread sends. Returns how many arrived, and the CPU time.
fn read_all(rate: u64, burst: u64) -> (u64, u64) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let address = socket.local_addr().expect("an address");
    let ended = Arc::new(AtomicBool::new(false));
    let reader = std::thread::spawn({
        let ended = Arc::clone(&ended);
        move || {
            let timeout = Some(Duration::from_millis(100));
            socket.set_read_timeout(timeout).expect("a socket");
            let before = cpu_nanoseconds("/proc/thread-self/schedstat");
            let (mut read, mut buffer) = (0, vec![0; 65_536]);
            loop {
                match socket.recv(&mut buffer) {
                    Ok(_) => read += 1,
                    Err(_) if ended.load(SeqCst) => break,
                    Err(_) => {}
                }
            }
            (
                read,
                cpu_nanoseconds("/proc/thread-self/schedstat") - before,
            )
        }
    });
    send(address, rate, burst, DOCUMENTS);
    ended.store(true, SeqCst);
    reader.join().expect("a reader")
}

/// Sends documents at a rate, `burst` at a time.
fn send(address: SocketAddr, rate: u64, burst: u64, documents: u64) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    socket.connect(address).expect("a loopback address");
    let begun = Instant::now();
    for number in 0..documents {
        let due = Duration::from_nanos(number / burst * burst * 1_000_000_000 / rate);
        while begun.elapsed() < due {
            if due.saturating_sub(begun.elapsed()) > Duration::from_micros(200) {
                std::thread::sleep(Duration::from_micros(100));
            }
        }
        socket.send(&datagram(number)).expect("an open port");
    }
}

/// The datagram of a subsegment of [`BYTES`] bytes.
fn datagram(number: u64) -> Vec<u8> {
    let id = number + 1;
    let mut json = format!(
        r#"{{"format":"json","version":1}}
{{"type":"subsegment","trace_id":"1-6750a1b2-00112233445566778899aabb","parent_id":"53995c3f42cd8ad8","name":"DynamoDB","id":"{id:016x}","start_time":1733337522.101234,"end_time":1733337522.201234,"namespace":"aws","aws":{{"operation":"PutItem","region":"us-east-1","table_name":"items","request_id":"3AIENM5J4ELQ3SPODHKBIRVIC3VV4KQNSO5AEMVJF66Q9ASUAAJG","resource_names":["items"]}},"http":{{"response":{{"status":200,"content_length":2}}}},"annotations":{{"#
    );
    for key in 0.. {
        if json.len() + 40 > BYTES {
            break;
        }
        json.push_str(&format!(r#""key_{key}":"value {key}","#));
    }
    json.push_str(r#""last":true}}"#);
    json.into_bytes()
}

/// Nanoseconds on a CPU: the first field of a `schedstat` file of Linux.
fn cpu_nanoseconds(path: &str) -> u64 {
    let text = std::fs::read_to_string(path).expect("Linux with schedstat");
    let first = text.split(' ').next().expect("a field");
    first.parse().expect("a number")
}

/// Serves HTTP on a free port. `answer` returns the body of a response for a path and a body;
/// `None`: no response.
fn serve(
    answer: impl Fn(&str, &[u8]) -> Option<&'static str> + Send + Sync + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for connection in listener.incoming().map_while(Result::ok) {
            let answer = Arc::clone(&answer);
            std::thread::spawn(move || serve_connection(connection, &*answer));
        }
    });
    address
}

fn serve_connection(
    mut connection: TcpStream,
    answer: &dyn Fn(&str, &[u8]) -> Option<&'static str>,
) -> Option<()> {
    connection.set_nodelay(true).ok()?;
    let mut reader = BufReader::with_capacity(128 * 1024, connection.try_clone().ok()?);
    loop {
        let mut request = String::new();
        if reader.read_line(&mut request).ok()? == 0 {
            return None;
        }
        let path = request.split(' ').nth(1)?.to_owned();
        let mut length = 0;
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).ok()?;
            let header = header.trim_end().to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let Some(body) = answer(&path, &body) else {
            continue;
        };
        let response = format!(
            "HTTP/1.1 200 OK\r\nLambda-Extension-Identifier: 6f1cd6a7-2ab9-4dba-a3ab-4d5bbc0d5b0a\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        connection.write_all(response.as_bytes()).ok()?;
    }
}
