//! The first stage: the X-Ray daemon's UDP port, and the stream of the wrapper. They receive
//! documents, and the signal of the wrapper that an invocation is done.

mod address;
mod datagram;
mod loss;
mod senders;
mod silence;
mod socket;
#[cfg(target_os = "linux")]
mod stream;
#[cfg(not(target_os = "linux"))]
#[path = "no_stream.rs"]
mod stream;

pub(crate) use address::{DEFAULT_ADDRESS, DaemonAddresses, parse_address};
pub(crate) use datagram::{Received, Rejection};
pub use socket::Intake;
