//! What the tests against real parts are made of.
//!
//! | module | is |
//! |---|---|
//! | [`emulator`] | AWS's own Lambda emulator, classic and Managed Instances |
//! | [`python`], [`client`] | the third-party Python programs; boto3 and the AWS CLI |
//! | [`receiver`] | a receiver in X-Ray's place, which answers as a test says |
//! | [`documents`] | the documents that came, and what tests ask of them |
//! | [`local`], [`demo`] | `xray-local` as a developer runs it, and the demo under it |
//! | [`process`], [`artifact`], [`port`], [`http`] | what the others stand on |
//!
//! The tests are in `real_parts/`, the functions that they run in `functions/`.
//! `make test` brings every part: `tests/setup.sh` installs the third-party ones, Cargo
//! builds ours. A test never skips: where a part is missing it fails, and says which
//! command brings it.

pub mod artifact;
pub mod client;
pub mod demo;
pub mod documents;
pub mod emulator;
pub mod http;
pub mod local;
pub mod port;
pub mod process;
pub mod python;
pub mod receiver;

use std::time::Duration;

/// How long a test waits for what must happen. Only a failure takes this long.
pub const WAIT_TIMEOUT: Duration = Duration::from_secs(60);
