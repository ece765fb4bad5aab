//! AWS's own Lambda emulator in both of its modes: the Runtime Interface Emulator, which
//! SAM CLI contains.
//!
//! The emulator looks for extensions in `/opt/extensions` and, on Managed Instances, for
//! the function in `/var/task`. A mount namespace of its own puts both there without
//! changing the machine's folders. A process namespace of its own ends all processes that
//! the emulator started together with the emulator.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, ExitStatus};

use hyper::Method;
use serde_json::Value;
use tempfile::TempDir;

use crate::http::Response;
use crate::process::Process;
use crate::{artifact, http, port, process, python};

/// A running emulator, with one function and the extension.
#[derive(Debug)]
pub struct Emulator {
    process: Process,
    address: String,
    runtime_api: String,
    // Deleted when the emulator is dropped.
    _folder: TempDir,
}

/// The kind of Lambda to emulate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// One invocation at a time.
    Classic,
    /// Lambda Managed Instances, with this number of workers in the runtime.
    ManagedInstances { workers: u8 },
}

/// A function. The emulator starts its file `bootstrap`.
#[derive(Debug)]
pub struct Function<'a> {
    pub handler: &'a str,
    /// For each file, its name in `/var/task` and its source.
    pub files: Vec<(&'a str, &'a Path)>,
    pub environment: Vec<(&'a str, String)>,
}

impl Emulator {
    /// Starts the emulator with `function` and the extension, and waits until it listens.
    ///
    /// # Panics
    /// If a program is missing, or if the machine allows no namespaces.
    pub async fn start(mode: Mode, function: &Function<'_>) -> Self {
        let folder = emulator_folder(function);
        let [listen, runtime] = port::free();
        let address = format!("127.0.0.1:{listen}");
        let runtime_api = format!("127.0.0.1:{runtime}");

        let mut command = in_namespaces(mode, folder.path());
        command.arg(folder.path().join("aws-lambda-rie"));
        command.args(["--runtime-interface-emulator-address", &address]);
        command.args(["--runtime-api-address", &runtime_api]);
        command.args(["/var/task/bootstrap", function.handler]);
        command.env_clear().envs(python::client_environment());
        command.env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin");
        command.env("LAMBDA_TASK_ROOT", "/var/task");
        if let Mode::ManagedInstances { workers } = mode {
            command.env("AWS_LAMBDA_MAX_CONCURRENCY", workers.to_string());
        }
        let environment = function.environment.iter();
        command.envs(environment.map(|(name, value)| (name, value)));

        let process = Process::spawn("AWS's Lambda emulator", command);
        tokio::select! {
            () = http::wait_until_listening(&address) => {}
            () = process.wait_for_end() => panic!(
                "AWS's Lambda emulator has ended. It needs mount and process namespaces: run \
                 the test as root, or enable user namespaces (Managed Instances also need the \
                 package `uidmap`). Its output:\n{}",
                process.log()
            ),
        }
        Self {
            process,
            address,
            runtime_api,
            _folder: folder,
        }
    }

    /// Invokes the function, with the header `X-Amzn-Trace-Id` if one is given.
    ///
    /// # Panics
    /// If no response arrives within [`WAIT_TIMEOUT`](crate::WAIT_TIMEOUT).
    pub async fn invoke(&self, trace_header: Option<&str>, payload: &Value) -> Response {
        let url = format!(
            "http://{}/2015-03-31/functions/function/invocations",
            self.address
        );
        let headers: Vec<_> = trace_header
            .iter()
            .map(|value| ("X-Amzn-Trace-Id", *value))
            .collect();
        http::post(&url, &headers, &payload.to_string()).await
    }

