//! Calls of the AWS SDK: one subsegment for each, whatever the client.

mod attributes;
mod call;
mod service_error;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeSerializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::telemetry::RequestedTelemetryAttributes;
use xray_document::TRACE_HEADER;

use self::call::Call;
use crate::context;

/// Records each call of an AWS SDK client as one subsegment, and sends the trace along.
///
/// It goes into the client's configuration, once for each client:
///
/// ```no_run
/// # async fn example() {
/// let config = aws_sdk_dynamodb::config::Builder::new()
///     .interceptor(xray_lambda::aws::Interceptor::new())
///     // ..
///     .build();
/// let client = aws_sdk_dynamodb::Client::from_conf(config);
/// # }
/// ```
///
/// With `aws-config`, `config::Builder::from(&shared_config)` is where it begins.
///
/// The subsegment has the service's name, the namespace `aws`, the operation, region,
/// request id, number of retries, HTTP status and length, and what the call names: a
/// DynamoDB table, an SQS queue, an S3 bucket. A throttled call is marked as throttle and
/// error, a refused one as error, a failed one as fault, each with the service's own words.
///
/// A second interceptor on the same client stands down. One on a single operation
/// (`.customize().interceptor(..)`) works, but comes too late to see the table's name.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Interceptor {}

impl Interceptor {
    /// The interceptor; there is nothing to set.
    pub const fn new() -> Self {
        Self {}
    }
}

/// No hook ever returns an error: the SDK would fail the call.
#[dyn_dispatch_hint]
impl Intercept for Interceptor {
    fn name(&self) -> &'static str {
        "XRayInterceptor"
    }

    /// The call begins. Its operation is not known yet.
    fn read_before_execution(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if cfg.load::<Call>().is_some() {
            return Ok(());
        }
        let Some(parent) = context::get() else {
            return Ok(());
        };
        if parent.is_recording() {
            let mut requested = cfg
                .load::<RequestedTelemetryAttributes>()
                .cloned()
                .unwrap_or_default();
            requested.capture_only(attributes::requested_members());
            cfg.interceptor_state().store_put(requested);
        }
        cfg.interceptor_state().store_put(Call::begin(parent));
        Ok(())
    }

    /// The operation and what it names are known.
    fn read_before_serialization(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(call) = cfg.load::<Call>() {
            call.record_operation(cfg);
        }
        Ok(())
    }

    /// Before the first attempt: what is set here every attempt carries, and the SDK's own
    /// recursion detection, which would read the environment, stands down.
    fn modify_before_retry_loop(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let header = cfg.load::<Call>().and_then(Call::header);
        let headers = context.request_mut().headers_mut();
        if let Some(header) = header
            && !headers.contains_key(TRACE_HEADER)
        {
            // What a header cannot hold is not sent; the call is.
            let _ = headers.try_insert(TRACE_HEADER.to_ascii_lowercase(), header);
        }
        Ok(())
    }

    /// The region is in the signature, whatever the client was configured with.
    fn read_after_signing(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(call) = cfg.load::<Call>() {
            call.record_region(context.request());
        }
        Ok(())
    }

    /// The call ends, with whatever outcome.
    fn read_after_execution(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(call) = cfg.load::<Call>() {
            call.end(context, cfg);
        }
        Ok(())
    }
}
