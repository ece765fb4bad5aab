//! AWS's own Lambda emulator (the Runtime Interface Emulator that SAM CLI brings), in
//! both of its modes.
//!
//! It looks for extensions in `/opt/extensions` and, on Managed Instances, for the
//! function in `/var/task`. Both are laid over the machine's own folders in a mount
//! namespace that only the emulator sees; a process namespace ends everything that it
//! started together with it.

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
    // Deleted with the emulator.
    _root: TempDir,
}

/// What is to be emulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// One invocation at a time.
    Classic,
    /// Lambda Managed Instances, with so many workers in the runtime.
    ManagedInstances { workers: u8 },
}

/// The function: a folder's worth of files, of which `bootstrap` is started.
#[derive(Debug)]
pub struct Function<'a> {
    pub handler: &'a str,
    /// Name in `/var/task` and where it is copied from.
    pub files: Vec<(&'a str, &'a Path)>,
    pub environment: Vec<(&'a str, String)>,
}

impl Emulator {
    /// Starts the emulator with `function` and the extension, and waits until it listens.
    ///
    /// # Panics
    /// Where a part is missing, or the machine gives no namespaces.
    pub async fn start(mode: Mode, function: &Function<'_>) -> Self {
        let root = emulator_root(function);
        let [listen, runtime] = port::free();
        let address = format!("127.0.0.1:{listen}");
        let runtime_api = format!("127.0.0.1:{runtime}");

        // Overlays leave what the machine has there visible; a plain bind serves where
        // they are not to be had.
        let mount_over = |over: &str| {
            let ours = root.path().join(over.trim_start_matches('/'));
            let ours = ours.display();
            format!(
                "{{ mount -t overlay overlay -o lowerdir={ours}:{over} {over} 2>/dev/null \
                 || mount --bind {ours} {over}; }}"
            )
        };
        let script = format!(
            "{} && {} && cd /var/task && exec \"$@\"",
            mount_over("/opt"),
            mount_over("/var")
        );
        let mut command = Command::new("unshare");
        command.args([
            "--mount",
            "--propagation",
            "private",
            "--pid",
            "--fork",
            "--kill-child",
        ]);
        if !rustix::process::geteuid().is_root() {
            command.args(["--user", "--map-root-user"]);
            if mode != Mode::Classic {
                // The processes of a managed instance run as another user.
                command.arg("--map-auto");
            }
        }
        command.args(["sh", "-c", &script, "sh"]);
        command.arg(root.path().join("aws-lambda-rie"));
        command.args(["--runtime-interface-emulator-address", &address]);
        command.args(["--runtime-api-address", &runtime_api]);
        command.args(["/var/task/bootstrap", function.handler]);
        command.env_clear().envs(python::credentials());
        command.env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin");
        command.env("LAMBDA_TASK_ROOT", "/var/task");
        if let Mode::ManagedInstances { workers } = mode {
            command.env("AWS_LAMBDA_MAX_CONCURRENCY", workers.to_string());
        }
        command.envs(
            function
                .environment
                .iter()
                .map(|(name, value)| (name, value)),
        );

        let process = Process::spawn("AWS's Lambda emulator", command);
        tokio::select! {
            () = http::wait_until_listening(&address) => {}
            () = process.wait_for_end() => panic!(
                "AWS's Lambda emulator has ended. It needs mount and process namespaces: root, \
                 or user namespaces (and for Managed Instances the `uidmap` package). It \
                 said:\n{}",
                process.log()
            ),
        }
        Self {
            process,
            address,
            runtime_api,
            _root: root,
        }
    }

    /// Invokes the function, with `X-Amzn-Trace-Id` where one is given.
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

    /// What the sandbox answers to a subscription to its telemetry.
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

    /// Ends the sandbox: the emulator sends SHUTDOWN to the extension, waits for it for
    /// up to two seconds, and exits.
    pub async fn shut_down(&mut self) -> ExitStatus {
        // `unshare` waits for its one child, which has become the emulator.
        let children = format!("/proc/{0}/task/{0}/children", self.process.id());
        let child = fs::read_to_string(&children).unwrap_or_default();
        let emulator = child.trim().parse();
        let emulator = emulator.unwrap_or_else(|_| panic!("no emulator runs:\n{}", self.log()));
        process::terminate(emulator).expect("the emulator still runs");
        self.process.wait_for_exit().await
    }

    /// What the emulator, the function and the extension have said so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Waits for a line of [`log`](Self::log) that contains `part`.
    pub async fn wait_for_log_line(&self, part: &str) -> String {
        self.process
            .wait_for_line(&format!("`{part}`"), |line| line.contains(part))
            .await
    }
}

fn emulator_root(function: &Function<'_>) -> TempDir {
    let root = tempfile::Builder::new()
        .prefix("xray-lambda-emulator")
        .tempdir();
    let root = root.expect("a temporary folder");
    // On Managed Instances, another user starts what lies here.
    fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).expect("our own folder");
    let put = |from: &Path, to: &str| {
        let to = root.path().join(to);
        fs::create_dir_all(to.parent().unwrap_or(&to)).expect("a temporary folder");
        fs::copy(from, &to)
            .unwrap_or_else(|error| panic!("cannot copy {}: {error}", from.display()));
        fs::set_permissions(&to, fs::Permissions::from_mode(0o755)).expect("our own file");
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
    root
}
