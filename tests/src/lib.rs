//! Helpers for the tests against real third-party programs.
//!
//! | module | contents |
//! |---|---|
//! | [`emulator`] | AWS's own Lambda emulator, in its classic and its Managed Instances mode |
//! | [`python`], [`node`], [`client`] | the third-party Python and Node programs; boto3 and the AWS CLI |
//! | [`receiver`] | a receiver in place of X-Ray, with scripted responses |
//! | [`documents`] | received documents, and queries on them |
//! | [`local`], [`demo`] | `xray-local` as a developer runs it; the demo API, run by `xray-local` |
//! | [`process`], [`artifact`], [`port`], [`http`] | child processes, our binaries, free ports, an HTTP client |
//!
//! The tests are in `real_parts/` (tests against the real third-party programs), the functions
//! that they run in `functions/`, and an extension in `extensions/`. `make test` installs the
//! third-party programs (`tests/setup.sh`) and builds ours. A test is never skipped: if a
//! program is missing, the test fails and names the command that installs it.

pub mod artifact;
pub mod client;
pub mod demo;
pub mod documents;
pub mod emulator;
pub mod http;
pub mod local;
pub mod node;
pub mod port;
pub mod process;
pub mod python;
pub mod receiver;

use std::time::Duration;

/// The longest time that a test waits for an expected event. Only a failing test waits this
/// long.
pub const WAIT_TIMEOUT: Duration = Duration::from_secs(60);
