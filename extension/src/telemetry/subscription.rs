use std::net::IpAddr;
use std::time::Duration;

use tokio::sync::mpsc::Receiver;
use tokio::time::timeout;

use super::listener::Listener;
use super::platform_event::PlatformEvent;
use crate::Log;
use crate::lifecycle::{ApiError, ExtensionsApi};

/// An accepted subscription to platform events.
#[derive(Debug)]
pub struct Subscription {
    batches: Receiver<Vec<PlatformEvent>>,
}

/// The longest time that subscribing may delay the start. It usually takes less than a
/// millisecond.
const TIMEOUT: Duration = Duration::from_secs(2);

/// The versions of the schema, newest first. Managed Instances support only the newest, and some
/// platforms only older ones. For platform events they are alike (Lambda Developer Guide,
/// Telemetry API reference).
const SCHEMAS: [&str; 3] = ["2025-01-29", "2022-12-13", "2022-07-01"];

/// The port of Lambda's Runtime API, which some sandboxes have on loopback.
const LAMBDA_RUNTIME_API_PORT: u16 = 9001;

impl Subscription {
    /// Waits for the next batch of events. Events that cannot be read are left out.
    pub(crate) async fn receive(&mut self) -> Vec<PlatformEvent> {
        match self.batches.recv().await {
            Some(events) => events,
            None => std::future::pending().await,
        }
    }
}

/// Subscribes to platform events; `None` if that fails, and the reason is logged. Lambda
/// accepts subscriptions only before the first `/next`.
pub async fn subscribe(api: &mut ExtensionsApi, log: &mut Log) -> Option<Subscription> {
    // Lambda requires listening on every interface of the sandbox, because the address of
    // `sandbox.localdomain` differs (Lambda Developer Guide, Telemetry API). An emulator on
    // loopback sends to loopback, and other machines must not reach the listener.
    let on_loopback = api
        .host()
        .parse::<IpAddr>()
        .is_ok_and(|ip| ip.is_loopback());
    let is_emulator = on_loopback && api.port() != Some(LAMBDA_RUNTIME_API_PORT);
    let listener = match Listener::bind(is_emulator).await {
        Ok(listener) => listener,
        Err(error) => {
            log.once(format_args!(
                "no platform subsegments: cannot listen for telemetry: {error}"
            ));
            return None;
        }
    };
    let response = timeout(TIMEOUT, subscribe_in_any_schema(api, listener.port())).await;
    match response {
        Ok(Ok(200)) => Some(Subscription {
            batches: listener.serve(),
        }),
        // Emulators without telemetry respond with these; a log line in each run would not help.
        Ok(Ok(202 | 404)) => None,
        Err(_) => {
            log.once(format_args!(
                "no platform subsegments: the Telemetry API did not respond within {TIMEOUT:?}"
            ));
            None
        }
        Ok(Ok(status)) => {
            log.once(format_args!(
                "no platform subsegments: the Telemetry API responded with {status}"
            ));
            None
        }
        Ok(Err(error)) => {
            log.once(format_args!(
                "no platform subsegments: cannot subscribe to telemetry: {error}"
            ));
            None
        }
    }
}

/// Tries the versions of the schema until the platform accepts one. Returns the status of the
/// last response.
async fn subscribe_in_any_schema(api: &mut ExtensionsApi, port: u16) -> Result<u16, ApiError> {
    let mut status = 400;
    for schema in SCHEMAS {
        status = api.subscribe(schema, port).await?;
        if status != 400 {
            break;
        }
    }
    Ok(status)
}
