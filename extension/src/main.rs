//! Lambda starts this program from `/opt/extensions`, before the function.

use std::process::ExitCode;
use std::sync::Arc;

use xray_lambda_extension::export::file::File;
use xray_lambda_extension::export::relay::{OpenTelemetryRelay, Relay};
use xray_lambda_extension::export::xray::{XRay, XRayApi};
use xray_lambda_extension::export::{Exporter, Exporters};
use xray_lambda_extension::flush::{FlushControl, Limits};
use xray_lambda_extension::intake::Intake;
use xray_lambda_extension::keep::{ConfiguredKeep, Keep, KeepAll};
use xray_lambda_extension::lifecycle::{self, ExtensionsApi};
use xray_lambda_extension::policy::{AllowAll, ConfiguredPolicy, Policy};
use xray_lambda_extension::proxy::SamplingProxy;
use xray_lambda_extension::telemetry::{self, PlatformRecorder, PlatformSettings, SamplingRule};
use xray_lambda_extension::{
    Config, Extension, Level, Log, LogLine, Metrics, Pipeline, SinkChoice, UnreportedEnds,
    install_panic_hook,
};

/// Faster than musl's own allocator; see `Cargo.toml`.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> ExitCode {
    install_panic_hook();
    let config = Config::from_env();
    Log::configure(config.log);
    let mut log = Log::default();
    for warning in &config.warnings {
        log.once(warning);
    }
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            log.once(format_args!("cannot start the async runtime: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let exit_code = runtime.block_on(run(&config, log));
    // A name lookup that hangs in its own thread must not delay the end of the process.
    runtime.shutdown_background();
    exit_code
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
            "no documents will be received: cannot listen on UDP {address}: {error}; set AWS_XRAY_DAEMON_ADDRESS to a free port"
        ));
        Intake::closed()
    });

    let mut api = ExtensionsApi::new(runtime_api);
    let registered = lifecycle::register(&mut api, &config.name, config.managed_instances).await;
    let receives_invokes = match registered {
        Ok(receives_invokes) => receives_invokes,
        Err(error) => {
            log.once(format_args!("cannot register the extension: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let telemetry = telemetry::subscribe(&mut api, &mut log).await;
    let (next, polling) = lifecycle::poll(api);

    let limits = Limits::with_flush_timeout(config.flush_timeout);
    let api = Arc::new(XRayApi::new(config.xray.clone()));
    if config.sinks.contains(&SinkChoice::XRay) {
        tokio::spawn(SamplingProxy::new(config.sampling_proxy, Arc::clone(&api)).run());
    }
    let keep = keep(config, telemetry.is_some(), receives_invokes, &mut log);
    let extension = Extension {
        next,
        intake,
        flush_control: FlushControl::new(
            config.flush_strategy,
            limits,
            telemetry.is_some(),
            !receives_invokes,
        ),
        open_telemetry: config.platform_daemon.map(OpenTelemetryRelay::new),
        telemetry,
        platform: PlatformRecorder::new(platform_settings(config, receives_invokes)),
        pipeline: Pipeline::new(policy(config), keep, exporters(config, &api)),
        log,
        started: Some(started(config)),
        metrics: config
            .metrics
            .then(|| Metrics::new(config.function_name.clone())),
        unreported_ends: UnreportedEnds::default(),
        held_since: None,
    };
    if tokio::spawn(extension.run()).await.is_err() {
        // A bug here must not harm the function: the poll task keeps calling `/next`
        // until SHUTDOWN.
        let _ = polling.await;
    }
    ExitCode::SUCCESS
}

fn platform_settings(config: &Config, receives_invokes: bool) -> PlatformSettings {
    let name = config.function_name.clone();
    PlatformSettings {
        function_segment: name.filter(|_| config.function_segment),
        sampling: match config.keep {
            // The keep rules choose, when the outcome is known.
            Some(_) => SamplingRule {
                fixed_rate: 1.0,
                reservoir_size: 0,
            },
            None => config.sampling,
        },
        annotations: config.platform_annotations,
        managed_instances: !receives_invokes,
    }
}

fn policy(config: &Config) -> Box<dyn Policy> {
    match &config.policy {
        Some(value) => Box::new(ConfiguredPolicy::new(value.clone())),
        None => Box::new(AllowAll),
    }
}

fn keep(config: &Config, telemetry: bool, receives_invokes: bool, log: &mut Log) -> Box<dyn Keep> {
    let Some(value) = config.keep.clone() else {
        return Box::new(KeepAll);
    };
    if !telemetry {
        log.once("XRAY_LAMBDA_KEEP has no effect: without telemetry no outcome is known");
        return Box::new(KeepAll);
    }
    let max_bytes = waiting_bytes(config);
    let function_segment = config.function_segment;
    Box::new(ConfiguredKeep::new(
        value,
        function_segment,
        receives_invokes,
        max_bytes,
    ))
}

/// The part of `buffer_bytes` for documents that wait in the keep stage: a quarter, if there are
/// keep rules.
fn waiting_bytes(config: &Config) -> usize {
    match config.keep {
        Some(_) => config.buffer_bytes / 4,
        None => 0,
    }
}

/// One exporter for each configured sink. Together with the keep stage they buffer at most
/// `buffer_bytes`.
fn exporters(config: &Config, api: &Arc<XRayApi>) -> Exporters {
    let max_bytes = (config.buffer_bytes - waiting_bytes(config)) / config.sinks.len().max(1);
    let exporters = config.sinks.iter().map(|sink| match sink {
        SinkChoice::XRay => Exporter::new(XRay::new(Arc::clone(api)), max_bytes),
        SinkChoice::Relay(address) => Exporter::new(Relay::new(*address), max_bytes),
        SinkChoice::File(path) => Exporter::new(File::new(path.clone()), max_bytes),
    });
    Exporters::new(exporters.collect())
}

/// The line that reports the start.
fn started(config: &Config) -> LogLine {
    let version = env!("CARGO_PKG_VERSION");
    let sinks: Vec<String> = config
        .sinks
        .iter()
        .map(|sink| match sink {
            SinkChoice::XRay => match &config.xray.endpoint {
                Some(endpoint) => format!("X-Ray at {endpoint}"),
                None => "X-Ray without an endpoint".to_owned(),
            },
            SinkChoice::Relay(address) => format!("the daemon at {address}"),
            SinkChoice::File(path) => path.display().to_string(),
        })
        .collect();
    let sinks = sinks.join(" and ");
    let message = format!(
        "started; version {version}; listens on UDP {}; sends to {sinks}",
        config.intake
    );
    LogLine::new(Level::Info, message)
        .with("version", version)
        .with("listens", config.intake.to_string())
        .with("sends_to", sinks)
}
