//! The extension with moto's STS: it sends documents as another role.

use std::net::UdpSocket;
use std::process::Command;

use lambda_simulator::{ShutdownReason, Simulator};
use xray_document::Datagram;
use xray_lambda_tests::process::Process;
use xray_lambda_tests::receiver::Receiver;
use xray_lambda_tests::{WAIT_TIMEOUT, artifact, http, port, python};

const DOCUMENT: &str = r#"{"id":"53995c3f42cd8ad8","name":"work","trace_id":"1-6750a1b2-00112233445566778899aabb","start_time":1733337522.1,"end_time":1733337522.2}"#;

#[tokio::test]
async fn documents_are_sent_with_the_credentials_that_sts_returns() {
    let [listen] = port::free();
    let sts = format!("127.0.0.1:{listen}");
    let mut command = Command::new(python::program("moto_server"));
    command.args(["--host", "127.0.0.1", "--port", &listen.to_string()]);
    command.env_clear().env("PATH", "/usr/bin:/bin");
    let _moto = Process::spawn("moto's server", command);
    http::wait_until_listening(&sts).await;

    let receiver = Receiver::start();
    let simulator = Simulator::builder()
        .function_name("orders")
        .region("eu-west-1")
        .build();
    let simulator = simulator.await.expect("the simulator");
    let daemon = port::daemon_address();
    let mut command = Command::new(artifact::extension());
    command
        .env_clear()
        .envs(simulator.lambda_env_vars())
        .envs(python::client_environment())
        .env("AWS_ENDPOINT_URL_XRAY", receiver.url())
        .env("AWS_ENDPOINT_URL_STS", format!("http://{sts}"))
        .env(
            "XRAY_LAMBDA_ROLE_ARN",
            "arn:aws:iam::210987654321:role/traces",
        )
        .env("AWS_XRAY_DAEMON_ADDRESS", &daemon);
    command.env_remove("LD_LIBRARY_PATH");
    let extension = Process::spawn("the extension", command);
    let is_waiting = || async {
        match simulator.get_registered_extensions().await.first() {
            Some(extension) => simulator.first_next_poll_at(&extension.id).await.is_some(),
            None => false,
        }
    };
    let waiting = simulator.wait_for(is_waiting, WAIT_TIMEOUT).await;
    assert!(waiting.is_ok(), "{}", extension.log());

    let mut datagram = Vec::new();
    Datagram::Document(DOCUMENT).write_to(&mut datagram);
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.send_to(&datagram, &daemon).expect("a datagram");
    receiver
        .wait_until("the document", |documents| !documents.as_slice().is_empty())
        .await;
    let authorization = &receiver.requests()[0].authorization;
    // AWS's prefix of temporary credentials; the function's own begin with AKID.
    let assumed = authorization.starts_with("AWS4-HMAC-SHA256 Credential=ASIA");
    assert!(assumed, "{authorization}\n{}", extension.log());
    simulator.graceful_shutdown(ShutdownReason::Spindown).await;
}
