//! The sandbox with real processes: a runtime and an extension in Python. They also prove that
//! a function may be written in any language.

// Clippy allows `unwrap` only in `#[test]` functions; the harness belongs to the tests, too.
#![allow(clippy::unwrap_used)]

#[cfg(target_os = "linux")]
mod descent;
mod extensions;
mod failing;
mod freezing;
mod guard;
mod harness;
mod invoking;
mod telemetry;
mod tracing;
