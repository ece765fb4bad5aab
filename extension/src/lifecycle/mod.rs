//! Lambda's Extensions API: registers the extension and calls `/next` for each event, even
//! after a bug in another part of this program.

mod api;
mod event;
mod poll;
mod registration;

pub use api::{ApiError, ExtensionsApi};
pub use event::{Event, Invoke};
pub use poll::{Next, poll};
pub use registration::register;
