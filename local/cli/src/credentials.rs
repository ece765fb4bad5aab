//! The AWS credentials that functions sign with.

use std::collections::BTreeMap;

/// The caller's own credentials if the environment has them, as `sam local` passes them on.
/// Otherwise placeholders, which every local service accepts.
pub(crate) fn credentials() -> BTreeMap<String, String> {
    let names = [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
    ];
    let own: BTreeMap<_, _> = names
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?)))
        .collect();
    if own.contains_key("AWS_ACCESS_KEY_ID") && own.contains_key("AWS_SECRET_ACCESS_KEY") {
        return own;
    }
    let placeholders = [
        ("AWS_ACCESS_KEY_ID", "local"),
        ("AWS_SECRET_ACCESS_KEY", "local"),
    ];
    placeholders
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}
