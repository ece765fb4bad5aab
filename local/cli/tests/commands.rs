//! The program, run as a user runs it.

#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a failed test")]

use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const TEMPLATE: &str = "\
AWSTemplateFormatVersion: '2010-09-09'
Transform: AWS::Serverless-2016-10-31
Resources:
  Layer:
    Type: AWS::Serverless::LayerVersion
    Properties: { ContentUri: not-built }
  Echo:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: code
      Handler: bootstrap
      Runtime: provided.al2023
      Timeout: 20
      Tracing: Active
      Layers: [!Ref Layer]
";

const RUNTIME: &str = r#"#!/usr/bin/env python3
import http.client, os
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
while True:
    api.request("GET", "/2018-06-01/runtime/invocation/next")
    event = api.getresponse()
    body = event.read()
    request = event.headers["Lambda-Runtime-Aws-Request-Id"]
    api.request("POST", f"/2018-06-01/runtime/invocation/{request}/response", body)
    api.getresponse().read()
"#;

const EXTENSION: &str = r#"#!/usr/bin/env python3
import http.client, json, os, sys
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
name = {"Lambda-Extension-Name": os.path.basename(sys.argv[0])}
api.request("POST", "/2020-01-01/extension/register", '{"events":["INVOKE","SHUTDOWN"]}', name)
response = api.getresponse()
response.read()
me = {"Lambda-Extension-Identifier": response.headers["Lambda-Extension-Identifier"]}
while True:
    api.request("GET", "/2020-01-01/extension/event/next", headers=me)
    event = json.loads(api.getresponse().read())
    print("extension saw", event["eventType"], flush=True)
    if event["eventType"] == "SHUTDOWN":
        break
"#;

/// A folder with a template, a function in Python and a layer.
fn project() -> tempfile::TempDir {
    let project = tempfile::tempdir().unwrap();
    std::fs::write(project.path().join("template.yaml"), TEMPLATE).unwrap();
    script(&project.path().join("code/bootstrap"), RUNTIME);
    script(&project.path().join("layer/extensions/logger"), EXTENSION);
    project
}

fn script(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
}

fn xray_local(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xray-local"))
        .args(arguments)
        .args(["--data", "data"])
        .current_dir(folder)
        .output()
        .unwrap()
}

#[test]
fn a_layer_at_a_relative_path_runs_and_the_trace_is_kept() {
    let project = project();
    std::fs::write(project.path().join("event.json"), r#"{"hello":"lambda"}"#).unwrap();
    let invoked = xray_local(
        project.path(),
        &["invoke", "--layer", "Layer=layer", "-e", "event.json"],
    );
    let log = String::from_utf8_lossy(&invoked.stderr);
    assert!(invoked.status.success(), "{log}");
    assert_eq!(
        String::from_utf8_lossy(&invoked.stdout),
        "{\"hello\":\"lambda\"}\n"
    );
    assert!(
        log.contains("extension saw INVOKE") && log.contains("extension saw SHUTDOWN"),
        "{log}"
    );

    let shown = xray_local(project.path(), &["trace"]);
    let tree = String::from_utf8_lossy(&shown.stdout);
    assert!(
        tree.contains("AWS::Lambda::Function") && tree.contains("cold start"),
        "{tree}"
    );
}

#[test]
fn invoke_accepts_every_form_of_a_functions_name() {
    let project = project();
    let layer = ["--layer", "Layer=layer"];
    for name in [
        "Echo",
        "Echo:live",
        "us-east-1:123456789012:function:Echo:3",
    ] {
        let arguments = [&["invoke", name], &layer[..]].concat();
        let invoked = xray_local(project.path(), &arguments);
        let error = String::from_utf8_lossy(&invoked.stderr);
        assert!(invoked.status.success(), "{name}: {error}");
    }
    for name in ["Other", "Echo:", "eu-west-1:Echo"] {
        let arguments = [&["invoke", name], &layer[..]].concat();
        let invoked = xray_local(project.path(), &arguments);
        let error = String::from_utf8_lossy(&invoked.stderr);
        let expected = format!("the template has no function {name}; it has Echo");
        assert!(error.contains(&expected), "{error}");
    }
}

#[test]
fn the_error_for_a_layer_that_is_not_built_names_its_folder_and_the_flag() {
    let project = project();
    let invoked = xray_local(project.path(), &["invoke"]);
    let error = String::from_utf8_lossy(&invoked.stderr);
    assert_eq!(invoked.status.code(), Some(1), "{error}");
    assert!(
        error.contains("not-built") && error.contains("--layer Layer=DIR"),
        "{error}"
    );
}

#[test]
fn the_error_for_an_event_that_is_not_json_names_the_file() {
    let project = project();
    std::fs::write(project.path().join("event.json"), "{").unwrap();
    let invoked = xray_local(project.path(), &["invoke", "-e", "event.json"]);
    let error = String::from_utf8_lossy(&invoked.stderr);
    assert!(
        error.contains("the event from event.json is not JSON"),
        "{error}"
    );
}

#[test]
fn a_reader_that_stops_early_is_not_an_error() {
    let project = project();
    xray_local_store::Store::open(&project.path().join("data")).unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let listed = Command::new(env!("CARGO_BIN_EXE_xray-local"))
        .args(["traces", "--json", "--data", "data"])
        .current_dir(project.path())
        .stdout(writer)
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&listed.stderr);
    assert!(listed.status.success() && error.is_empty(), "{error}");
}

