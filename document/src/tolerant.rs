//! Tolerant reading of documents that others wrote: a value of the wrong type is left out, and
//! the document is still accepted. X-Ray also drops fields that do not fit its schema (X-Ray
//! Developer Guide).

use std::collections::BTreeMap;
use std::str::FromStr;

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// Reads a `T`; `None` for `null` and for a value of another type.
pub(crate) fn optional<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: DeserializeOwned,
    D: Deserializer<'de>,
{
    let raw = <&RawValue>::deserialize(deserializer)?;
    Ok(serde_json::from_str(raw.get()).ok())
}

/// Reads a `T`; its default for `null` and for a value of another type.
pub(crate) fn or_default<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: DeserializeOwned + Default,
    D: Deserializer<'de>,
{
    optional(deserializer).map(Option::unwrap_or_default)
}

/// Reads an object and keeps the entries whose value is a `T`.
pub(crate) fn entries<'de, T, D>(deserializer: D) -> Result<BTreeMap<String, T>, D::Error>
where
    T: DeserializeOwned,
    D: Deserializer<'de>,
{
    let raw: BTreeMap<String, Box<RawValue>> = or_default(deserializer)?;
    let entries = raw.into_iter().filter_map(|(key, value)| {
        let value = serde_json::from_str(value.get()).ok()?;
        Some((key, value))
    });
    Ok(entries.collect())
}

/// Reads an array and keeps the elements that are a `T`.
pub(crate) fn elements<'de, T, D>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    T: DeserializeOwned,
    D: Deserializer<'de>,
{
    let raw: Vec<Box<RawValue>> = or_default(deserializer)?;
    let elements = raw
        .iter()
        .filter_map(|element| serde_json::from_str(element.get()).ok());
    Ok(elements.collect())
}

/// Reads an array; `null` is an empty one. An element that is not a `T` is an error.
pub(crate) fn null_is_empty<'de, T, D>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Reads a whole number, also from `"2"` (aws-xray-sdk-node#488) and `2.0`; `None` for any
/// other value.
pub(crate) fn whole_number<'de, D>(deserializer: D) -> Result<Option<i64>, D::Error>
where
    D: Deserializer<'de>,
{
    let raw = <&RawValue>::deserialize(deserializer)?;
    let text = raw.get().trim_matches('"');
    let whole = text
        .parse::<f64>()
        .ok()
        .filter(|number| number.fract() == 0.0);
    Ok(text.parse().ok().or(whole.map(|number| number as i64)))
}

/// Reads a string and parses it as a `T`. Any other value is an error.
pub(crate) fn from_str<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: FromStr<Err: std::fmt::Display>,
    D: Deserializer<'de>,
{
    struct Visitor<T>(std::marker::PhantomData<T>);

    impl<T: FromStr<Err: std::fmt::Display>> serde::de::Visitor<'_> for Visitor<T> {
        type Value = T;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a string")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
            text.parse().map_err(E::custom)
        }
    }

    deserializer.deserialize_str(Visitor(std::marker::PhantomData))
}
