//! The sandbox with real processes: a runtime and an extension in Python, which are
//! also the proof that a function may be written in any language.

// The helpers in `harness` are tests, too, though clippy looks for `#[test]` only.
#![allow(clippy::unwrap_used)]

mod extensions;
mod failing;
mod freezing;
mod harness;
mod invoking;
mod telemetry;
mod tracing;
