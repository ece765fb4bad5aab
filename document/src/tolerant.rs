//! How a foreign document is read: what has the wrong shape is left out, not refused.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// `None` for `null` and for a value of another shape.
pub(crate) fn optional<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: DeserializeOwned,
    D: Deserializer<'de>,
{
    let raw = <&RawValue>::deserialize(deserializer)?;
    Ok(serde_json::from_str(raw.get()).ok())
}

/// Like [`optional`], for a value whose absence is its default.
pub(crate) fn or_default<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: DeserializeOwned + Default,
    D: Deserializer<'de>,
{
    optional(deserializer).map(Option::unwrap_or_default)
}

/// An object of which only the entries that are a `T` are kept.
pub(crate) fn entries<'de, T, D>(deserializer: D) -> Result<BTreeMap<String, T>, D::Error>
where
    T: DeserializeOwned,
    D: Deserializer<'de>,
{
    let raw: BTreeMap<String, Box<RawValue>> = or_default(deserializer)?;
    let kept = raw.into_iter().filter_map(|(key, value)| {
        let value = serde_json::from_str(value.get()).ok()?;
        Some((key, value))
    });
    Ok(kept.collect())
}

/// An array of which only the elements that are a `T` are kept.
pub(crate) fn elements<'de, T, D>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    T: DeserializeOwned,
    D: Deserializer<'de>,
{
    let raw: Vec<Box<RawValue>> = or_default(deserializer)?;
    let kept = raw
        .iter()
        .filter_map(|element| serde_json::from_str(element.get()).ok());
    Ok(kept.collect())
}

/// An array of subsegments; `null` is an empty one.
pub(crate) fn null_is_empty<'de, T, D>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// A whole number, also where it comes as `"2"` (aws-xray-sdk-node#488) or `2.0`.
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

/// A string that `T` reads.
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
