//! Foreign text reaches a terminal in a form that it shows and does not obey.

use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};

use serde_json::{Value, json};
use xray_local_store::Store;

use crate::project::Project;
use crate::pty::OnTerminal;

/// Sets the title, clears the screen, opens a C1 sequence, reverses the text, hides in it.
const EVIL: &str = "\u{1b}]0;title\u{7}\u{1b}[2J\u{9b}2J\u{202e}\u{200b}\u{feff}\u{7f}";
const ESCAPED: &str = "\\u001b]0;title\\u0007\\u001b[2J\\u009b2J\\u202e\\u200b\\ufeff\\u007f";

/// Asserts that no character of [`EVIL`] is in `shown`, except for sequences of colours.
fn assert_harmless(shown: &str) {
    for c in EVIL
        .chars()
        .filter(|c| !c.is_ascii_graphic() && *c != '\u{1b}')
    {
        assert!(!shown.contains(c), "{c:?} is in {shown:?}");
    }
    for (start, _) in shown.match_indices('\u{1b}') {
        let sequence = shown[start + 1..].trim_start_matches(|c: char| !c.is_ascii_alphabetic());
        let parameters = shown[start + 1..].strip_prefix('[').is_some_and(|rest| {
            rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';') == sequence
        });
        assert!(parameters && sequence.starts_with('m'), "{shown:?}");
    }
}

#[test]
fn a_functions_output_and_response_are_escaped_and_keep_colours() {
    let project = Project::new();
    let event = json!({ "print": [format!("a{EVIL}z"), "\u{1b}[31mred"], "respond": EVIL });
    let event = project.write("event.json", &event.to_string());
    let command = project.command(&["invoke", "-e", event.to_str().unwrap()]);
    let (status, shown) = OnTerminal::start(command).wait();
    assert!(status.success(), "{shown:?}");
    assert_harmless(&shown);
    assert!(shown.contains(&format!("a{ESCAPED}z")), "{shown:?}");
    assert!(shown.contains("\u{1b}[31mred\u{1b}[0m\r\n"), "{shown:?}");
    // JSON itself has escaped the C0 controls in its own form.
    assert!(
        shown.contains("\\u009b2J\\u202e\\u200b\\ufeff\\u007f\"\r\n"),
        "{shown:?}"
    );
}

#[test]
fn a_functions_output_and_response_are_unchanged_in_a_pipe() {
    let project = Project::new();
    let event = json!({ "print": [EVIL], "respond": "\u{9b}\u{202e}" });
    let event = project.write("event.json", &event.to_string());
    let invoked = project.run(&["invoke", "-e", event.to_str().unwrap()]);
    let log = String::from_utf8(invoked.stderr).unwrap();
    assert!(log.lines().any(|line| line == EVIL), "{log:?}");
    let response = String::from_utf8(invoked.stdout).unwrap();
    assert_eq!(response, "\"\u{9b}\u{202e}\"\n");
}

