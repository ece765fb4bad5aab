//! The demo API, run by `xray-local` as `make demo` does.

use hyper::Method;
use serde_json::Value;
use tempfile::TempDir;

use crate::documents::Documents;
use crate::http::Response;
use crate::local::{self, XrayLocal};
use crate::{artifact, client, http};

/// A running demo with its own store.
#[derive(Debug)]
pub struct Demo {
    local: XrayLocal,
    api: String,
    data: TempDir,
    // Deleted when the demo is dropped.
    _layer: TempDir,
}

impl Demo {
    /// Starts the demo on free ports, with fault injection and these additional arguments of
    /// `start-api`.
    ///
    /// # Panics
    /// If a binary of the demo is missing.
    pub async fn start(arguments: &[&str]) -> Self {
        let fault_injection = ["--parameter-overrides", "FaultInjection=on"];
        Self::start_as_deployed(&[&fault_injection, arguments].concat()).await
    }

    /// Starts the demo on free ports, with the template's defaults and these additional
    /// arguments of `start-api`.
    ///
    /// # Panics
    /// If a binary of the demo is missing.
    pub async fn start_as_deployed(arguments: &[&str]) -> Self {
        let data = tempfile::tempdir().expect("a temporary folder");
        let layer = local::layer_folder();
        let items = artifact::binary("demo-api", "items");
        let _ = artifact::binary("demo-api", "reports");
        // target/debug/items
        let target = items
            .ancestors()
            .nth(2)
            .expect("the target folder")
            .display()
            .to_string();
        let template = artifact::repository()
            .join("template.yaml")
            .display()
            .to_string();
        let layers = ["X86", "Arm64"]
            .map(|name| format!("XRayLambdaLayer{name}={}", layer.path().display()));
        let mut command = vec![
            "start-api",
            "--template",
            &template,
            "--target-dir",
            &target,
        ];
        command.extend(["--port", "0", "--xray-listen", "127.0.0.1:0"]);
        command.extend(["--layer", &layers[0], "--layer", &layers[1]]);
        command.extend(arguments);
        let local = XrayLocal::start(data.path(), &command);
        let api = local.url("demo-api").await;
        Self {
            local,
            api,
            data,
            _layer: layer,
        }
    }

    /// Sends `POST /items`.
    pub async fn post_item(&self, item: &Value) -> Response {
        let headers = [("content-type", "application/json")];
        http::post(&format!("{}/items", self.api), &headers, &item.to_string()).await
    }

    /// Sends a `GET` request.
    pub async fn get(&self, path: &str) -> Response {
        http::send(Method::GET, &format!("{}{path}", self.api), &[], "").await
    }

    /// The output so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.local.log()
    }

    /// Stops the demo, so that the store is complete, and reads these traces from it with
    /// boto3.
    ///
    /// # Panics
    /// If the demo exits with an error.
    pub async fn stop_and_read_traces(self, ids: &[String]) -> Documents {
        let log = self.local.log();
        let status = self.local.stop().await;
        assert!(status.success(), "{status}:\n{log}");
        let served = XrayLocal::serve(self.data.path());
        client::batch_get_traces(&served.url("X-Ray API").await, ids).await
    }
}
