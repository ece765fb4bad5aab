use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// The members of a result, unread: a body may be nested deeper than any parser's stack.
pub(super) type Members<'a> = BTreeMap<String, &'a RawValue>;

/// A member of the type that it must have; `null` is as good as absent.
pub(super) fn member<T: serde::de::DeserializeOwned>(
    members: &Members<'_>,
    name: &str,
    expected: &str,
) -> Result<Option<T>, String> {
    let Some(value) = members.get(name) else {
        return Ok(None);
    };
    serde_json::from_str(value.get()).map_err(|_| {
        let place = place::<T>(value).map(|place| format!(" with {place}"));
        format!(
            "{name} must be {expected}, not {}{}",
            kind_of(value),
            place.unwrap_or_default()
        )
    })
}

/// Which entry of an object or array does not let it be a `T`.
fn place<T: serde::de::DeserializeOwned>(value: &RawValue) -> Option<String> {
    let fits = |text: String| serde_json::from_str::<T>(&text).is_ok();
    if let Ok(entries) = serde_json::from_str::<Members<'_>>(value.get()) {
        let (key, entry) = entries.iter().find(|(key, entry)| {
            let key = serde_json::Value::from(key.as_str());
            !fits(format!("{{{key}:{entry}}}"))
        })?;
        return Some(format!("{} at {key:?}", kind_of(entry)));
    }
    let entries: Vec<&RawValue> = serde_json::from_str(value.get()).ok()?;
    let position = entries
        .iter()
        .position(|entry| !fits(format!("[{entry}]")))?;
    Some(format!("{} at {position}", kind_of(entries[position])))
}

/// What the log says of a value: never the value, which may be anybody's data.
pub(super) fn kind_of(value: &RawValue) -> &'static str {
    match value.get().as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}
