//! Lambda's Extensions API: registering, asking for the next event, and going on to do
//! so whatever becomes of the rest of this program.

mod api;
mod event;
mod poll;
mod registration;

pub use api::{ApiError, ExtensionsApi};
pub use event::{Event, Invoke};
pub use poll::{Next, poll};
pub use registration::register;
