//! The first stage: the X-Ray daemon's UDP port. It receives documents, and the signal of
//! the wrapper that an invocation is done.

mod address;
mod datagram;
mod socket;

pub(crate) use address::{DEFAULT_ADDRESS, DaemonAddresses, parse_address};
pub(crate) use datagram::Received;
pub use socket::Intake;
