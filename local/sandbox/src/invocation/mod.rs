//! One request, from the moment when it was accepted to REPORT.

mod call;
mod pool;
mod sampler;
mod trace;

pub(crate) use call::Call;
pub(crate) use pool::{LeaseOutcome, Pool};
