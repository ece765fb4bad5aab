//! Started by Lambda from `/opt/extensions`, before the function.

use std::net::IpAddr;
use std::process::ExitCode;
use std::time::Duration;

use tokio::sync::mpsc::Receiver;
use tokio::time::{sleep, timeout};
use xray_lambda_extension::export::{Outbox, XRay};
use xray_lambda_extension::flush::{Boundary, Limits};
use xray_lambda_extension::intake::Intake;
use xray_lambda_extension::lifecycle::{self, ApiError, ExtensionsApi};
use xray_lambda_extension::telemetry::{Batch, Listener, Platform};
use xray_lambda_extension::{Config, Extension, Log, keep_panics_short};

fn main() -> ExitCode {
    keep_panics_short();
    let config = Config::from_env();
    let mut log = Log::default();
    for remark in &config.remarks {
        log.once(remark);
    }
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            log.once(format_args!("cannot start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let ended = runtime.block_on(run(&config, log));
    // A name lookup that hangs in its own thread must not outlive SHUTDOWN.
    runtime.shutdown_background();
    ended
}

async fn run(config: &Config, mut log: Log) -> ExitCode {
    let Some(runtime_api) = &config.runtime_api else {
        log.once(
            "AWS_LAMBDA_RUNTIME_API is not set; Lambda starts this program from /opt/extensions",
        );
        return ExitCode::FAILURE;
    };
    let intake = Intake::bind(config.intake).unwrap_or_else(|error| {
        let address = config.intake;
        log.once(format_args!(
            "no documents will be taken in: cannot listen on UDP {address}: {error}"
        ));
        Intake::closed()
    });

    let mut api = ExtensionsApi::new(runtime_api);
    let told_of_invokes = match register(&mut api, config).await {
        Ok(told_of_invokes) => told_of_invokes,
        Err(error) => {
            log.once(format_args!("cannot register: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let telemetry = subscribe(&mut api, &mut log).await;
    let (next, polling) = lifecycle::poll(api);

    let function = config
        .function_name
        .clone()
        .filter(|_| config.function_segment);
    let limits = Limits::with_flush(config.flush_timeout);
    let extension = Extension {
        next,
        intake,
        boundary: Boundary::new(limits, telemetry.is_some(), !told_of_invokes),
        telemetry,
        platform: Platform::new(function),
        outbox: Outbox::new(XRay::new(config), config.buffer_bytes),
        log,
    };
    if tokio::spawn(extension.run()).await.is_err() {
        // A bug of ours must not become the function's: the poller goes on calling
        // `/next` by itself until SHUTDOWN.
        let _ = polling.await;
    }
    ExitCode::SUCCESS
}

/// Tries of a registration that Lambda did not answer.
const REGISTER_TRIES: u32 = 3;
const REGISTER_PAUSE: Duration = Duration::from_millis(50);

/// Registers for what there is to hear; returns whether that includes INVOKE.
async fn register(api: &mut ExtensionsApi, config: &Config) -> Result<bool, ApiError> {
    let mut invokes = !config.managed_instances;
    let mut tries = 1;
    loop {
        match api.register(&config.name, invokes).await {
            Ok(()) => return Ok(invokes),
            Err(error) if invokes && error.forbids_invoke() => invokes = false,
            Err(error) if error.is_final() || tries == REGISTER_TRIES => return Err(error),
            Err(_) => {
                tries += 1;
                sleep(REGISTER_PAUSE).await;
            }
        }
    }
}

/// What a subscription may cost of the start; it is answered in well under a millisecond.
const SUBSCRIBE_TIMEOUT: Duration = Duration::from_millis(500);

/// The port of Lambda's own Runtime API, which is on loopback in some sandboxes.
const LAMBDA_PORT: u16 = 9001;

/// Subscribes to the platform's telemetry, where there is any. It must be asked for
/// before the first `/next`, and the listener be up before that.
async fn subscribe(api: &mut ExtensionsApi, log: &mut Log) -> Option<Receiver<Batch>> {
    // Lambda's way is to listen on every interface of the sandbox, whatever address
    // `sandbox.localdomain` has there (Lambda Developer Guide, Telemetry API). On a
    // desk the emulator is on loopback, and so is the listener.
    let on_loopback = api
        .host()
        .parse::<IpAddr>()
        .is_ok_and(|ip| ip.is_loopback());
    let at_a_desk = on_loopback && api.port() != Some(LAMBDA_PORT);
    let listener = match Listener::bind(at_a_desk).await {
        Ok(listener) => listener,
        Err(error) => {
            log.once(format_args!(
                "no platform subsegments: cannot listen for telemetry: {error}"
            ));
            return None;
        }
    };
    let answer = timeout(SUBSCRIBE_TIMEOUT, api.subscribe(listener.port())).await;
    match answer {
        Ok(Ok(200)) => Some(listener.serve()),
        // 202 is an emulator's word for "not here": no reason to speak of it each time.
        Ok(Ok(202 | 404)) | Err(_) => None,
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
