use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The `aws` object: what AWS knows of the resource or the call. Its members depend on
/// the service, so they are kept as they came.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Aws(pub BTreeMap<String, Box<RawValue>>);

impl Aws {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sets a member; a value that JSON cannot hold is left out.
    pub fn set(&mut self, key: &str, value: impl Serialize) -> &mut Self {
        if let Ok(value) = serde_json::value::to_raw_value(&value) {
            self.0.insert(key.to_owned(), value);
        }
        self
    }

    /// A member that is a string.
    pub fn str(&self, key: &str) -> Option<String> {
        serde_json::from_str(self.0.get(key)?.get()).ok()
    }

    /// A member as any type that it reads as.
    pub fn get<T: serde::de::DeserializeOwned>(&self, key: &str) -> Option<T> {
        serde_json::from_str(self.0.get(key)?.get()).ok()
    }
}
