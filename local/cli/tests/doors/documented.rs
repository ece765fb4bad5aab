//! docs/security.md names every socket that is open, and its guard.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use crate::guard::FOREIGN;
use crate::http::Request;
use crate::program::Program;
use crate::sockets::{Socket, sockets_of_tree, variable_of_descendants};

const SECURITY: &str = include_str!("../../../../docs/security.md");

const RUNTIME_API: &str = "Runtime API";
const EXTENSION: [&str; 3] = [
    "Extension: segments",
    "Extension: telemetry",
    "Extension: sampling",
];

/// A row of the table.
struct Listener {
    name: &'static str,
    protocol: &'static str,
    guard: &'static str,
}

fn documented() -> Vec<Listener> {
    let (_, table) = SECURITY.split_once("<!-- listeners -->\n").unwrap();
    let (table, _) = table.split_once("<!-- /listeners -->").unwrap();
    let rows = table.lines().skip(2).map(|row| {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        assert_eq!(cells.len(), 5, "{row}");
        Listener {
            name: cells[0],
            protocol: cells[1],
            guard: cells[3],
        }
    });
    rows.collect()
}

/// The name of the listener that a socket is, if the program has such a listener. `segments` are
/// the addresses to which SDKs send segments.
fn listener_of(
    socket: &Socket,
    program: &Program,
    announced: &[(&str, &str)],
    segments: &[SocketAddr],
) -> Option<String> {
    let address = socket.address.to_string();
    let name = match (socket.program.as_str(), socket.protocol) {
        ("xray-local", "TCP") => {
            let mut announced = announced.iter();
            let announced = announced
                .find(|(service, _)| program.address(service) == socket.address)
                .map(|(_, listener)| *listener);
            let runtime_apis = || variable_of_descendants(program.pid(), "AWS_LAMBDA_RUNTIME_API");
            announced.or_else(|| runtime_apis().contains(&address).then_some(RUNTIME_API))?
        }
        ("xray-local", "UDP") => "X-Ray daemon",
        ("xray-lambda-extension", "UDP") => EXTENSION[0],
        ("xray-lambda-extension", "TCP") if segments.contains(&socket.address) => EXTENSION[2],
        ("xray-lambda-extension", "TCP") => EXTENSION[1],
        _ => return None,
    };
    Some(name.to_owned())
}

/// Checks each socket of the program against its row. Returns the names of the listeners.
fn check(program: &Program, announced: &[(&str, &str)]) -> BTreeSet<String> {
    let rows = documented();
    for (service, _) in announced {
        // Waits until it listens.
        program.address(service);
    }
    let sockets = sockets_of_tree(program.pid());
    let segments: Vec<_> = sockets
        .iter()
        .filter(|socket| {
            (socket.program.as_str(), socket.protocol) == ("xray-lambda-extension", "UDP")
        })
        .map(|socket| socket.address)
        .collect();
    let named: Vec<_> = sockets
        .into_iter()
        .map(|socket| {
            let name = listener_of(&socket, program, announced, &segments);
            let row = rows.iter().find(|row| Some(row.name) == name.as_deref());
            let row = row.filter(|row| row.protocol == socket.protocol);
            let Some(row) = row else {
                panic!("docs/security.md does not name {socket:?}; {name:?}");
            };
            (socket, row)
        })
        .collect();
    for (socket, row) in &named {
        assert!(socket.address.ip().is_loopback(), "{socket:?}");
        if row.protocol == "TCP" {
            assert_guard(row, socket);
        }
    }
    named
        .into_iter()
        .map(|(_, row)| row.name.to_owned())
        .collect()
}

/// Checks that a listener rejects foreign requests, or that the table says that it does not.
fn assert_guard(row: &Listener, socket: &Socket) {
    for headers in FOREIGN {
        let response = Request::post("/", "[]")
            .headers(headers)
            .send(socket.address);
        let rejected = response.status() == 403;
        let guarded = !row.guard.starts_with("none");
        assert_eq!(rejected, guarded, "{socket:?} {headers:?}: {response:?}");
        assert!(
            response.cors_headers().is_empty(),
            "{socket:?}: {response:?}"
        );
    }
}

#[test]
#[cfg(target_os = "linux")]
fn every_open_socket_is_documented_with_its_guard() {
    let (program, has_extension) = Program::start_api_with_extension();
    let announced = [
        ("X-Ray API", "X-Ray API"),
        ("DynamoDB", "DynamoDB"),
        ("closed", "APIs of the template"),
        ("rest", "APIs of the template"),
        ("web", "APIs of the template"),
    ];
    // Starts an environment, and a connection to the database.
    let response = Request::post("/", "{}").send(program.address("closed"));
    assert_eq!(response.status(), 200, "{response:?}");
    let response = Request::get("/").send(program.address("DynamoDB"));
    assert_eq!(response.status(), 200, "{response:?}");
    let mut found = check(&program, &announced);

    let lambda = Program::start_lambda();
    found.extend(check(
        &lambda,
        &[
            ("X-Ray API", "X-Ray API"),
            ("DynamoDB", "DynamoDB"),
            ("Lambda", "Invoke API"),
        ],
    ));
    let serve = Program::serve();
    found.extend(check(&serve, &[("X-Ray API", "X-Ray API")]));

    let rows = documented();
    let mut expected: BTreeSet<_> = rows.iter().map(|row| row.name.to_owned()).collect();
    if !has_extension {
        eprintln!("the extension is not built, so its sockets are not checked");
        expected.retain(|name| !EXTENSION.contains(&name.as_str()));
    }
    assert_eq!(found, expected, "the table has a listener that is not open");
}
