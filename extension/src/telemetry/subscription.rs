use std::net::IpAddr;
use std::time::Duration;

use tokio::sync::mpsc::Receiver;
use tokio::time::timeout;

use super::listener::Listener;
use super::platform_event::PlatformEvent;
use crate::Log;
use crate::lifecycle::ExtensionsApi;

/// What a subscription may cost of the start; it is answered in well under a millisecond.
const TIMEOUT: Duration = Duration::from_secs(2);

/// The port of Lambda's own Runtime API, which is on loopback in some sandboxes.
const LAMBDA_RUNTIME_API_PORT: u16 = 9001;

/// An accepted subscription.
#[derive(Debug)]
pub struct Subscription {
    batches: Receiver<Vec<PlatformEvent>>,
}

impl Subscription {
    /// The events of the next request of the platform, as far as they are understood.
    pub(crate) async fn receive(&mut self) -> Vec<PlatformEvent> {
        match self.batches.recv().await {
            Some(events) => events,
            None => std::future::pending().await,
        }
    }
}

/// Subscribes to the platform's telemetry, where there is any. It must be asked for
/// before the first `/next`, and the listener be up before that.
pub async fn subscribe(api: &mut ExtensionsApi, log: &mut Log) -> Option<Subscription> {
    // Lambda's way is to listen on every interface of the sandbox, whatever address
    // `sandbox.localdomain` has there (Lambda Developer Guide, Telemetry API). On a
    // desk the emulator is on loopback, and so is the listener.
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
    let response = timeout(TIMEOUT, api.subscribe(listener.port())).await;
    match response {
        Ok(Ok(200)) => Some(Subscription {
            batches: listener.serve(),
        }),
        // 202 is an emulator's word for "not here": no reason to speak of it each time.
        Ok(Ok(202 | 404)) => None,
        Err(_) => {
            log.once(format_args!(
                "no platform subsegments: the Telemetry API did not answer within {TIMEOUT:?}"
            ));
            None
        }
        Ok(Ok(status)) => {
            log.once(format_args!(
                "no platform subsegments: the Telemetry API answered {status}"
            ));
            None
        }
        Ok(Err(error)) => {
            log.once(format_args!("no platform subsegments: {error}"));
            None
        }
    }
}
