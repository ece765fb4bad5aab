//! The time from the wrapper's signal, which ends an invocation, to the extension's `/next`,
//! with the strategy `end`. Its peer is one round trip to the same X-Ray.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::Row;
use crate::statistics::median;

const RUNS: usize = 300;

/// The time that the scripted X-Ray needs for a response.
const RESPONSE_TIME: Duration = Duration::from_micros(500);

/// The time that a handler runs before it sends its documents.
const HANDLER_TIME: Duration = Duration::from_millis(3);

pub(crate) fn run(extension: &Path) -> [Row; 3] {
    let xray = serve_xray();
    let round_trip = median((0..RUNS).map(|_| round_trip(&xray)).collect());
    let mut sandbox = Sandbox::start(extension, &xray);
    let mut times: [Vec<f64>; 3] = Default::default();
    for run in 0..RUNS + 5 {
        for (documents, times) in [0, 1, 100].into_iter().zip(&mut times) {
            let ms = sandbox.invoke(documents);
            // The first runs open the connection.
            if run >= 5 {
                times.push(ms);
            }
        }
    }
    let [none, one, hundred] = times.map(median);
    let row = |what, ours| Row {
        what,
        unit: "ms",
        ours,
        peer: round_trip,
    };
    [
        row("extension: signal to /next, no document (round trip)", none),
        row("extension: signal to /next, one document (round trip)", one),
        row(
            "extension: signal to /next, 100 documents (round trip)",
            hundred,
        ),
    ]
}

/// An extension with a scripted Lambda.
struct Sandbox {
    extension: Child,
    events: Sender<String>,
    next: Receiver<Instant>,
    function: UdpSocket,
    intake: String,
    invocations: u64,
}

impl Sandbox {
    fn start(extension: &Path, xray: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (next_sender, next) = channel();
        let (events, queue) = channel::<String>();
        std::thread::spawn(move || {
            let (connection, _) = listener.accept().expect("the extension");
            serve_lambda(connection, &next_sender, &queue);
        });
        let intake = UdpSocket::bind("127.0.0.1:0")
            .and_then(|socket| socket.local_addr())
            .expect("a free port")
            .to_string();
        let extension = Command::new(extension)
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "local")
            .env("AWS_SECRET_ACCESS_KEY", "local")
            .env("AWS_XRAY_DAEMON_ADDRESS", &intake)
            .env("AWS_ENDPOINT_URL_XRAY", format!("http://{xray}"))
            .env("XRAY_LAMBDA_FLUSH_STRATEGY", "end")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {}: {error}", extension.display()));
        let sandbox = Self {
            extension,
            events,
            next,
            function: UdpSocket::bind("127.0.0.1:0").expect("a free port"),
            intake,
            invocations: 0,
        };
        sandbox.wait_for_next();
        sandbox
    }

    fn wait_for_next(&self) -> Instant {
        self.next
            .recv_timeout(Duration::from_secs(10))
            .expect("the extension calls /next")
    }

    /// Runs one invocation. Returns the milliseconds from the signal to `/next`.
    fn invoke(&mut self, documents: u64) -> f64 {
        self.invocations += 1;
        let request_id = format!("8476a536-e9f4-11e8-9739-{:012}", self.invocations);
        let deadline = SystemTime::now() + Duration::from_secs(30);
        let deadline = deadline
            .duration_since(UNIX_EPOCH)
            .expect("a clock")
            .as_millis();
        let event = format!(
            r#"{{"eventType":"INVOKE","deadlineMs":{deadline},"requestId":"{request_id}","invokedFunctionArn":"arn:aws:lambda:us-east-1:123456789012:function:f","tracing":{{"type":"X-Amzn-Trace-Id","value":"Root=1-6750a1b2-00112233445566778899aabb;Parent=53995c3f42cd8ad8;Sampled=1"}}}}"#
        );
        self.events.send(event).expect("a running Lambda");
        std::thread::sleep(HANDLER_TIME);
        for n in 0..documents {
            self.send(&document(self.invocations << 16 | n));
        }
        let signaled = Instant::now();
        self.send(&format!(
            "{{\"format\":\"xray-lambda\",\"version\":1}}\n{{\"done\":\"{request_id}\"}}"
        ));
        self.wait_for_next()
            .saturating_duration_since(signaled)
            .as_secs_f64()
            * 1e3
    }

    fn send(&self, datagram: &str) {
        self.function
            .send_to(datagram.as_bytes(), &self.intake)
            .expect("the extension listens");
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // It fails if the process has already ended.
        let _ = self.extension.kill();
        let _ = self.extension.wait();
    }
}

/// A datagram with a subsegment of about 800 bytes.
fn document(id: u64) -> String {
    let padding = "x".repeat(550);
    format!(
        "{{\"format\":\"json\",\"version\":1}}\n{{\"id\":\"{id:016x}\",\"name\":\"work\",\"trace_id\":\"1-6750a1b2-00112233445566778899aabb\",\"parent_id\":\"53995c3f42cd8ad8\",\"type\":\"subsegment\",\"start_time\":1733337522.1,\"end_time\":1733337522.2,\"metadata\":{{\"a\":{{\"b\":\"{padding}\"}}}}}}"
    )
}

/// Reads one request; `None` if the connection is closed. Returns its path.
fn read_request(reader: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let path = line.split(' ').nth(1)?.to_owned();
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
    reader.read_exact(&mut vec![0; length]).ok()?;
    Some(path)
}

fn respond(connection: &mut TcpStream, body: &str) {
    let response = format!(
        "HTTP/1.1 200 OK\r\nLambda-Extension-Identifier: 6f1cd6a7-2ab9-4dba-a3ab-4d5bbc0d5b0a\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    // The extension may have ended.
    let _ = connection.write_all(response.as_bytes());
}

fn serve_lambda(mut connection: TcpStream, next: &Sender<Instant>, events: &Receiver<String>) {
    let _ = connection.set_nodelay(true);
    let mut reader = BufReader::new(connection.try_clone().expect("a socket"));
    while let Some(path) = read_request(&mut reader) {
        if !path.ends_with("/extension/event/next") {
            respond(&mut connection, "{}");
            continue;
        }
        let _ = next.send(Instant::now());
        match events.recv() {
            Ok(event) => respond(&mut connection, &event),
            Err(_) => return,
        }
    }
}

/// Starts a scripted X-Ray. Returns its address.
fn serve_xray() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    std::thread::spawn(move || {
        for mut connection in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || {
                let _ = connection.set_nodelay(true);
                let mut reader = BufReader::new(connection.try_clone().expect("a socket"));
                while read_request(&mut reader).is_some() {
                    std::thread::sleep(RESPONSE_TIME);
                    respond(&mut connection, r#"{"UnprocessedTraceSegments":[]}"#);
                }
            });
        }
    });
    address
}

/// The milliseconds of one request on a connection that is already open.
fn round_trip(xray: &str) -> f64 {
    let mut connection = TcpStream::connect(xray).expect("a running service");
    connection.set_nodelay(true).expect("a socket");
    std::thread::sleep(Duration::from_millis(1));
    let started = Instant::now();
    let body = document(1);
    let request = format!(
        "POST /TraceSegments HTTP/1.1\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    connection.write_all(request.as_bytes()).expect("a request");
    let mut response = [0; 1_024];
    let length = connection.read(&mut response).expect("a response");
    assert!(length > 0);
    started.elapsed().as_secs_f64() * 1e3
}
