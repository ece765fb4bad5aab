use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Serialize;

/// The metadata namespace for what is recorded without one (X-Ray Developer Guide:
/// the SDKs' default).
pub(crate) const DEFAULT_NAMESPACE: &str = "default";

/// The metadata namespace for this crate's own marks: `cancelled`, `late`, `truncated`.
const OWN_NAMESPACE: &str = "xray_lambda";

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

    /// One of this crate's own marks.
    pub(super) fn mark(key: &'static str) -> Self {
        Self {
            namespace: OWN_NAMESPACE.into(),
            key: key.into(),
            json: "true".to_owned(),
        }
    }

    /// Whether it is one of this crate's own marks.
    pub(super) fn is_mark(&self) -> bool {
        self.namespace == OWN_NAMESPACE
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
