//! The extension as a process, and the function beside it.

use std::io::Read;
use std::net::UdpSocket;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::time::sleep;
use xray_document::Datagram;

use crate::lambda::{Lambda, PATIENCE};

/// The extension's process. It ends with the test.
#[derive(Debug)]
pub(crate) struct Extension {
    child: Child,
    stderr: Option<JoinHandle<String>>,
    function: UdpSocket,
    pub(crate) intake: String,
}

impl Extension {
    pub(crate) fn start(lambda: &Lambda, xray: &str) -> Self {
        Self::start_with(lambda, xray, &[])
    }

    /// With more variables than Lambda's.
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
            .envs(more.iter().copied())
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut pipe = child.stderr.take().unwrap();
        let stderr = std::thread::spawn(move || {
            let mut text = String::new();
            let _ = pipe.read_to_string(&mut text);
            text
        });
        let function = UdpSocket::bind("127.0.0.1:0").unwrap();
        Self {
            child,
            stderr: Some(stderr),
            function,
            intake,
        }
    }

    /// The function sends a subsegment, as an SDK does.
    pub(crate) fn document(&self, id: &str) {
        self.document_of(id, 0);
    }

    /// A subsegment with so many bytes of metadata.
    pub(crate) fn document_of(&self, id: &str, bytes: usize) {
        let padding = "x".repeat(bytes);
        let json = format!(
            r#"{{"id":"{id}","name":"work","trace_id":"1-6750a1b2-00112233445566778899aabb","parent_id":"53995c3f42cd8ad8","type":"subsegment","start_time":1733337522.1,"end_time":1733337522.2,"metadata":{{"a":{{"b":"{padding}"}}}}}}"#
        );
        self.send(Datagram::Document(&json));
    }

    /// What [`document`](Self::document) will complete.
    pub(crate) fn in_progress(&self, id: &str) {
        let json = format!(
            r#"{{"id":"{id}","name":"work","trace_id":"1-6750a1b2-00112233445566778899aabb","parent_id":"53995c3f42cd8ad8","type":"subsegment","start_time":1733337522.1,"in_progress":true}}"#
        );
        self.send(Datagram::Document(&json));
    }

    /// The wrapper says that an invocation's documents are all sent.
    pub(crate) fn done(&self, request_id: &str) {
        self.send(Datagram::Done { request_id });
    }

    fn send(&self, datagram: Datagram<'_>) {
        let mut bytes = Vec::new();
        datagram.write_to(&mut bytes);
        self.send_bytes(&bytes);
    }

    pub(crate) fn send_bytes(&self, bytes: &[u8]) {
        self.function.send_to(bytes, &self.intake).unwrap();
    }

    /// What Lambda does between invocations.
    pub(crate) fn signal(&self, signal: &str) {
        let status = Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .status();
        assert!(status.unwrap().success());
    }

    /// Waits for the end of the process; gives its status and what it said.
    pub(crate) async fn ended(mut self) -> (ExitStatus, String) {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(begun.elapsed() < PATIENCE, "the extension does not end");
            sleep(Duration::from_millis(2)).await;
        };
        (status, self.stderr.take().unwrap().join().unwrap())
    }
}

impl Drop for Extension {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address where nobody listens just now.
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
