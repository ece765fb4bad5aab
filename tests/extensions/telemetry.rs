//! An extension made with the crate `lambda-extension`, as its users make them.
//!
//! It appends each event and each telemetry record to the file `TESTS_REPORT`, as a line of
//! JSON. Its telemetry listener is on the port `TESTS_TELEMETRY_PORT`.

use std::fs::OpenOptions;
use std::io::Write;

use lambda_extension::{
    Error, Extension, LambdaEvent, LambdaTelemetry, LogBuffering, NextEvent, SharedService,
    service_fn,
};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let port = std::env::var("TESTS_TELEMETRY_PORT")?.parse()?;
    let buffering = LogBuffering {
        timeout_ms: 25,
        max_bytes: 262_144,
        max_items: 1_000,
    };
    Extension::new()
        .with_telemetry_types(&["platform", "function"])
        .with_telemetry_buffering(buffering)
        .with_telemetry_port_number(port)
        .with_telemetry_processor(SharedService::new(service_fn(record_telemetry)))
        .with_events_processor(service_fn(record_event))
        .run()
        .await
}

async fn record_telemetry(batch: Vec<LambdaTelemetry>) -> Result<(), Error> {
    let records: Result<Vec<_>, _> = batch.iter().map(serde_json::to_value).collect();
    append(&records?)
}

async fn record_event(event: LambdaEvent) -> Result<(), Error> {
    match event.next {
        NextEvent::Invoke(invoke) => append(&[json!({
            "eventType": "INVOKE",
            "requestId": invoke.request_id,
            "deadlineMs": invoke.deadline_ms,
            "invokedFunctionArn": invoke.invoked_function_arn,
            "tracing": { "type": invoke.tracing.r#type, "value": invoke.tracing.value },
        })]),
        NextEvent::Shutdown(shutdown) => {
            append(&[json!({
                "eventType": "SHUTDOWN",
                "shutdownReason": shutdown.shutdown_reason,
            })])?;
            // The crate would request another event.
            std::process::exit(0);
        }
    }
}

fn append(lines: &[Value]) -> Result<(), Error> {
    let path = std::env::var("TESTS_REPORT")?;
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    file.write_all(text.as_bytes())?;
    Ok(())
}
