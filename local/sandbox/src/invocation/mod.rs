//! One request, from its arrival to its REPORT line, and the pool of environments that serve requests.

mod call;
mod pool;
mod sampler;
mod trace;

pub(crate) use call::Call;
pub(crate) use pool::{LeaseOutcome, Pool};
