use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Annotations of a segment or subsegment: key-value pairs that X-Ray indexes for filter
/// expressions. X-Ray indexes at most
/// [`MAX_ANNOTATIONS_PER_TRACE`](crate::limits::MAX_ANNOTATIONS_PER_TRACE) of them per trace.
pub type Annotations = BTreeMap<String, AnnotationValue>;

/// Value of an annotation: a string, a number or a boolean, never an array, an object or
/// `null` (X-Ray Developer Guide, annotations).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum AnnotationValue {
    /// A boolean.
    Boolean(bool),
    /// An integer or a decimal number.
    Number(serde_json::Number),
    /// A string.
    String(String),
}

/// Returns `true` if a filter expression can find an annotation with this key.
///
/// SDKs write `[A-Za-z0-9_]`. X-Ray has accepted `.` since 2024, and AWS services write `:`,
/// for example `aws:api_id` (docs/fidelity.md).
pub fn is_annotation_key(key: &str) -> bool {
    !key.is_empty()
        && key
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_.:".contains(&b))
}

impl From<&str> for AnnotationValue {
    fn from(value: &str) -> Self {
        Self::String(value.to_owned())
    }
}

impl From<String> for AnnotationValue {
    fn from(value: String) -> Self {
        Self::String(value)
    }
}

impl From<&String> for AnnotationValue {
    fn from(value: &String) -> Self {
        Self::String(value.clone())
    }
}

impl From<bool> for AnnotationValue {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl From<f64> for AnnotationValue {
    /// NaN and the infinities become strings, because JSON cannot represent them.
    fn from(value: f64) -> Self {
        serde_json::Number::from_f64(value)
            .map_or_else(|| Self::String(value.to_string()), Self::Number)
    }
}

impl From<f32> for AnnotationValue {
    /// The number has the digits that `value` prints: `0.1_f32` becomes `0.1`. NaN and the
    /// infinities become strings, because JSON cannot represent them.
    fn from(value: f32) -> Self {
        // `f64::from(0.1_f32)` is 0.10000000149011612.
        let shortest = value.to_string().parse();
        shortest.unwrap_or_else(|_| f64::from(value)).into()
    }
}

macro_rules! from_integer {
    ($($integer:ty),*) => {$(
        impl From<$integer> for AnnotationValue {
            fn from(value: $integer) -> Self {
                Self::Number(value.into())
            }
        }
    )*};
}
from_integer!(i8, i16, i32, i64, isize, u8, u16, u32, u64, usize);

impl std::fmt::Display for AnnotationValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Boolean(value) => value.fmt(f),
            Self::Number(value) => value.fmt(f),
            Self::String(value) => value.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_f32_is_written_with_its_own_digits() {
        for (value, text) in [
            (0.1, "0.1"),
            (-1.5, "-1.5"),
            (f32::NAN, "\"NaN\""),
            (f32::INFINITY, "\"inf\""),
        ] {
            let json = serde_json::to_string(&AnnotationValue::from(value)).unwrap();
            assert_eq!(json, text);
        }
    }
}
