//! The first stage: the X-Ray daemon's UDP port, where documents arrive, followed by the
//! wrapper's signals on the same socket.

mod address;
mod datagram;

mod socket;

pub(crate) use address::{DEFAULT_ADDRESS, parse_address};
pub(crate) use datagram::Received;
pub use socket::Intake;
