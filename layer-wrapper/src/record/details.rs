use std::borrow::Cow;

use xray_document::{AnnotationValue, Namespace, is_annotation_key};

use super::metadata::Metadata;
use crate::failure::Cause;
use crate::text::truncate_chars;

/// Maximum number of characters of an annotation's string (X-Ray Developer Guide: annotation
/// values are indexed up to 1,000 characters).
const MAX_ANNOTATION_CHARS: usize = 1000;

/// The contents of a subsegment, without its ids and times.
///
/// It moves several times on its way from the builder to the subsegment, so it has the size
/// of a cache line, and rarely used fields are boxed.
#[derive(Debug)]
pub(crate) struct Details {
    pub(crate) name: Cow<'static, str>,
    pub(crate) namespace: Option<Namespace>,
    pub(crate) flags: Flags,
    pub(crate) annotations: Vec<(Cow<'static, str>, AnnotationValue)>,
    pub(crate) rare: Option<Box<RareFields>>,
}

const _: () = assert!(size_of::<Details>() <= 64);

/// The fields that few subsegments have.
#[derive(Debug, Default)]
pub(crate) struct RareFields {
    pub(crate) cause: Option<Cause>,
    pub(crate) http: Option<Http>,
    pub(crate) aws: Vec<(&'static str, AwsValue)>,
    pub(crate) metadata: Vec<Metadata>,
}

/// The kinds of failure.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Flags {
    pub(crate) error: bool,
    pub(crate) throttle: bool,
    pub(crate) fault: bool,
}

/// The `http` object. An empty `url` means that there is no request.
#[derive(Debug, Default)]
pub(crate) struct Http {
    pub(crate) method: String,
    pub(crate) url: String,
    /// The callee sends segments of its own.
    pub(crate) traced: bool,
    pub(crate) status: Option<u16>,
    pub(crate) content_length: Option<u64>,
}

/// A member of the `aws` object.
#[derive(Debug)]
#[cfg_attr(
    not(feature = "aws-sdk"),
    expect(dead_code, reason = "only calls of the AWS SDK have such members")
)]
pub(crate) enum AwsValue {
    Text(String),
    Names(Vec<String>),
    Count(u64),
}

impl Details {
    pub(crate) const fn new(name: Cow<'static, str>) -> Self {
        Self {
            name,
            namespace: None,
            flags: Flags {
                error: false,
                throttle: false,
                fault: false,
            },
            annotations: Vec::new(),
            rare: None,
        }
    }

    /// The rarely used fields, allocated at the first use.
    pub(crate) fn rare(&mut self) -> &mut RareFields {
        self.rare.get_or_insert_default()
    }

    /// Sets an annotation. The last value of a key wins. Characters that a filter expression
    /// does not accept in a key become `_`. A long string is truncated.
    pub(crate) fn annotate(&mut self, key: Cow<'static, str>, mut value: AnnotationValue) {
        let key = if is_annotation_key(&key) {
            key
        } else {
            sanitize_key(&key)
        };
        if let AnnotationValue::String(text) = &mut value {
            truncate_chars(text, MAX_ANNOTATION_CHARS);
        }
        match self.annotations.iter_mut().find(|(known, _)| *known == key) {
            Some((_, old)) => *old = value,
            None => self.annotations.push((key, value)),
        }
    }

    /// Sets a metadata value. The last value of a key wins.
    pub(crate) fn metadata(&mut self, value: Metadata) {
        let same =
            |known: &&mut Metadata| known.namespace == value.namespace && known.key == value.key;
        let metadata = &mut self.rare().metadata;
        match metadata.iter_mut().find(same) {
            Some(known) => known.json = value.json,
            None => metadata.push(value),
        }
    }

    /// Adds the annotations and the metadata of `later`.
    #[cfg(feature = "tracing")]
    pub(crate) fn merge(&mut self, later: Self) {
        for (key, value) in later.annotations {
            self.annotate(key, value);
        }
        for metadata in later.rare.into_iter().flat_map(|rare| rare.metadata) {
            self.metadata(metadata);
        }
    }

    /// Sets one of this crate's marks.
    pub(crate) fn mark(&mut self, key: &'static str) {
        self.metadata(Metadata::mark(key));
    }
}

impl Flags {
    /// Sets the flags for an HTTP status (X-Ray Developer Guide): 429 is a throttle and an
    /// error, another 4xx an error, 5xx a fault.
    #[cfg(any(feature = "aws-sdk", feature = "http-client", feature = "reqwest"))]
    pub(crate) fn set_status(&mut self, status: u16) {
        match status {
            429 => {
                self.throttle = true;
                self.error = true;
            }
            400..=499 => self.error = true,
            500.. => self.fault = true,
            _ => {}
        }
    }
}

/// Replaces the characters that a filter expression does not accept.
fn sanitize_key(key: &str) -> Cow<'static, str> {
    let replaced = key.chars().map(|c| {
        if c.is_ascii_alphanumeric() || "_.:".contains(c) {
            c
        } else {
            '_'
        }
    });
    let key: String = replaced.collect();
    if key.is_empty() {
        Cow::Borrowed("_")
    } else {
        Cow::Owned(key)
    }
}
