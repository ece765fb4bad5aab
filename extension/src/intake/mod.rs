//! The first stage: the X-Ray daemon's UDP port, where documents arrive, followed by the
//! wrapper's signals on the same socket.

mod address;
mod read;
mod socket;

pub(crate) use address::{DEFAULT_ADDRESS, address};
pub(crate) use read::Received;
pub use socket::Intake;
