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

/// The fields that segments and subsegments share, written once.
macro_rules! entity {
    ($(#[$doc:meta])* $name:ident { $($own:tt)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Serialize, Deserialize)]
        pub struct $name {
            pub name: String,
            pub id: SegmentId,
            $($own)*
            pub start_time: Timestamp,
            #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::optional")]
            pub end_time: Option<Timestamp>,
            #[serde(default, skip_serializing_if = "Not::not", deserialize_with = "tolerant::or_default")]
            pub in_progress: bool,
            #[serde(default, skip_serializing_if = "Not::not", deserialize_with = "tolerant::or_default")]
            pub error: bool,
            #[serde(default, skip_serializing_if = "Not::not", deserialize_with = "tolerant::or_default")]
            pub throttle: bool,
            #[serde(default, skip_serializing_if = "Not::not", deserialize_with = "tolerant::or_default")]
            pub fault: bool,
            #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::optional")]
            pub cause: Option<Cause>,
            #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::optional")]
            pub http: Option<Http>,
            #[serde(default, skip_serializing_if = "Aws::is_empty", deserialize_with = "tolerant::or_default")]
            pub aws: Aws,
            #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "tolerant::entries")]
            pub annotations: Annotations,
            #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "tolerant::or_default")]
            pub metadata: Metadata,
            #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "tolerant::null_is_empty")]
            pub subsegments: Vec<Subsegment>,
        }

        impl $name {
            /// Whether the document is the in-progress one that a complete one will replace.
            pub fn is_in_progress(&self) -> bool {
                self.end_time.is_none()
            }

            pub(crate) fn make_strict(&mut self) {
                self.in_progress = self.end_time.is_none();
                let name = sanitize_name(&self.name);
                if name != self.name {
                    self.name = name.into_owned();
                }
                self.annotations.retain(|key, _| is_annotation_key(key));
                self.subsegments.iter_mut().for_each(Subsegment::make_strict);
            }
        }
    };
}

entity! {
    /// What one service did for one request.
    Segment {
        pub trace_id: TraceId,
        /// The upstream subsegment that made the call.
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::optional")]
        pub parent_id: Option<SegmentId>,
        /// The AWS resource type that runs the service, such as `AWS::Lambda::Function`.
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::optional")]
        pub origin: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::optional")]
        pub resource_arn: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::optional")]
        pub user: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::optional")]
        pub service: Option<Service>,
        #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "tolerant::elements")]
        pub links: Vec<Link>,
        /// Set by X-Ray on segments that it infers from a caller's subsegment.
        #[serde(default, skip_serializing_if = "Not::not", deserialize_with = "tolerant::or_default")]
        pub inferred: bool,
    }
}

entity! {
    /// A part of the work of a segment, or a call that it made.
    Subsegment {
        /// Mandatory on a subsegment of its own; some SDKs repeat it on embedded ones.
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::optional")]
        pub trace_id: Option<TraceId>,
        /// A segment or another subsegment. Mandatory on a subsegment of its own.
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::optional")]
        pub parent_id: Option<SegmentId>,
        #[serde(default, rename = "type", skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::optional")]
        pub(crate) kind: Option<Kind>,
        /// Absent for local work. (Python's SDK writes `local`, which reads as absent.)
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::optional")]
        pub namespace: Option<Namespace>,
        /// Siblings that ended before this one began.
        #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "tolerant::elements")]
        pub precursor_ids: Vec<SegmentId>,
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::optional")]
        pub sql: Option<Sql>,
    }
}

impl Segment {
    /// A segment in progress, with only its mandatory fields.
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
    /// A subsegment in progress, with only its mandatory fields: to be embedded, or to
    /// be sent alone once `trace_id` and `parent_id` are set.
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

    /// The subsegment as its parent holds it: what only a lone one needs is gone.
    #[must_use]
    pub fn embedded(mut self) -> Self {
        self.trace_id = None;
        self.parent_id = None;
        self.kind = None;
        self
    }

    /// The subsegment as it travels alone.
    #[must_use]
    pub fn independent(mut self, trace_id: TraceId, parent_id: SegmentId) -> Self {
        self.trace_id = Some(trace_id);
        self.parent_id = Some(parent_id);
        self.kind = Some(Kind::Subsegment);
        self
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Subsegment,
}

/// Whether a subsegment is a call to another service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Namespace {
    /// A call through an AWS SDK.
    Aws,
    /// Any other downstream call.
    Remote,
}

/// Namespace → value, usually an object. Not indexed; namespaces that begin with `AWS.`
/// are AWS's own.
pub type Metadata = BTreeMap<String, Box<RawValue>>;