#[test]
fn a_missing_folder_is_an_error_and_not_an_empty_store() {
    let project = project();
    let listed = xray_local(project.path(), &["traces"]);
    let error = String::from_utf8_lossy(&listed.stderr);
    assert_eq!(listed.status.code(), Some(1), "{error}");
    assert!(error.contains("the folder does not exist"), "{error}");
    assert!(!project.path().join("data").exists());
}

#[test]
fn the_argument_that_makes_the_program_a_supervisor_is_not_for_users() {
    const SUPERVISE: &str = "supervise-lambda-environment";
    let help = Command::new(env!("CARGO_BIN_EXE_xray-local"))
        .arg("--help")
        .output()
        .unwrap();
    assert!(!String::from_utf8_lossy(&help.stdout).contains("supervis"));

    let run = |command: &mut Command, stdin: Stdio| {
        let output = command.stdin(stdin).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(output.stdout.is_empty(), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let mut direct = Command::new(env!("CARGO_BIN_EXE_xray-local"));
    direct.args([SUPERVISE, "--help"]);
    assert_eq!(
        run(&mut direct, Stdio::null()),
        "supervise-lambda-environment is not a command for users (its input is not a Unix \
         socket): the sandbox starts it itself, for the processes of a function; --help lists \
         the commands\n"
    );
    // The shell is the parent, but the socket is this test's.
    let mut indirect = Command::new("/bin/sh");
    let text = format!("{} {SUPERVISE}; exit $?", env!("CARGO_BIN_EXE_xray-local"));
    indirect.args(["-c", &text]);
    let (socket, _other_end) = UnixStream::pair().unwrap();
    if cfg!(target_os = "linux") {
        let error = run(&mut indirect, OwnedFd::from(socket).into());
        assert!(
            error.contains("(its input is not a socket of its parent)"),
            "{error}"
        );
    }
}

/// Starts a daemon: another group, session and parent, and no variables.
#[cfg(target_os = "linux")]
const STARTS_A_DAEMON: &str = r#"#!/usr/bin/env python3
import http.client, os, time
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
api.request("GET", "/2018-06-01/runtime/invocation/next")
api.getresponse().read()
reader, writer = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.write(writer, str(os.getpid()).encode())
        os.execve("/bin/sh", ["/bin/sh", "-c", "exec sleep 600"], {})
    os._exit(0)
print("processes", os.getpid(), os.read(reader, 20).decode(), flush=True)
time.sleep(600)
"#;

#[cfg(target_os = "linux")]
#[test]
fn every_process_of_a_function_ends_if_the_program_is_killed() {
    use std::io::{BufRead, BufReader};
    use std::path::PathBuf;
    use std::time::{Duration, Instant};

    let project = project();
    script(&project.path().join("code/bootstrap"), STARTS_A_DAEMON);
    let mut program = Command::new(env!("CARGO_BIN_EXE_xray-local"))
        .args(["invoke", "Echo", "--layer", "Layer=layer", "--data", "data"])
        .current_dir(project.path())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let log = BufReader::new(program.stderr.take().unwrap());
    let processes: Vec<PathBuf> = log
        .lines()
        .map_while(Result::ok)
        .find_map(|line| {
            let (_, ids) = line.split_once("processes ")?;
            let ids = ids.split_whitespace();
            Some(ids.map(|id| Path::new("/proc").join(id)).collect())
        })
        .unwrap();
    assert_eq!(processes.len(), 2);
    assert!(processes.iter().all(|process| process.exists()));
    program.kill().unwrap();
    program.wait().unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while processes.iter().any(|process| process.exists()) {
        assert!(Instant::now() < deadline, "{processes:?} have not ended");
        std::thread::sleep(Duration::from_millis(2));
    }
}
