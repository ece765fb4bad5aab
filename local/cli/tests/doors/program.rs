//! The running program, in a folder with a template and a function.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Longer than any of these programs needs to start, on a machine that is busy.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// A function with a layer, a table, and three APIs: `closed` without CORS, `rest` and `web` with CORS for
/// <https://app.example>.
const TEMPLATE: &str = "\
AWSTemplateFormatVersion: '2010-09-09'
Transform: AWS::Serverless-2016-10-31
Resources:
  Closed:
    Type: AWS::Serverless::Api
    Properties: { Name: closed, StageName: Prod }
  Rest:
    Type: AWS::Serverless::Api
    Properties:
      Name: rest
      StageName: Prod
      Cors:
        AllowOrigin: \"'https://app.example'\"
        AllowHeaders: \"'content-type'\"
        MaxAge: \"'600'\"
  Web:
    Type: AWS::Serverless::HttpApi
    Properties:
      Name: web
      CorsConfiguration:
        AllowOrigins: [https://app.example]
        AllowMethods: [GET, POST]
        AllowHeaders: [content-type]
  Table:
    Type: AWS::Serverless::SimpleTable
  Layer:
    Type: AWS::Serverless::LayerVersion
    Properties: { ContentUri: layer }
  Echo:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: code
      Handler: bootstrap
      Runtime: provided.al2023
      Timeout: 20
      Tracing: Active
      Layers: [!Ref Layer]
      Events:
        Closed: { Type: Api, Properties: { RestApiId: !Ref Closed, Path: /, Method: ANY } }
        Rest: { Type: Api, Properties: { RestApiId: !Ref Rest, Path: /, Method: POST } }
        Web: { Type: HttpApi, Properties: { ApiId: !Ref Web, Path: /, Method: POST } }
";

/// Writes the file `ran` when it is invoked.
const RUNTIME: &str = r#"#!/usr/bin/env python3
import http.client, json, os, pathlib
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
result = {"statusCode": 200, "headers": {"access-control-allow-origin": "function"}, "body": "ran"}
while True:
    api.request("GET", "/2018-06-01/runtime/invocation/next")
    event = api.getresponse()
    event.read()
    pathlib.Path(os.environ["LAMBDA_TASK_ROOT"], "ran").touch()
    request = event.headers["Lambda-Runtime-Aws-Request-Id"]
    api.request("POST", f"/2018-06-01/runtime/invocation/{request}/response", json.dumps(result))
    api.getresponse().read()
"#;

/// `xray-local` with its folder. Dropping it stops the program and its functions.
pub struct Program {
    folder: TempDir,
    child: Child,
    log: Arc<Log>,
}

#[derive(Default)]
struct Log {
    lines: Mutex<Vec<String>>,
    grown: Condvar,
}

impl Program {
    /// `start-api` on free ports, with further arguments.
    pub fn start_api(arguments: &[&str]) -> Self {
        let ports = ["start-api", "--port", "0", "--xray-listen", "127.0.0.1:0"];
        Self::start(&[&ports, arguments].concat())
    }

    /// `start-api` with this project's extension in the layer, and true, if the extension is
    /// built. The extension answers between invocations, too.
    pub fn start_api_with_extension() -> (Self, bool) {
        let folder = project();
        let extension = "xray-lambda-extension";
        let built = Path::new(env!("CARGO_BIN_EXE_xray-local")).with_file_name(extension);
        let into = folder.path().join("layer/extensions").join(extension);
        let copied = std::fs::copy(built, into).is_ok();
        let ports = ["--port", "0", "--xray-listen", "127.0.0.1:0"];
        let arguments = [&["start-api", "--no-freeze"][..], &ports].concat();
        (Self::start_in(folder, &arguments), copied)
    }

    /// `start-lambda` on free ports.
    pub fn start_lambda() -> Self {
        Self::start(&[
            "start-lambda",
            "--port",
            "0",
            "--xray-listen",
            "127.0.0.1:0",
        ])
    }

    /// `serve` on a free port.
    pub fn serve() -> Self {
        Self::start(&[
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--daemon",
            "127.0.0.1:0",
        ])
    }

    fn start(arguments: &[&str]) -> Self {
        Self::start_in(project(), arguments)
    }

    fn start_in(folder: TempDir, arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_xray-local"))
            .args(arguments)
            .args(["--data", "data"])
            .current_dir(folder.path())
            // Without the caller's variables and profiles: functions get their credentials.
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .env("HOME", folder.path().join("home"))
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Log::default());
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let reader = log.clone();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                reader.lines.lock().unwrap().push(line);
                reader.grown.notify_all();
            }
        });
        Self { folder, child, log }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The address that the program prints for a service: `X-Ray API`, `DynamoDB`, `Lambda`,
    /// or the name of an API.
    pub fn address(&self, service: &str) -> SocketAddr {
        let url = self.printed(service, |value| {
            value.strip_prefix("http://").map(str::to_owned)
        });
        url.parse().unwrap()
    }

    /// The value after a service's name, once the program has printed it.
    pub fn printed(&self, service: &str, read: impl Fn(&str) -> Option<String>) -> String {
        let find = |lines: &[String]| {
            let mut values = lines.iter().filter_map(|line| line.strip_prefix(service));
            values.find_map(|value| read(value.trim()))
        };
        let lines = self.log.lines.lock().unwrap();
        let (lines, waited) = self
            .log
            .grown
            .wait_timeout_while(lines, START_TIMEOUT, |lines| find(lines).is_none())
            .unwrap();
        assert!(!waited.timed_out(), "no {service} in {lines:#?}");
        find(&lines).unwrap()
    }

    /// Returns true if the function was invoked.
    pub fn function_ran(&self) -> bool {
        self.folder.path().join("code/ran").exists()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // SIGTERM, so that the program ends its functions.
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _ = kill_process(pid, Signal::TERM);
        }
        let _ = self.child.wait();
    }
}

/// A folder with the template, the function and an empty layer.
fn project() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("template.yaml"), TEMPLATE).unwrap();
    script(&folder.path().join("code/bootstrap"), RUNTIME);
    std::fs::create_dir_all(folder.path().join("layer/extensions")).unwrap();
    folder
}

fn script(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
}
