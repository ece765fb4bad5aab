//! The time from the start of an extension's process to its first `/next`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use crate::Row;
use crate::statistics::median;

const RUNS: usize = 60;

/// Our extension, beside one made with the `lambda-extension` crate and one made with the
/// standard library, which is the lower bound.
pub(crate) fn run(extension: &Path, bare: &Path, floor: &Path) -> [Row; 2] {
    let mut times: [Vec<f64>; 3] = Default::default();
    for run in 0..RUNS + 5 {
        for (program, times) in [extension, bare, floor].into_iter().zip(&mut times) {
            let ms = once(program);
            // The first runs warm the page cache.
            if run >= 5 {
                times.push(ms);
            }
        }
    }
    let [ours, bare, floor] = times.map(median);
    let row = |what, peer| Row {
        what,
        unit: "ms",
        ours,
        peer,
    };
    [
        row(
            "extension: start to first /next (bare, lambda-extension)",
            bare,
        ),
        row(
            "extension: start to first /next (bare, standard library)",
            floor,
        ),
    ]
}

/// The milliseconds of one start.
fn once(program: &Path) -> f64 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    let (sender, next) = channel();
    std::thread::spawn(move || {
        for connection in listener.incoming().map_while(Result::ok) {
            let sender = sender.clone();
            std::thread::spawn(move || serve(connection, &sender));
        }
    });
    let started = Instant::now();
    let mut child: Child = Command::new(program)
        .env_clear()
        .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "local")
        .env("AWS_SECRET_ACCESS_KEY", "local")
        .env("AWS_XRAY_DAEMON_ADDRESS", "127.0.0.1:0")
        .env("AWS_ENDPOINT_URL_XRAY", "http://127.0.0.1:9")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start {}: {error}", program.display()));
    let arrived: Instant = next
        .recv_timeout(Duration::from_secs(10))
        .unwrap_or_else(|_| panic!("{} never asked for /next", program.display()));
    let ms = (arrived - started).as_secs_f64() * 1e3;
    child.kill().expect("a running child");
    child.wait().expect("an ended child");
    ms
}

/// Serves the part of the Extensions API that a start needs.
fn serve(mut connection: TcpStream, next: &Sender<Instant>) {
    let mut reader = BufReader::new(connection.try_clone().expect("a socket"));
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut length = 0;
        loop {
            let mut header = String::new();
            if reader.read_line(&mut header).unwrap_or(0) == 0 {
                return;
            }
            let header = header.trim_end().to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        let body = match path.as_str() {
            path if path.ends_with("/extension/event/next") => {
                // No response: the function is idle.
                let _ = next.send(Instant::now());
                continue;
            }
            path if path.ends_with("/extension/register") => {
                r#"{"functionName":"f","functionVersion":"$LATEST","handler":"bootstrap"}"#
            }
            _ => "\"OK\"",
        };
        let response = format!(
            "HTTP/1.1 200 OK\r\nLambda-Extension-Identifier: 6f1cd6a7-2ab9-4dba-a3ab-4d5bbc0d5b0a\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        if connection.write_all(response.as_bytes()).is_err() {
            return;
        }
    }
}
