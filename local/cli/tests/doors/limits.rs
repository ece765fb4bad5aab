//! Clients that open many connections, or send half a request.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::http::{Request, Response, connect};
use crate::program::Program;

/// More than the listeners allow at a time.
const MANY: usize = 300;

/// The limit of every listener.
const MAX_CONNECTIONS: usize = 256;

/// The time that a listener waits for headers, and a margin for a busy machine.
const HEADER_TIMEOUT: Duration = Duration::from_secs(45);

/// The programs with a listener of each kind, and the addresses of these.
fn listeners() -> ([Program; 2], Vec<(&'static str, SocketAddr)>) {
    let programs = [Program::start_api(&[]), Program::start_lambda()];
    let addresses = vec![
        ("X-Ray API", programs[0].address("X-Ray API")),
        ("DynamoDB", programs[0].address("DynamoDB")),
        ("REST API", programs[0].address("rest")),
        ("HTTP API", programs[0].address("web")),
        ("Invoke API", programs[1].address("Lambda")),
    ];
    (programs, addresses)
}

fn half_sent(address: SocketAddr) -> TcpStream {
    let mut connection = connect(address);
    connection.write_all(b"POST / HTTP/1.1\r\nHost: ").unwrap();
    connection
}

/// The number of open file descriptors of a process, once `settled` holds for it.
fn open_files(pid: u32, settled: impl Fn(usize) -> bool) -> usize {
    let count = || {
        std::fs::read_dir(format!("/proc/{pid}/fd"))
            .unwrap()
            .count()
    };
    let deadline = Instant::now() + Duration::from_secs(20);
    while !settled(count()) && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
    count()
}

#[test]
#[cfg(target_os = "linux")]
fn a_listener_has_a_maximum_of_connections_and_the_others_still_answer() {
    let (programs, addresses) = listeners();
    let pids = [programs[0].pid(), programs[1].pid()];
    // A few belong to answered requests.
    let idle = pids.map(|pid| open_files(pid, |_| true) + 10);
    for (name, address) in &addresses {
        let program = usize::from(*name == "Invoke API");
        let (pid, idle) = (pids[program], idle[program]);
        let before = open_files(pid, |count| count <= idle);
        let held: Vec<_> = (0..MANY).map(|_| half_sent(*address)).collect();
        open_files(pid, |count| count >= before + MAX_CONNECTIONS);
        // Time to accept more than allowed.
        std::thread::sleep(Duration::from_millis(200));
        let opened = open_files(pid, |_| true).saturating_sub(before);
        assert!(
            opened.abs_diff(MAX_CONNECTIONS) < 10,
            "{name}: {opened} connections"
        );
        for (other, address) in addresses.iter().filter(|(other, _)| other != name) {
            let response = Request::get("/nowhere").send(*address);
            assert_ne!(response.status(), 0, "{other} while {name} is full");
        }
        drop(held);
        let response = Request::get("/nowhere").send(*address);
        assert_ne!(response.status(), 0, "{name} afterwards");
    }
}

#[test]
fn half_sent_requests_end_after_a_while() {
    let (_programs, addresses) = listeners();
    let begun = Instant::now();
    let body = |address: SocketAddr| {
        let mut connection = connect(address);
        let head = "POST /TraceSegments HTTP/1.1\r\nHost: localhost\r\n\
                    Content-Type: application/x-amz-json-1.0\r\nContent-Length: 10\r\n\r\nhalf";
        connection.write_all(head.as_bytes()).unwrap();
        connection
    };
    let headers: Vec<_> = addresses
        .iter()
        .map(|(name, address)| (name, half_sent(*address), body(*address)))
        .collect();
    for (name, half_headers, half_body) in headers {
        let response = Response::read(half_headers);
        assert!(begun.elapsed() < HEADER_TIMEOUT, "{name}: {response:?}");
        let response = Response::read(half_body);
        assert!(begun.elapsed() < HEADER_TIMEOUT, "{name}: {response:?}");
        assert_ne!(response.status(), 200, "{name}: {response:?}");
    }
}

#[test]
fn three_thousand_half_sent_requests_leave_every_listener_alive() {
    let (_programs, addresses) = listeners();
    for (name, address) in addresses {
        // In waves that fit into the file descriptors of a test and the backlog of a listener.
        for _ in 0..30 {
            let wave: Vec<_> = (0..100).map(|_| half_sent(address)).collect();
            drop(wave);
        }
        let response = Request::get("/nowhere").send(address);
        assert_ne!(response.status(), 0, "{name}");
    }
}
