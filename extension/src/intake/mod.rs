//! Where documents come in: the X-Ray daemon's UDP port, and the wrapper's signals
//! behind them on the same socket.

mod address;
mod check;
mod socket;

pub use address::{DEFAULT_ADDRESS, address};
pub use check::{Checked, Refusal, check};
pub use socket::{Arrival, Intake};
