use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

/// The members of a result, not yet parsed, because a body may be nested deeper than the stack
/// of a recursive parser.
pub(super) type Members<'a> = BTreeMap<String, &'a RawValue>;

/// Reads a member as a `T`. `None` if it is absent or `null`.
///
/// # Errors
/// The member has another type. `expected` is the type in words.
pub(super) fn member<T: DeserializeOwned>(
    members: &Members<'_>,
    name: &str,
    expected: &str,
) -> Result<Option<T>, String> {
    let Some(value) = members.get(name) else {
        return Ok(None);
    };
    serde_json::from_str(value.get()).map_err(|_| {
        let found = kind_of(value);
        let entry = wrong_entry::<T>(value).map(|entry| format!(" with {entry}"));
        format!(
            "{name} must be {expected}, not {found}{}",
            entry.unwrap_or_default()
        )
    })
}

/// The entry of an object or array that prevents its reading as a `T`.
fn wrong_entry<T: DeserializeOwned>(value: &RawValue) -> Option<String> {
    let is_valid = |text: String| serde_json::from_str::<T>(&text).is_ok();
    if let Ok(entries) = serde_json::from_str::<Members<'_>>(value.get()) {
        let (key, entry) = entries.iter().find(|(key, entry)| {
            let key = serde_json::Value::from(key.as_str());
            !is_valid(format!("{{{key}:{entry}}}"))
        })?;
        return Some(format!("{} at {key:?}", kind_of(entry)));
    }
    let entries: Vec<&RawValue> = serde_json::from_str(value.get()).ok()?;
    let position = entries
        .iter()
        .position(|entry| !is_valid(format!("[{entry}]")))?;
    Some(format!("{} at {position}", kind_of(entries[position])))
}

/// The type of a value, for the log. The value itself is not logged, because it may hold
/// secrets.
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
