//! One HTTP listener of `xray-local`: who may call it, and the limits of its connections.
//!
//! A web page can send requests to programs on the machine of its visitor, in three ways. It
//! can post to `http://127.0.0.1:2001` from its own origin; the browser then sends the page's
//! origin in `Origin`. It can embed the address, for instance as an image; the browser then
//! sends `Sec-Fetch-Site: cross-site`. Or it can let its own name resolve to 127.0.0.1 (DNS
//! rebinding); the name then stays in `Host`. [`reject_foreign_callers`] rejects all three.
//!
//! A client can also open connections and send nothing, or half a request. [`serve`] bounds
//! the number of connections, the time of each, and with [`BodyReader`] the memory of all.

#![warn(missing_docs)]

mod allowed_callers;
mod body;
mod foreign_caller;
mod headers;
mod limits;
mod loopback;
mod reject_foreign_callers;
mod serve;

pub use allowed_callers::{AllowedCallers, is_allowed_origin};
pub use body::{BodyError, BodyReader, RETRY_AFTER_SECONDS};
pub use foreign_caller::ForeignCaller;
pub use headers::{remove_cors_headers, remove_hop_by_hop_headers};
pub use limits::Limits;
pub use reject_foreign_callers::{Reject, reject_foreign_callers};
pub use serve::serve;
