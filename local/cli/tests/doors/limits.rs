//! Clients that open many connections, or send half a request. The time limits have tests in
//! `local/listener`, which can set them.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::http::{Request, Response, connect};
use crate::program::Program;

/// More than the listeners allow at a time.
const MANY: usize = 300;

/// The limit of every listener.
const MAX_CONNECTIONS: usize = 256;

/// The most bytes of the bodies of all requests to a listener.
const MAX_BODY_BYTES: usize = 128 * 1024 * 1024;

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
        open_files(pid, |count| count + 10 > before + MAX_CONNECTIONS);
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

/// A body of spaces without its last byte: the server waits for it.
fn almost_whole(address: SocketAddr, path: &str, length: usize) -> TcpStream {
    let mut connection = connect(address);
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
    );
    connection.write_all(head.as_bytes()).unwrap();
    let spaces = vec![b' '; length - 1];
    // Longer than sockets hold: at the end the server has reserved the whole length.
    connection.write_all(&spaces).unwrap();
    connection
}

#[test]
fn half_sent_bodies_leave_memory_for_small_requests_and_large_ones_wait() {
    const MIB: usize = 1024 * 1024;
    let (_programs, addresses) = listeners();
    let invoke = "/2015-03-31/functions/Echo/invocations";
    for (name, address) in addresses {
        let (path, length) = match name {
            "X-Ray API" => ("/TraceSegments", 16 * MIB),
            "DynamoDB" => ("/", 16 * MIB),
            "Invoke API" => (invoke, 6 * MIB),
            _ => ("/", 10 * MIB),
        };
        let held = (0..MAX_BODY_BYTES / length).map(|_| almost_whole(address, path, length));
        let held: Vec<_> = held.collect();
        let small = Request::post("/", " ")
            .header("Accept", "*/*")
            .send(address);
        assert!(![0, 503].contains(&small.status()), "{name}: {small:?}");
        let waiting = std::thread::spawn(move || {
            let mut connection = almost_whole(address, path, length);
            connection.write_all(b" ").unwrap();
            Response::read(connection)
        });
        std::thread::sleep(Duration::from_millis(200));
        assert!(!waiting.is_finished(), "{name} has memory left");
        drop(held);
        let response = waiting.join().unwrap();
        assert!(
            ![0, 503].contains(&response.status()),
            "{name}: {response:?}"
        );
    }
}

#[test]
fn three_thousand_half_sent_requests_leave_every_listener_alive() {
    let (_programs, addresses) = listeners();
    // A wave that is larger than the kernel's queue waits for a second, so all listeners have
    // theirs at the same time.
    std::thread::scope(|scope| {
        for (name, address) in addresses {
            scope.spawn(move || {
                // In waves that fit into the file descriptors of a test.
                for _ in 0..30 {
                    let wave: Vec<_> = (0..100).map(|_| half_sent(address)).collect();
                    drop(wave);
                }
                let response = Request::get("/nowhere").send(address);
                assert_ne!(response.status(), 0, "{name}");
            });
        }
    });
}
