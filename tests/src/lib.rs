//! What the tests against real parts are made of: the [third-party Python
//! programs](python), AWS's own [Lambda emulator](emulator), a [receiver](receiver)
//! in X-Ray's place, [processes](process) that end with their test.
//!
//! A test here never skips: where a part is missing it fails, and says which command
//! brings it.

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
pub const PATIENCE: Duration = Duration::from_secs(60);
