use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The `aws` object: the AWS resource that runs a segment's service, or the AWS call that a
/// subsegment records (X-Ray Developer Guide, segment documents).
///
/// Its fields depend on the service, so they are kept unread, as a map from a field's name to
/// its JSON. Values may be nested to any depth.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Aws(
    /// JSON of each field, by name.
    pub BTreeMap<String, Box<RawValue>>,
);

impl Aws {
    /// Returns `true` if the object has no field. An empty object is not written.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sets a field. A value that JSON cannot represent is left out.
    pub fn set(&mut self, key: &str, value: impl Serialize) -> &mut Self {
        if let Ok(value) = serde_json::value::to_raw_value(&value) {
            self.0.insert(key.to_owned(), value);
        }
        self
    }

    /// Returns a field that is a string, or `None`.
    pub fn str(&self, key: &str) -> Option<String> {
        serde_json::from_str(self.0.get(key)?.get()).ok()
    }

    /// Reads a field as a `T`. Returns `None` if the field is missing or is not a `T`.
    pub fn get<T: serde::de::DeserializeOwned>(&self, key: &str) -> Option<T> {
        serde_json::from_str(self.0.get(key)?.get()).ok()
    }
}
