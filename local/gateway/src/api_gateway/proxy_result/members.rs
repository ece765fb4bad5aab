use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

/// The members of a result. Their values are not parsed yet: a value may be nested deeper than
/// the parser's recursion limit.
pub(super) type Members<'a> = BTreeMap<String, &'a RawValue>;

/// Reads a member as a `T`. Returns `None` if the member is absent or `null`. `expected`
/// describes the type in the error's message.
///
/// # Errors
/// The member has another type.
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

/// Describes the first entry of an object or array that is invalid in a `T`. Returns `None` if
/// `T` does not accept even an empty object or array: then no entry is the reason, and its key
/// would only show data of the user.
fn wrong_entry<T: DeserializeOwned>(value: &RawValue) -> Option<String> {
    let is_valid = |text: String| serde_json::from_str::<T>(&text).is_ok();
    let empty = match kind_of(value) {
        "an object" => "{}",
        "an array" => "[]",
        _ => return None,
    };
    if !is_valid(empty.to_owned()) {
        return None;
    }
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
    Some(format!(
        "{} at index {position}",
        kind_of(entries[position])
    ))
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
