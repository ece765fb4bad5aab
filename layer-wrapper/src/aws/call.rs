use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_smithy_runtime_api::client::interceptors::context::FinalizerInterceptorContextRef;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, Metadata};
use aws_smithy_runtime_api::client::retries::RequestAttempts;
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};
use aws_smithy_types::telemetry::CapturedTelemetryAttributes;
use xray_document::Namespace;

use super::attributes::record_attributes;
use super::service_error::ServiceError;
use crate::failure::Failure;
use crate::invocation::SubsegmentState;
use crate::record::{AwsValue, Details, Http};
use crate::subsegment::Subsegment;

/// One execution of an operation.
///
/// It is stored in the configuration of that execution, so concurrent calls of one client
/// do not mix. A cancelled call ends when its configuration is dropped.
#[derive(Debug)]
pub(super) struct Call {
    subsegment: Subsegment,
    is_operation_recorded: AtomicBool,
    is_region_recorded: AtomicBool,
    has_ended: AtomicBool,
}

impl Storable for Call {
    type Storer = StoreReplace<Self>;
}

impl Call {
    pub(super) fn begin(parent: Arc<SubsegmentState>) -> Self {
        let subsegment = if parent.is_recording() {
            let details = Details {
                namespace: Some(Namespace::Aws),
                ..Details::new("AWS".into())
            };
            Subsegment::begin(&parent, details)
        } else {
            Subsegment::unrecorded(Some(parent))
        };
        Self {
            subsegment,
            is_operation_recorded: AtomicBool::new(false),
            is_region_recorded: AtomicBool::new(false),
            has_ended: AtomicBool::new(false),
        }
    }

    /// Records the service, the operation and the resources. Does so once, because a second
    /// interceptor on the client calls it again.
    pub(super) fn record_operation(&self, cfg: &ConfigBag) {
        if self.is_operation_recorded.swap(true, Ordering::Relaxed) {
            return;
        }
        self.edit(|details| {
            if let Some(metadata) = cfg.load::<Metadata>() {
                details.name = metadata.service().to_owned().into();
                details
                    .rare()
                    .aws
                    .push(("operation", AwsValue::Text(metadata.name().to_owned())));
            }
            if let Some(attributes) = cfg.load::<CapturedTelemetryAttributes>() {
                record_attributes(attributes, &mut details.rare().aws);
            }
        });
    }

    pub(super) fn header(&self) -> Option<String> {
        self.subsegment.header_text()
    }

    /// Records the region of the signature's scope: `Credential=<id>/<date>/<region>/…`.
    pub(super) fn record_region(&self, request: &HttpRequest) {
        if !self.subsegment.is_recording() || self.is_region_recorded.swap(true, Ordering::Relaxed)
        {
            return;
        }
        let authorization = request.headers().get("authorization").unwrap_or_default();
        let scope = authorization
            .split_once("Credential=")
            .map(|(_, scope)| scope);
        let region = scope
            .and_then(|scope| scope.split('/').nth(2))
            .map(str::to_owned);
        // A signature for several regions (SigV4a) has no region in its scope.
        let region = region
            .filter(|region| region.contains('-'))
            .or_else(|| std::env::var("AWS_REGION").ok());
        if let Some(region) = region {
            self.edit(|details| details.rare().aws.push(("region", AwsValue::Text(region))));
        }
    }

    /// Records the outcome and ends the subsegment.
    pub(super) fn end(&self, context: &FinalizerInterceptorContextRef<'_>, cfg: &ConfigBag) {
        if self.has_ended.swap(true, Ordering::Relaxed) {
            return;
        }
        let Some(state) = self.subsegment.state() else {
            return;
        };
        let attempts = cfg
            .load::<RequestAttempts>()
            .map_or(1, RequestAttempts::attempts);
        let error = context.output_or_error().and_then(Result::err);
        let response = context.response();
        let service = error
            .filter(|error| error.is_operation_error() || error.is_response_error())
            .and_then(|_| ServiceError::read(response?));
        let is_throttled = service.as_ref().is_some_and(ServiceError::is_throttling);
        let failure = match service {
            Some(service) => Some(Failure::new(service.code, service.message).remote()),
            None => error.map(|error| Failure::from_error(None, error)),
        };
        self.edit(|details| {
            if attempts > 1 {
                details
                    .rare()
                    .aws
                    .push(("retries", AwsValue::Count(u64::from(attempts - 1))));
            }
            if let Some(response) = response {
                record_response(details, response);
            }
            let Some(failure) = failure else { return };
            details.flags.throttle |= is_throttled;
            details.flags.error |= is_throttled;
            // No status assigns the failure to the caller: the response is missing or
            // unreadable, or reports a fault.
            details.flags.fault |= !details.flags.error;
            state.set_cause(details, failure);
        });
        // The client drops its configuration a little later, but the call ends here. An
        // unrecorded subsegment is the enclosing one and stays open.
        if self.subsegment.is_recording() {
            state.close();
        }
    }

    fn edit(&self, edit: impl FnOnce(&mut Details)) {
        // An unrecorded subsegment is the enclosing one, which ignores edits.
        self.subsegment.edit(edit);
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if !self.has_ended.load(Ordering::Relaxed) {
            self.edit(|details| details.mark("cancelled"));
        }
    }
}

fn record_response(details: &mut Details, response: &HttpResponse) {
    let status = response.status().as_u16();
    details.flags.set_status(status);
    let header = |name| response.headers().get(name);
    let content_length = header("content-length").and_then(|length| length.parse().ok());
    details.rare().http = Some(Http {
        status: Some(status),
        content_length,
        ..Http::default()
    });
    let request_id = ["x-amzn-requestid", "x-amzn-request-id", "x-amz-request-id"]
        .into_iter()
        .find_map(header);
    if let Some(id) = request_id {
        details
            .rare()
            .aws
            .push(("request_id", AwsValue::Text(id.to_owned())));
    }
    if let Some(id) = header("x-amz-id-2") {
        details
            .rare()
            .aws
            .push(("id_2", AwsValue::Text(id.to_owned())));
    }
}
