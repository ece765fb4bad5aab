//! A tracing policy for AWS X-Ray: which annotations, fields, URLs and secrets may leave a
//! function.
//!
//! A [`Policy`] is read from a JSON file, and a [`Filter`] applies it to segment documents. In
//! the mode `audit` it only counts; in the mode `enforce` it removes annotations and fields,
//! replaces secrets and personal data, and puts placeholders for the ids in URLs and names.
//! `docs/policy.md` in the repository describes each setting.
//!
//! The crate does no I/O. It searches a document once without building a tree of it: a document
//! without a finding keeps its bytes, and in another one only the findings change.
//!
//! ```
//! use xray_policy::{Applied, Filter, Policy};
//!
//! # fn main() -> Result<(), xray_policy::PolicyError> {
//! let policy = Policy::parse(r#"{"mode": "enforce", "forbidden": ["user"], "redact": {}}"#)?;
//! let mut filter = Filter::new(policy);
//! let document = r#"{"name":"orders","user":"u-1","metadata":{"mail":{"to":"ana@example.com"}}}"#;
//! let changed = r#"{"name":"orders","metadata":{"mail":{"to":"[email]"}}}"#;
//! assert_eq!(filter.apply(None, document), Applied::Changed(changed.to_owned()));
//! # Ok(())
//! # }
//! ```
//!
//! [`source`] reads other settings files with the same error messages, and [`matches_wildcard`]
//! has the wildcards of X-Ray's sampling rules.

#![warn(missing_docs)]

mod bucket;
mod detect;
mod distinct;
mod edits;
mod field_path;
mod filter;
mod lexer;
mod pattern;
mod policy;
mod required;
mod settings;
pub mod source;
mod suggest;
mod walk;
mod wildcard;

pub use filter::{Applied, Filter, Finding, RuleCount};
pub use policy::{Mode, Policy};
pub use settings::PolicyError;
pub use wildcard::matches_wildcard;
