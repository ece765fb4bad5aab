use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

const TEMPLATE: &str = "\
AWSTemplateFormatVersion: '2010-09-09'
Transform: AWS::Serverless-2016-10-31
Resources:
  Function:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: code
      Handler: bootstrap
      Runtime: provided.al2023
      Timeout: 20
      Events:
        Api: { Type: Api, Properties: { Path: /items, Method: get } }
";

/// A runtime that prints the lines of `event[\"print\"]` and responds with `event[\"respond\"]`,
/// or with the `AWS_…` variables of its environment.
const RUNTIME: &str = r#"#!/usr/bin/env python3
import http.client, json, os, sys
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
while True:
    api.request("GET", "/2018-06-01/runtime/invocation/next")
    next = api.getresponse()
    event = json.loads(next.read())
    for line in event.get("print", []):
        sys.stdout.buffer.write(line.encode() + b"\n")
    sys.stdout.flush()
    own = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    body = json.dumps(event.get("respond", own), ensure_ascii=False).encode()
    request = next.headers["Lambda-Runtime-Aws-Request-Id"]
    api.request("POST", f"/2018-06-01/runtime/invocation/{request}/response", body)
    api.getresponse().read()
"#;

/// A folder with a template of one function, and a home folder for the program.
pub(crate) struct Project {
    folder: TempDir,
}

impl Project {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let project = Self { folder };
        project.write("template.yaml", TEMPLATE);
        let bootstrap = project.write("code/bootstrap", RUNTIME);
        std::fs::set_permissions(bootstrap, PermissionsExt::from_mode(0o755)).unwrap();
        project
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, path: &str, text: &str) -> PathBuf {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The program with these arguments, and without the variables of the test's caller.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xray-local"));
        command
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .env("HOME", self.path().join("home"))
            .env("XRAY_LOCAL_DATA", "data");
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }
}
