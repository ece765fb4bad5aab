//! Policies applied to documents.

#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a failed test")]

mod arbitrary;
mod documented;
mod documents;
mod wrong;

use xray_policy::{Applied, Filter, Policy};

/// The filter of a policy.
fn filter(policy: &str) -> Filter {
    Filter::new(Policy::parse(policy).unwrap())
}

/// The document after the policy, in the mode `enforce`.
fn enforce(rules: &str, document: &str) -> String {
    let policy = format!(r#"{{"mode":"enforce",{rules}}}"#);
    match filter(&policy).apply(None, document) {
        Applied::Unchanged => document.to_owned(),
        Applied::Changed(changed) => changed,
        Applied::Rejected => panic!("rejected: {document}"),
    }
}
