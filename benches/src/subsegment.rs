//! The cost of one subsegment, beside one span of `tracing-opentelemetry` with its SDK.
//!
//! Our figure includes the JSON and the UDP datagrams. The peer's exporter drops its spans,
//! so the peer's figure includes neither serialization nor sending.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use lambda_runtime::{Context, LambdaEvent};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider, SpanData, SpanExporter};
use tower::{Service, ServiceBuilder, ServiceExt};
use tracing_subscriber::layer::SubscriberExt;
use xray_lambda::XRayLayer;

use crate::Row;
use crate::statistics::median;

/// Subsegments in one invocation.
const EACH: u32 = 100;
const INVOCATIONS: u32 = 200;
const ROUNDS: usize = 15;

/// `subsegment(…)` beside an OpenTelemetry span.
pub(crate) fn subsegment() -> Row {
    compare(
        "wrapper: one subsegment (tracing-opentelemetry)",
        true,
        Work::Subsegment,
    )
}

/// The same `tracing` span with both layers.
pub(crate) fn span() -> Row {
    compare(
        "wrapper: one tracing span (tracing-opentelemetry)",
        true,
        Work::Span,
    )
}

/// A trace that is not sampled.
pub(crate) fn unsampled() -> Row {
    compare(
        "wrapper: one subsegment, not sampled (tracing-opentelemetry)",
        false,
        Work::Subsegment,
    )
}

#[derive(Clone, Copy)]
enum Work {
    Subsegment,
    Span,
}

fn compare(what: &'static str, sampled: bool, work: Work) -> Row {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    // Without a receiver, the kernel reports an error for each datagram.
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let address = socket.local_addr().expect("an address");
    let (mut ours, mut peer) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(runtime.block_on(ours_once(address, sampled, work)));
        peer.push(peer_once(sampled));
    }
    Row {
        what,
        unit: "µs",
        ours: median(ours),
        peer: median(peer),
    }
}

/// Microseconds for one subsegment, including its share of the invocation.
async fn ours_once(address: SocketAddr, sampled: bool, work: Work) -> f64 {
    let subscriber = tracing_subscriber::registry().with(xray_lambda::tracing_layer());
    let _default = tracing::subscriber::set_default(subscriber);
    let layer = XRayLayer::new().daemon_address(address).name("bench");
    let mut service =
        ServiceBuilder::new()
            .layer(layer)
            .service_fn(move |_: LambdaEvent<()>| async move {
                for number in 0..EACH {
                    match work {
                        Work::Subsegment => xray_lambda::subsegment("work")
                            .annotate("number", number)
                            .run(|| ()),
                        Work::Span => {
                            tracing::info_span!("work", annotation.number = number).in_scope(|| ())
                        }
                    }
                }
                Ok::<(), std::convert::Infallible>(())
            });
    let mut context = Context::default();
    context.request_id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned();
    context.xray_trace_id = Some(format!(
        "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled={}",
        u8::from(sampled)
    ));
    let started = Instant::now();
    for _ in 0..INVOCATIONS {
        let event = LambdaEvent::new((), context.clone());
        let service = service
            .ready()
            .await
            .expect("a service that is always ready");
        service.call(event).await.expect("a handler that succeeds");
    }
    each(started.elapsed())
}

fn peer_once(sampled: bool) -> f64 {
    let sampler = if sampled {
        Sampler::AlwaysOn
    } else {
        Sampler::AlwaysOff
    };
    let provider = SdkTracerProvider::builder()
        .with_sampler(sampler)
        .with_simple_exporter(DroppingExporter)
        .build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("bench"));
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(subscriber, || {
        let started = Instant::now();
        for _ in 0..INVOCATIONS {
            tracing::info_span!("invocation").in_scope(|| {
                for number in 0..EACH {
                    tracing::info_span!("work", number).in_scope(|| ());
                }
            });
        }
        each(started.elapsed())
    })
}

fn each(elapsed: Duration) -> f64 {
    elapsed.as_secs_f64() * 1e6 / f64::from(INVOCATIONS * EACH)
}

/// An exporter that drops its spans.
#[derive(Debug)]
struct DroppingExporter;

impl SpanExporter for DroppingExporter {
    async fn export(&self, _: Vec<SpanData>) -> OTelSdkResult {
        Ok(())
    }
}
