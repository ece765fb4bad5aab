//! The program with templates and traces from elsewhere, run as a user runs it.

#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a failed test")]

mod credentials;
mod project;
mod pty;
mod terminal;
