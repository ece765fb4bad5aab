use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Serialize;

/// The metadata namespace of values without one (X-Ray Developer Guide: the default of the
/// SDKs).
pub(crate) const DEFAULT_NAMESPACE: &str = "default";

/// The metadata namespace of this crate's marks: `cancelled`, `late`, `truncated`.
const OWN_NAMESPACE: &str = "xray_lambda";

/// One metadata value, already as JSON.
#[derive(Debug)]
pub(crate) struct Metadata {
    pub(crate) namespace: Cow<'static, str>,
    pub(crate) key: Cow<'static, str>,
    pub(crate) json: String,
}

impl Metadata {
    /// Converts a value to JSON. `None` if the conversion fails.
    pub(crate) fn new(
        namespace: Cow<'static, str>,
        key: Cow<'static, str>,
        value: &(impl Serialize + ?Sized),
    ) -> Option<Self> {
        // serde_json panics if a `Display` that it writes fails (`collect_str`). Unwind
        // safe, because a partial result is dropped.
        let json = catch_unwind(AssertUnwindSafe(|| serde_json::to_string(value)));
        Some(Self {
            namespace,
            key,
            json: json.ok()?.ok()?,
        })
    }

    /// One of this crate's marks.
    pub(super) fn mark(key: &'static str) -> Self {
        Self {
            namespace: OWN_NAMESPACE.into(),
            key: key.into(),
            json: "true".to_owned(),
        }
    }

    /// Returns whether this is one of this crate's marks.
    pub(super) fn is_mark(&self) -> bool {
        self.namespace == OWN_NAMESPACE
    }
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use super::*;

    #[test]
    fn a_value_whose_display_fails_is_left_out() {
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