#[test]
fn the_access_log_is_escaped() {
    let project = Project::new();
    let command = project.command(&["start-api", "--port", "0", "--xray-listen", "127.0.0.1:0"]);
    let terminal = OnTerminal::start(command);
    terminal.wait_for_line("Ctrl-C stops");
    let line = terminal.wait_for_line("local        http://");
    let address = line.split("http://").nth(1).unwrap().trim();
    let mut connection = TcpStream::connect(address).unwrap();
    let request =
        format!("GET /a\u{9b}2J\u{202e}z HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).unwrap();
    let mut response = String::new();
    connection.read_to_string(&mut response).unwrap();
    let line = terminal.wait_for_line("\"GET ");
    assert!(
        line.contains("\"GET /a\\u009b2J\\u202ez HTTP/1.1\""),
        "{line:?}"
    );
    let (_, shown) = terminal.stop();
    assert_harmless(&shown);
}

#[test]
fn a_note_that_quotes_a_datagram_is_escaped() {
    let project = Project::new();
    let command = project.command(&[
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--daemon",
        "127.0.0.1:0",
    ]);
    let terminal = OnTerminal::start(command);
    let line = terminal.wait_for_line("X-Ray daemon");
    let address = line.split_whitespace().last().unwrap();
    let datagram = format!(
        "{{\"format\":\"json\",\"version\":1}}\n{}",
        json!({ "id": "\u{9b}2J\u{202e}" })
    );
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = address.strip_suffix("/udp").unwrap();
    socket.send_to(datagram.as_bytes(), address).unwrap();
    let line = terminal.wait_for_line("rejected a document");
    assert!(line.contains("\"\\u009b2J\\u202e\""), "{line:?}");
    let (_, shown) = terminal.stop();
    assert_harmless(&shown);
}

#[test]
fn an_error_that_quotes_the_template_is_escaped() {
    let project = Project::new();
    let template = std::fs::read_to_string(project.path().join("template.yaml")).unwrap();
    // The escape is in the value, the override in the quoted line of the template.
    let wrong = "      Architectures: [\"\\e]0;title\\a\u{202e}\"]\n      Timeout:";
    project.write("template.yaml", &template.replace("      Timeout:", wrong));
    let (status, shown) = OnTerminal::start(project.command(&["invoke"])).wait();
    assert_eq!(status.code(), Some(1), "{shown:?}");
    assert_harmless(&shown);
    assert!(
        shown.contains("must be 'x86_64' or 'arm64', not '\\u001b]0;title\\u0007\\u202e'"),
        "{shown:?}"
    );
    assert!(shown.contains("[\"\\e]0;title\\a\\u202e\"]"), "{shown:?}");
}

#[test]
fn a_quoted_line_end_does_not_begin_a_line_of_an_error() {
    let template = |project: &Project| {
        let file = project.path().join("template.yaml");
        std::fs::read_to_string(file).unwrap()
    };
    for (from, to) in [
        ("  Function:", "  \"F\\nforged\":"),
        ("/items", "\"/{a}-\\nforged\""),
        ("CodeUri: code", "CodeUri: \"\\nforged\""),
        ("provided.al2023", "\"nodejs\\nforged\""),
        ("Handler: bootstrap", "FunctionName: \"F\\nforged\""),
    ] {
        let project = Project::new();
        let wrong = template(&project).replace(from, to);
        let wrong = wrong.replace("CodeUri: code", "CodeUri: nowhere");
        project.write("template.yaml", &wrong);
        let command =
            project.command(&["start-api", "--port", "0", "--xray-listen", "127.0.0.1:0"]);
        let (status, shown) = OnTerminal::start(command).wait();
        assert_eq!(status.code(), Some(1), "{shown:?}");
        assert!(shown.contains("forged"), "{shown:?}");
        assert!(!shown.contains("\nforged"), "{shown:?}");
    }
}

/// A store with one trace, whose every text is [`EVIL`].
fn project_with_trace() -> Project {
    let project = Project::new();
    let store = Store::open(&project.path().join("data")).unwrap();
    let now = xray_document::Timestamp::now().as_micros() / 1_000_000;
    let document = json!({
        "id": "53995c3f42cd8ad8",
        "trace_id": format!("1-{now:08x}-bd862e3fe1be46a994272793"),
        "name": "web",
        "start_time": now,
        "end_time": now + 1,
        "http": { "request": { "method": "GET", "url": format!("https://a/b{EVIL}") } },
        "annotations": { "tenant": format!("t{EVIL}") },
        "cause": { "exceptions": [{ "id": "53995c3f42cd8ad9", "message": format!("m{EVIL}") }] },
        "fault": true,
        "subsegments": [{
            "id": "53995c3f42cd8ada",
            "name": "call",
            "namespace": "remote",
            "start_time": now,
            "end_time": now + 1,
            "http": { "request": { "method": "GET", "url": format!("https://b/{EVIL}") } }
        }]
    });
    let stored = store.put_json(&[&document.to_string()]).unwrap();
    assert!(stored.iter().all(Result::is_ok), "{stored:?}");
    project
}

#[test]
fn trace_and_traces_are_escaped() {
    let project = project_with_trace();
    for (arguments, expected) in [
        (["trace"], "tenant=t\\u001b]0;title\\u0007"),
        (["trace"], "m\\u001b]0;title\\u0007"),
        (["trace"], "https://b/\\u001b]0;title\\u0007"),
        (["traces"], "/b\\u001b]0;title\\u0007"),
    ] {
        let (status, shown) = OnTerminal::start(project.command(&arguments)).wait();
        assert!(status.success(), "{shown:?}");
        assert_harmless(&shown);
        assert!(shown.contains(expected), "{expected} is not in {shown:?}");
    }
}

#[test]
fn json_is_escaped_in_a_pipe_too_and_keeps_its_values() {
    let project = project_with_trace();
    for command in ["trace", "traces"] {
        let printed = project.run(&[command, "--json"]);
        let json = String::from_utf8(printed.stdout).unwrap();
        assert_harmless(&json);
        let value: Value = serde_json::from_str(&json).unwrap();
        // `trace` prints each document as a string that holds JSON.
        let in_json = Value::from(EVIL).to_string();
        let found = texts(&value)
            .any(|text| text.contains(EVIL) || text.contains(in_json.trim_matches('"')));
        assert!(found, "{value}");
    }
}

/// Every string in `value`.
fn texts(value: &Value) -> Box<dyn Iterator<Item = &str> + '_> {
    match value {
        Value::String(text) => Box::new(std::iter::once(text.as_str())),
        Value::Array(items) => Box::new(items.iter().flat_map(texts)),
        Value::Object(members) => Box::new(members.values().flat_map(texts)),
        Value::Null | Value::Bool(_) | Value::Number(_) => Box::new(std::iter::empty()),
    }
}