    /// Subscribes to telemetry, and returns the emulator's response.
    ///
    /// # Panics
    /// If no response arrives within [`WAIT_TIMEOUT`](crate::WAIT_TIMEOUT).
    pub async fn subscribe_to_telemetry(&self) -> Response {
        let url = format!("http://{}/2022-07-01/telemetry", self.runtime_api);
        let body = r#"{"types":["platform"],"destination":{"protocol":"HTTP","URI":"http://sandbox.localdomain:4243/"}}"#;
        http::send(
            Method::PUT,
            &url,
            &[("Content-Type", "application/json")],
            body,
        )
        .await
    }

    /// Ends the emulator. It sends SHUTDOWN to the extension, waits up to two seconds for its
    /// exit, and exits.
    ///
    /// # Panics
    /// If the emulator has ended already, or takes longer than [`WAIT_TIMEOUT`](crate::WAIT_TIMEOUT).
    pub async fn shut_down(&mut self) -> ExitStatus {
        // The only child of `unshare` is the shell that has become the emulator.
        let children = format!("/proc/{0}/task/{0}/children", self.process.id());
        let child = fs::read_to_string(&children).unwrap_or_default();
        let emulator = child.trim().parse();
        let emulator =
            emulator.unwrap_or_else(|_| panic!("the emulator does not run:\n{}", self.log()));
        process::terminate(emulator).expect("the emulator still runs");
        self.process.wait_for_exit().await
    }

    /// The output of the emulator, the function and the extension so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Waits for a line of the [`log`](Self::log) that contains `part`, and returns it.
    ///
    /// # Panics
    /// If none appears within [`WAIT_TIMEOUT`](crate::WAIT_TIMEOUT).
    pub async fn wait_for_log_line(&self, part: &str) -> String {
        self.process
            .wait_for_line(&format!("`{part}`"), |line| line.contains(part))
            .await
    }
}

/// A command that runs its further arguments in new mount and process namespaces. There
/// the folders `opt` and `var` of `folder` are mounted over `/opt` and `/var`.
fn in_namespaces(mode: Mode, folder: &Path) -> Command {
    // An overlay keeps the machine's own files visible. Where overlays are not allowed, a
    // bind mount hides them, which is sufficient.
    let mount_over = |target: &str| {
        let source = folder.join(target.trim_start_matches('/'));
        let source = source.display();
        format!(
            "{{ mount -t overlay overlay -o lowerdir={source}:{target} {target} 2>/dev/null \
             || mount --bind {source} {target}; }}"
        )
    };
    let script = format!(
        "{} && {} && cd /var/task && exec \"$@\"",
        mount_over("/opt"),
        mount_over("/var")
    );
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private"]);
    command.args(["--pid", "--fork", "--kill-child"]);
    if !rustix::process::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
        if mode != Mode::Classic {
            // The processes of a managed instance run as another user.
            command.arg("--map-auto");
        }
    }
    command.args(["sh", "-c", &script, "sh"]);
    command
}

/// A temporary folder with the emulator, the extension and the files of `function`.
fn emulator_folder(function: &Function<'_>) -> TempDir {
    let folder = tempfile::Builder::new()
        .prefix("xray-lambda-emulator")
        .tempdir();
    let folder = folder.expect("a temporary folder");
    // On Managed Instances another user starts the function.
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))
        .expect("permissions of our own folder");
    let put = |from: &Path, to: &str| {
        let to = folder.path().join(to);
        fs::create_dir_all(to.parent().unwrap_or(&to)).expect("a temporary folder");
        fs::copy(from, &to)
            .unwrap_or_else(|error| panic!("cannot copy {}: {error}", from.display()));
        fs::set_permissions(&to, fs::Permissions::from_mode(0o755))
            .expect("permissions of our own file");
    };
    let architecture = match std::env::consts::ARCH {
        "aarch64" => "arm64",
        other => other,
    };
    let emulator =
        python::installed_file(&format!("samcli/local/rapid/aws-lambda-rie-{architecture}"));
    put(&emulator, "aws-lambda-rie");
    put(
        &artifact::extension(),
        "opt/extensions/xray-lambda-extension",
    );
    for (name, from) in &function.files {
        put(from, &format!("var/task/{name}"));
    }
    folder
}
