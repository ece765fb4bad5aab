//! Where xray-local keeps traces.

mod contract;

pub use contract::*;
