//! One HTTP listener of `xray-local`: which hosts and origins may call it.
//!
//! A web page can send requests to programs on the machine of its visitor, in two ways.
//! It can post to `http://127.0.0.1:2001` from its own origin; the browser then sends the
//! page's origin in `Origin`. Or it can let its own name resolve to 127.0.0.1 (DNS
//! rebinding); the name then stays in `Host`. [`host_check`] rejects both.

#![warn(missing_docs)]

mod host_check;
mod loopback;

pub use host_check::{AllowedHosts, ForeignCaller, host_check};
