//! Sending batches to where traces live. [`XRay`] is the one sink today; what another
//! would be is in [`Sink`].

mod answer;
mod client;
mod credentials;
pub mod endpoint;
mod outbox;
mod sign;
mod xray;

use std::future::Future;
use std::time::{Duration, Instant};

pub use answer::Unprocessed;
pub use credentials::{CredentialSource, Credentials};
pub use outbox::Outbox;
pub use xray::XRay;

use crate::batch::Pending;

/// Where batches go. Sending the same document twice must be safe: X-Ray replaces one
/// with the same id.
pub trait Sink: Send + Sync + 'static {
    /// Prepares what the first batch will need, while there is time.
    fn warm(&self) {}

    /// Sends one batch and ends by `until`, whatever happens.
    fn send(&self, batch: &[Pending], until: Instant) -> impl Future<Output = Outcome> + Send;
}

/// To the tenth of a second, so that one reason is said once.
fn no_answer(after: Duration) -> String {
    let tenths = (after.as_millis() as u64 + 50) / 100;
    let rounded = Duration::from_millis(tenths * 100);
    format!("no answer from X-Ray within {rounded:?}")
}

/// What became of a batch.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Taken, but for those that are listed.
    Taken(Vec<Unprocessed>),
    /// Not taken this time, and why: try again.
    Later(String),
    /// Never to be taken, and why.
    Refused(String),
}
