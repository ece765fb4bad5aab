//! A Rust function wrapped in `XRayLayer`. It uses `run_concurrent`, as functions on Managed
//! Instances do.
//!
//! Event: `{"tenant": "a", "together": true}`. With `together`, two invocations wait for each
//! other, so that they run at the same time.

use std::sync::LazyLock;
use std::time::Duration;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};
use tokio::sync::Barrier;
use tower_layer::Layer as _;
use xray_lambda::{XRayLayer, subsegment};

/// Two invocations wait for each other here.
static TOGETHER: LazyLock<Barrier> = LazyLock::new(|| Barrier::new(2));

// One thread runs all invocations. If the wrapper kept the current parent by thread, concurrent
// invocations would share it, and the tests would fail.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_runtime::run_concurrent(XRayLayer::new().layer(service_fn(handle))).await
}

async fn handle(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let tenant = event.payload["tenant"]
        .as_str()
        .unwrap_or("none")
        .to_owned();
    subsegment("work")
        .annotate("tenant", tenant.as_str())
        .trace(work(&event.payload, &tenant))
        .await;
    Ok(json!({ "tenant": tenant, "trace": event.context.xray_trace_id }))
}

async fn work(event: &Value, tenant: &str) {
    if event["together"] == true {
        TOGETHER.wait().await;
        // The times in the telemetry are whole milliseconds; 20 ms are clearly visible.
        subsegment("hold")
            .annotate("tenant", tenant)
            .trace(tokio::time::sleep(Duration::from_millis(20)))
            .await;
        TOGETHER.wait().await;
    }
    subsegment("inner").annotate("tenant", tenant).run(|| ());
}
