use std::collections::BTreeMap;
use std::ops::Not;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::annotations::{Annotations, is_annotation_key};
use crate::aws::Aws;
use crate::cause::Cause;
use crate::http::Http;
use crate::ids::{SegmentId, TraceId};
use crate::link::Link;
use crate::name::sanitize_name;
use crate::service::Service;
use crate::sql::Sql;
use crate::timestamp::Timestamp;
use crate::tolerant;

/// Defines [`Segment`] or [`Subsegment`]: its own fields and the fields that both have.
macro_rules! entity {
    ($(#[$doc:meta])* $name:ident { $($own:tt)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Serialize, Deserialize)]
        pub struct $name {
            /// Name of the service, or of the called service, resource or code. Mandatory, up
            /// to [`MAX_NAME_CHARS`](crate::limits::MAX_NAME_CHARS); writing makes it valid with
            /// [`sanitize_name`](crate::sanitize_name).
            pub name: String,
            /// Id, unique in the trace. Mandatory.
            pub id: SegmentId,
            $($own)*
            /// Start of the work. Mandatory.
            pub start_time: Timestamp,
            /// End of the work; `None` while the work is in progress.
            #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::optional")]
            pub end_time: Option<Timestamp>,
            /// `true` if `end_time` is missing because the work is in progress. Writing derives
            /// it from `end_time`; [`is_in_progress`](Self::is_in_progress) reads it from there.
            #[serde(default, skip_serializing_if = "Not::not", deserialize_with = "tolerant::or_default")]
            pub in_progress: bool,
            /// A client error occurred. SDKs set it for response status 4xx (aws-xray-sdk-python,
            /// aws-xray-sdk-go).
            #[serde(default, skip_serializing_if = "Not::not", deserialize_with = "tolerant::or_default")]
            pub error: bool,
            /// The request was throttled. SDKs set it, together with `error`, for response
            /// status 429 (aws-xray-sdk-python, aws-xray-sdk-go).
            #[serde(default, skip_serializing_if = "Not::not", deserialize_with = "tolerant::or_default")]
            pub throttle: bool,
            /// A server error or an exception occurred. SDKs set it for response status 5xx and
            /// for exceptions (aws-xray-sdk-python, aws-xray-sdk-go).
            #[serde(default, skip_serializing_if = "Not::not", deserialize_with = "tolerant::or_default")]
            pub fault: bool,
            /// The exceptions behind `error`, `throttle` or `fault`.
            #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::optional")]
            pub cause: Option<Cause>,
            /// The HTTP request that was served or made.
            #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::optional")]
            pub http: Option<Http>,
            /// The AWS resource or call.
            #[serde(default, skip_serializing_if = "Aws::is_empty", deserialize_with = "tolerant::or_default")]
            pub aws: Aws,
            /// Values that X-Ray indexes for filter expressions. Writing leaves out an annotation
            /// whose key is not an [annotation key](crate::is_annotation_key).
            #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "tolerant::entries")]
            pub annotations: Annotations,
            /// Values that X-Ray keeps and does not index.
            #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "tolerant::or_default")]
            pub metadata: Metadata,
            /// Embedded subsegments.
            #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "tolerant::null_is_empty")]
            pub subsegments: Vec<Subsegment>,
        }

        impl $name {
            /// Returns `true` if `end_time` is missing. X-Ray overwrites an in-progress document
            /// with the complete one of the same trace and id.
            pub fn is_in_progress(&self) -> bool {
                self.end_time.is_none()
            }

            /// Makes the name, the annotation keys and `in_progress` valid, also in embedded
            /// subsegments.
            pub(crate) fn make_valid(&mut self) {
                self.in_progress = self.is_in_progress();
                let name = sanitize_name(&self.name);
                if name != self.name {
                    self.name = name.into_owned();
                }
                self.annotations.retain(|key, _| is_annotation_key(key));
                self.subsegments.iter_mut().for_each(Subsegment::make_valid);
            }
        }
    };
}

entity! {
    /// The work of one service for one request (X-Ray Developer Guide, segment documents).
    Segment {
        /// Id of the trace. Mandatory.
        pub trace_id: TraceId,
        /// Id of the upstream subsegment that made the call. `None` on the first segment of a
        /// trace.
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::optional")]
        pub parent_id: Option<SegmentId>,
        /// Type of the AWS resource that runs the service, for example `AWS::Lambda::Function`.
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::optional")]
        pub origin: Option<String>,
        /// ARN of the AWS resource that runs the service.
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::optional")]
        pub resource_arn: Option<String>,
        /// User who made the request. Filter expressions find it as `user`.
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::optional")]
        pub user: Option<String>,
        /// The program behind the service.
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::optional")]
        pub service: Option<Service>,
        /// Links to other traces. Writing keeps the first
        /// [`MAX_LINKS_PER_SEGMENT`](crate::limits::MAX_LINKS_PER_SEGMENT).
        #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "tolerant::elements")]
        pub links: Vec<Link>,
        /// `true` if X-Ray inferred the segment from a caller's subsegment. Only X-Ray sets it,
        /// in the response of `BatchGetTraces`.
        #[serde(default, skip_serializing_if = "Not::not", deserialize_with = "tolerant::or_default")]
        pub inferred: bool,
    }
}

entity! {
    /// A part of a segment's work, or a call that it made (X-Ray Developer Guide, segment
    /// documents). It is embedded in its parent, or sent on its own as an independent subsegment.
    Subsegment {
        /// Id of the trace. Mandatory on an independent subsegment; some SDKs repeat it on
        /// embedded ones.
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::optional")]
        pub trace_id: Option<TraceId>,
        /// Id of the parent, a segment or another subsegment. Mandatory on an independent
        /// subsegment.
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::optional")]
        pub parent_id: Option<SegmentId>,
        #[serde(default, rename = "type", skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::optional")]
        pub(crate) kind: Option<Kind>,
        /// Kind of call; `None` for local work. The Python SDK writes `local`, which reads as
        /// `None`.
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::optional")]
        pub namespace: Option<Namespace>,
        /// Ids of the siblings that ended before this subsegment started.
        #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "tolerant::elements")]
        pub precursor_ids: Vec<SegmentId>,
        /// The query to an SQL database.
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::optional")]
        pub sql: Option<Sql>,
    }
}

impl Segment {
    /// Creates a segment in progress that has only its mandatory fields.
    pub fn new(
        name: impl Into<String>,
        trace_id: TraceId,
        id: SegmentId,
        start_time: Timestamp,
    ) -> Self {
        Self {
            name: name.into(),
            id,
            trace_id,
            parent_id: None,
            origin: None,
            resource_arn: None,
            user: None,
            service: None,
            links: Vec::new(),
            inferred: false,
            start_time,
            end_time: None,
            in_progress: true,
            error: false,
            throttle: false,
            fault: false,
            cause: None,
            http: None,
            aws: Aws::default(),
            annotations: Annotations::new(),
            metadata: Metadata::new(),
            subsegments: Vec::new(),
        }
    }
}

impl Subsegment {
    /// Creates a subsegment in progress that has only the mandatory fields of an embedded one.
    /// [`independent`](Self::independent) adds the fields that it needs on its own.
    pub fn new(name: impl Into<String>, id: SegmentId, start_time: Timestamp) -> Self {
        Self {
            name: name.into(),
            id,
            trace_id: None,
            parent_id: None,
            kind: None,
            namespace: None,
            precursor_ids: Vec::new(),
            sql: None,
            start_time,
            end_time: None,
            in_progress: true,
            error: false,
            throttle: false,
            fault: false,
            cause: None,
            http: None,
            aws: Aws::default(),
            annotations: Annotations::new(),
            metadata: Metadata::new(),
            subsegments: Vec::new(),
        }
    }

    /// Removes the fields that only an independent subsegment needs, so that a parent can embed
    /// this one.
    #[must_use]
    pub fn embedded(mut self) -> Self {
        self.trace_id = None;
        self.parent_id = None;
        self.kind = None;
        self
    }

    /// Adds the fields that an independent subsegment needs: `type`, `trace_id` and `parent_id`.
    #[must_use]
    pub fn independent(mut self, trace_id: TraceId, parent_id: SegmentId) -> Self {
        self.trace_id = Some(trace_id);
        self.parent_id = Some(parent_id);
        self.kind = Some(Kind::Subsegment);
        self
    }
}

/// `type` of an independent subsegment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Subsegment,
}

/// Kind of call that a subsegment records (X-Ray Developer Guide, segment documents).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Namespace {
    /// A call through an AWS SDK.
    Aws,
    /// Any other downstream call.
    Remote,
}

/// Metadata of a segment or subsegment: from a namespace to its JSON, usually an object (X-Ray
/// Developer Guide, segment documents).
///
/// SDKs use the namespace `default`. Namespaces that begin with `AWS.` are reserved. Values may
/// be nested to any depth.
pub type Metadata = BTreeMap<String, Box<RawValue>>;
