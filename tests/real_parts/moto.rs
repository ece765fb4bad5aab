//! The extension with moto's server in place of X-Ray.

use std::process::Command;

use serde_json::json;
use xray_lambda_tests::process::Process;
use xray_lambda_tests::{client, http, port, python};

use crate::sandbox::Sandbox;

#[tokio::test]
async fn moto_stores_every_document_that_the_extension_sends() {
    let [listen] = port::free();
    let address = format!("127.0.0.1:{listen}");
    let mut command = Command::new(python::program("moto_server"));
    command.args(["--host", "127.0.0.1", "--port", &listen.to_string()]);
    command.env_clear().env("PATH", "/usr/bin:/bin");
    let _moto = Process::spawn("moto's server", command);
    http::wait_until_listening(&address).await;
    let endpoint = format!("http://{address}");

    let mut sandbox = Sandbox::start(&endpoint).await;
    for documents in [1, 7, 60] {
        sandbox
            .invoke(json!({ "documents": documents, "bytes": 100 }))
            .await;
        sandbox.wait_until_frozen().await;
    }
    let traces: Vec<_> = sandbox.traces().iter().map(ToString::to_string).collect();
    let sent = sandbox.shut_down().await;
    assert_eq!(sent.len(), 68);

    let documents = client::batch_get_traces(&endpoint, &traces).await;
    documents.assert_strict();
    assert!(
        sent.is_subset(&documents.ids()),
        "moto stored {documents}of {} sent",
        sent.len()
    );
    for document in documents.named("plain") {
        assert_eq!(document["metadata"]["test"]["padding"], "x".repeat(100));
    }
}
