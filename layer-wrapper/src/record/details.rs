use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Serialize;
use xray_document::{AnnotationValue, Namespace, is_annotation_key};

use super::OWN_NAMESPACE;
use crate::failure::Cause;
use crate::text::truncate_chars;

/// Characters of an annotation's string (X-Ray Developer Guide: annotation values are
/// indexed up to 1,000 characters).
const MAX_ANNOTATION_CHARS: usize = 1000;

/// What is known of a subsegment beyond its ids and times.
///
/// It is moved a few times from the builder's first call to the subsegment, so it is one
/// cache line long: what few have is elsewhere.
#[derive(Debug)]
pub(crate) struct Details {
    pub(crate) name: Cow<'static, str>,
    pub(crate) namespace: Option<Namespace>,
    pub(crate) flags: Flags,
    pub(crate) annotations: Vec<(Cow<'static, str>, AnnotationValue)>,
    pub(crate) rest: Option<Box<Rest>>,
}

const _: () = assert!(size_of::<Details>() <= 64);

/// What few subsegments have.
#[derive(Debug, Default)]
pub(crate) struct Rest {
    pub(crate) cause: Option<Cause>,
    pub(crate) http: Option<Http>,
    pub(crate) aws: Vec<(&'static str, AwsValue)>,
    pub(crate) metadata: Vec<Metadata>,
}

/// One metadata value, already JSON.
#[derive(Debug)]
pub(crate) struct Metadata {
    pub(crate) namespace: Cow<'static, str>,
    pub(crate) key: Cow<'static, str>,
    pub(crate) json: String,
}

impl Metadata {
    /// `None` for a value that JSON cannot hold.
    pub(crate) fn new(
        namespace: Cow<'static, str>,
        key: Cow<'static, str>,
        value: &(impl Serialize + ?Sized),
    ) -> Option<Self> {
        // serde_json panics where a `Display` that it writes fails (`collect_str`). Nothing
        // outlives the attempt that could be seen half written.
        let json = catch_unwind(AssertUnwindSafe(|| serde_json::to_string(value)));
        Some(Self {
            namespace,
            key,
            json: json.ok()?.ok()?,
        })
    }
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Flags {
    pub(crate) error: bool,
    pub(crate) throttle: bool,
    pub(crate) fault: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Http {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) traced: bool,
    pub(crate) status: Option<u16>,
    pub(crate) content_length: Option<u64>,
}

/// A member of the `aws` object.
#[derive(Debug)]
#[cfg_attr(
    not(feature = "aws-sdk"),
    expect(dead_code, reason = "only calls of the SDK have any")
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
            rest: None,
        }
    }

    pub(crate) fn rest(&mut self) -> &mut Rest {
        self.rest.get_or_insert_default()
    }

    /// Sets an annotation; the last value of a key wins. What a filter expression could
    /// not name becomes `_` in the key; a long string is cut.
    pub(crate) fn annotate(&mut self, key: Cow<'static, str>, mut value: AnnotationValue) {
        let key = if is_annotation_key(&key) {
            key
        } else {
            searchable(&key)
        };
        if let AnnotationValue::String(text) = &mut value {
            truncate_chars(text, MAX_ANNOTATION_CHARS);
        }
        match self.annotations.iter_mut().find(|(known, _)| *known == key) {
            Some((_, old)) => *old = value,
            None => self.annotations.push((key, value)),
        }
    }

    /// Sets a metadata value; the last one of a key wins.
    pub(crate) fn metadata(&mut self, value: Metadata) {
        let same =
            |known: &&mut Metadata| known.namespace == value.namespace && known.key == value.key;
        let metadata = &mut self.rest().metadata;
        match metadata.iter_mut().find(same) {
            Some(known) => known.json = value.json,
            None => metadata.push(value),
        }
    }

    /// Adds what was set in `later`.
    #[cfg(feature = "tracing")]
    pub(crate) fn merge(&mut self, later: Self) {
        for (key, value) in later.annotations {
            self.annotate(key, value);
        }
        for metadata in later.rest.into_iter().flat_map(|rest| rest.metadata) {
            self.metadata(metadata);
        }
    }

    /// Sets one of this crate's own marks.
    pub(crate) fn mark(&mut self, key: &'static str) {
        self.metadata(Metadata {
            namespace: OWN_NAMESPACE.into(),
            key: key.into(),
            json: "true".to_owned(),
        });
    }
}

impl Flags {
    /// What an HTTP status says (X-Ray Developer Guide): 429 is a throttle and an error,
    /// other 4xx an error, 5xx a fault.
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

fn searchable(key: &str) -> Cow<'static, str> {
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

#[cfg(test)]
mod tests {
    use std::fmt;

    use super::*;

    #[test]
    fn a_value_whose_own_text_fails_is_left_out() {
        struct Broken;
        impl fmt::Display for Broken {
            fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
                Err(fmt::Error)
            }
        }
        impl Serialize for Broken {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        assert!(Metadata::new("default".into(), "key".into(), &Broken).is_none());
        assert!(Metadata::new("default".into(), "key".into(), &f64::NAN).is_some());
    }
}
