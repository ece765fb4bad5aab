//! The extension's process, and the function that sends it documents.

use std::io::Read;
use std::net::UdpSocket;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::time::sleep;
use xray_document::Datagram;

use crate::lambda::{Lambda, TEST_TIMEOUT};

/// `net.core.rmem_max` of most kernels (Linux, `net/core/sock.c`). The machine of a test may have
/// a larger one, which would hide a loss.
const STANDARD_RECEIVE_BUFFER_BYTES: &str = "212992";

/// The extension's process. It ends with the test.
#[derive(Debug)]
pub(crate) struct Extension {
    child: Child,
    stderr: Option<JoinHandle<String>>,
    stdout: Option<JoinHandle<String>>,
    function: UdpSocket,
    pub(crate) intake: String,
}

impl Extension {
    /// Starts the extension with the variables that Lambda sets.
    pub(crate) fn start(lambda: &Lambda, xray: &str) -> Self {
        Self::start_with(lambda, xray, &[])
    }

    /// Starts the extension with more variables than Lambda sets.
    pub(crate) fn start_with(lambda: &Lambda, xray: &str, more: &[(&str, &str)]) -> Self {
        let intake = free_udp_address();
        let mut child = Command::new(env!("CARGO_BIN_EXE_xray-lambda-extension"))
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", &lambda.address)
            .env("AWS_LAMBDA_FUNCTION_NAME", "orders")
            .env("AWS_REGION", "eu-west-1")
            .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "secret-example")
            .env("AWS_SESSION_TOKEN", "token-example")
            .env("AWS_ENDPOINT_URL_XRAY", format!("http://{xray}"))
            .env("AWS_XRAY_DAEMON_ADDRESS", &intake)
            .env(
                "XRAY_LAMBDA_TEST_RECEIVE_BUFFER_BYTES",
                STANDARD_RECEIVE_BUFFER_BYTES,
            )
            .envs(more.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = read_all(child.stderr.take().unwrap());
        let stdout = read_all(child.stdout.take().unwrap());
        let function = UdpSocket::bind("127.0.0.1:0").unwrap();
        Self {
            child,
            stderr: Some(stderr),
            stdout: Some(stdout),
            function,
            intake,
        }
    }

    /// Sends a subsegment, as an SDK does.
    pub(crate) fn send_document(&self, id: &str) {
        self.send_large_document(id, 0);
    }

    /// Sends a subsegment with this many bytes of metadata.
    pub(crate) fn send_large_document(&self, id: &str, bytes: usize) {
        self.send_bytes(&document(id, bytes));
    }

    /// Sends the in-progress version of [`send_document`](Self::send_document).
    pub(crate) fn send_in_progress(&self, id: &str) {
        let json = format!(
            r#"{{"id":"{id}","name":"work","trace_id":"1-6750a1b2-00112233445566778899aabb","parent_id":"53995c3f42cd8ad8","type":"subsegment","start_time":1733337522.1,"in_progress":true}}"#
        );
        self.send(Datagram::Document(&json));
    }

    /// Sends the wrapper's signal that it has sent all documents of an invocation.
    pub(crate) fn send_done(&self, request_id: &str) {
        self.send(Datagram::Done {
            request_id,
            documents: None,
        });
    }

    fn send(&self, datagram: Datagram<'_>) {
        let mut bytes = Vec::new();
        datagram.write_to(&mut bytes);
        self.send_bytes(&bytes);
    }

    pub(crate) fn send_bytes(&self, bytes: &[u8]) {
        self.function.send_to(bytes, &self.intake).unwrap();
    }

    /// The resident memory of the process in kB.
    pub(crate) fn resident_kilobytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.unwrap().trim().trim_end_matches(" kB").trim();
        number.parse().unwrap()
    }

    pub(crate) fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal to the process: `-STOP` and `-CONT` stand for a freeze.
    pub(crate) fn signal(&self, signal: &str) {
        let status = Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .status();
        assert!(status.unwrap().success());
    }

    /// The lines that the process writes to standard output, for [`JoinHandle::join`] after its
    /// end.
    pub(crate) fn take_stdout(&mut self) -> JoinHandle<String> {
        self.stdout.take().unwrap()
    }

    /// Waits for the end of the process. Returns its status, and its log without the lines that
    /// each start and each end without losses write.
    pub(crate) async fn exited(self) -> (ExitStatus, String) {
        let (status, log) = self.exited_with_whole_log().await;
        let is_usual = |line: &str| {
            let line = line.trim_start_matches("xray-lambda-extension: ");
            line.starts_with("started; ") || line.starts_with("ended; ")
        };
        let lines = log.split_inclusive('\n').filter(|line| !is_usual(line));
        (status, lines.collect())
    }

    /// Waits for the end of the process. Returns its status and its log.
    pub(crate) async fn exited_with_whole_log(mut self) -> (ExitStatus, String) {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(
                begun.elapsed() < TEST_TIMEOUT,
                "the extension does not exit"
            );
            sleep(Duration::from_millis(2)).await;
        };
        (status, self.stderr.take().unwrap().join().unwrap())
    }
}

fn read_all(mut pipe: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut text = String::new();
        let _ = pipe.read_to_string(&mut text);
        text
    })
}

impl Drop for Extension {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The datagram of a subsegment with this many bytes of metadata.
pub(crate) fn document(id: &str, bytes: usize) -> Vec<u8> {
    let padding = "x".repeat(bytes);
    let json = format!(
        r#"{{"id":"{id}","name":"work","trace_id":"1-6750a1b2-00112233445566778899aabb","parent_id":"53995c3f42cd8ad8","type":"subsegment","start_time":1733337522.1,"end_time":1733337522.2,"metadata":{{"a":{{"b":"{padding}"}}}}}}"#
    );
    let mut datagram = Vec::new();
    Datagram::Document(&json).write_to(&mut datagram);
    datagram
}

/// A free UDP address.
pub(crate) fn free_udp_address() -> String {
    UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string()
}

/// The id of the n-th document of a test.
pub(crate) fn id(n: u64) -> String {
    format!("{:016x}", n + 1)
}
