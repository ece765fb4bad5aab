//! Many subsegments at once, from the wrapper, on the standard receive buffer.

use std::collections::HashSet;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use lambda_runtime::{Context, LambdaEvent};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tower::{Layer, ServiceExt};
use xray_lambda::{FutureExt, XRayLayer, subsegment};

use crate::lambda::{FUNCTION_TIMEOUT, Lambda, LambdaOptions};
use crate::sandbox::Extension;
use crate::xray::XRay;

/// Longer than a call of the wrapper that does not wait takes, on a machine with other work.
const NOT_WAITING: Duration = Duration::from_secs(5);

struct Fixture {
    lambda: Lambda,
    xray: XRay,
    extension: Extension,
    layer: XRayLayer,
}

impl Fixture {
    async fn start() -> Self {
        let mut lambda = Lambda::start(LambdaOptions::default()).await;
        let xray = XRay::start([]).await;
        // Each invocation's documents arrive before `/next`, also in dense traffic.
        let end = [("XRAY_LAMBDA_FLUSH_STRATEGY", "end")];
        let extension = Extension::start_with(&lambda, &xray.address, &end);
        lambda.ready().await;
        lambda.telemetry("[]").await;
        let layer = XRayLayer::new().daemon_address(extension.intake.parse().unwrap());
        Self {
            lambda,
            xray,
            extension,
            layer,
        }
    }

    /// Checks that X-Ray has received this many subsegments since the last call, each once.
    fn assert_received(&mut self, expected: usize) {
        let documents = self.xray.take_received();
        let complete = documents
            .iter()
            .filter(|document| document.get("in_progress").is_none());
        let mut ids = HashSet::new();
        complete.for_each(|document| collect_ids(document, &mut ids));
        assert_eq!(ids.len(), expected, "in {} documents", documents.len());
    }

    /// Ends the extension, which must have lost nothing.
    async fn shutdown(self) {
        self.lambda.shutdown("SPINDOWN");
        let (status, log) = self.extension.exited().await;
        assert!(status.success() && log.is_empty(), "{log}");
    }
}

/// Collects the ids of a document's subsegments, except of those that only hold others.
fn collect_ids(document: &Value, ids: &mut HashSet<String>) {
    let is_group = !document["metadata"]["xray_lambda"]["group"].is_null();
    if !is_group {
        let is_new = ids.insert(document["id"].as_str().unwrap().to_owned());
        assert!(is_new, "sent twice: {document}");
    }
    for subsegment in document["subsegments"].as_array().into_iter().flatten() {
        collect_ids(subsegment, ids);
    }
}

/// Runs a handler in the layer, as the runtime does.
async fn invoke<F, Fut>(layer: &XRayLayer, request_id: String, handler: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = ()>,
{
    let mut context = Context::default();
    context.request_id = request_id;
    context.xray_trace_id =
        Some("Root=1-6750a1b2-00112233445566778899aabb;Parent=53995c3f42cd8ad8;Sampled=1".into());
    let service = tower::service_fn(async |_: LambdaEvent<()>| {
        handler().await;
        Ok::<_, lambda_runtime::Error>(())
    });
    let event = LambdaEvent::new((), context);
    layer.layer(service).oneshot(event).await.unwrap();
}

/// Starts this many subsegments, then ends them all.
fn end_at_once(subsegments: usize) {
    let open: Vec<_> = (0..subsegments)
        .map(|number| subsegment("work").annotate("number", number as u32).start())
        .collect();
    drop(open);
}

#[tokio::test]
async fn no_subsegment_of_a_burst_is_lost() {
    let mut fixture = Fixture::start().await;
    for attempt in 0..50 {
        let subsegments = 600 + attempt * 1_400 / 49;
        let request_id = format!("r-{attempt}");
        fixture.lambda.invoke(&request_id, FUNCTION_TIMEOUT).await;
        invoke(&fixture.layer, request_id, async || {
            end_at_once(subsegments);
        })
        .await;
        fixture.lambda.wait_for_next().await;
        fixture.assert_received(subsegments + 1);
    }
    fixture.shutdown().await;
}

#[tokio::test]
async fn no_subsegment_of_a_burst_is_lost_or_waits_while_the_extension_is_stopped() {
    let mut fixture = Fixture::start().await;
    for attempt in 0..50 {
        let subsegments = 600 + attempt * 1_400 / 49;
        let request_id = format!("r-{attempt}");
        fixture.lambda.invoke(&request_id, FUNCTION_TIMEOUT).await;
        fixture.extension.signal("-STOP");
        let begun = Instant::now();
        invoke(&fixture.layer, request_id, async || {
            end_at_once(subsegments);
        })
        .await;
        let took = begun.elapsed();
        fixture.extension.signal("-CONT");
        assert!(took < NOT_WAITING, "{took:?}");
        fixture.lambda.wait_for_next().await;
        fixture.assert_received(subsegments + 1);
    }
    fixture.shutdown().await;
}

#[tokio::test]
async fn no_subsegment_of_parallel_bursts_is_lost_on_the_cpu_of_a_small_function() {
    let mut fixture = Fixture::start().await;
    let ended = AtomicBool::new(false);
    for attempt in 0..50 {
        let request_id = format!("r-{attempt}");
        fixture.lambda.invoke(&request_id, FUNCTION_TIMEOUT).await;
        ended.store(false, Relaxed);
        let (extension, layer, ended) = (&fixture.extension, &fixture.layer, &ended);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !ended.load(Relaxed) {
                    run_as_with_128_mb(extension);
                }
            });
            scope.spawn(|| {
                block_on(invoke(layer, request_id, async || {
                    let bursts = (0..4).map(|_| {
                        let burst = async { end_at_once(500) }.in_current_subsegment();
                        std::thread::spawn(|| block_on(burst))
                    });
                    let threads: Vec<_> = bursts.collect();
                    threads
                        .into_iter()
                        .for_each(|thread| thread.join().unwrap());
                }));
                ended.store(true, Relaxed);
            });
        });
        fixture.lambda.wait_for_next().await;
        fixture.assert_received(2_001);
    }
    fixture.shutdown().await;
}

/// Gives the extension 1.45 ms of 20 ms, the share of a function with 128 MB.
fn run_as_with_128_mb(extension: &Extension) {
    let process = Pid::from_raw(extension.process_id() as i32).unwrap();
    kill_process(process, Signal::STOP).unwrap();
    std::thread::sleep(Duration::from_micros(18_550));
    kill_process(process, Signal::CONT).unwrap();
    std::thread::sleep(Duration::from_micros(1_450));
}

/// Runs a future on a thread without a runtime.
fn block_on(future: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(future);
}
