//! Calls of any AWS SDK client, each as one subsegment.

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

/// Records each call of an AWS SDK client as one subsegment and sends the trace header
/// with it.
///
/// Add it to the configuration of each client:
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
/// With `aws-config`, start from `config::Builder::from(&shared_config)`.
///
/// The subsegment has the service's name, the namespace `aws`, the operation, the region,
/// the request id, the number of retries, the HTTP status and length, and the resource of
/// the call, such as a DynamoDB table, an SQS queue or an S3 bucket. A throttled call has
/// the flags throttle and error, another call with a 4xx status the flag error, and any
/// other failed call the flag fault. The cause has the service's error code and message.
///
/// The header is added once, before the first attempt, so retries carry the same one. A
/// header that the request already has stays.
///
/// A second interceptor on the same client changes nothing. An interceptor on a single
/// operation (`.customize().interceptor(..)`) works, but does not record the resource.
///
/// Its methods never return an error, because the SDK would fail the call.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Interceptor {}

impl Interceptor {
    /// Makes an interceptor. It has no settings.
    pub const fn new() -> Self {
        Self {}
    }
}

#[dyn_dispatch_hint]
impl Intercept for Interceptor {
    fn name(&self) -> &'static str {
        "XRayInterceptor"
    }

    /// Begins the call. Its operation is not known yet.
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

    /// Records the operation and its resources, which are known now.
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

    /// Sets the header before the first attempt, so that each attempt carries it. The SDK's
    /// recursion detection, which reads the trace from the environment, then does nothing.
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
            // If the value is not valid in a header, the call is sent without it.
            let _ = headers.try_insert(TRACE_HEADER.to_ascii_lowercase(), header);
        }
        Ok(())
    }

    /// Records the region from the signature, which is the one in effect.
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

    /// Ends the call.
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
