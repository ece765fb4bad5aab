//! Calls of other services over HTTP: one subsegment for each, and the trace sent along.

mod call;
#[cfg(feature = "http-client")]
mod client;
#[cfg(feature = "reqwest")]
mod reqwest;

#[cfg(feature = "http-client")]
pub use client::{ClientFuture, ClientLayer, ClientService};
#[cfg(feature = "reqwest")]
pub use reqwest::Reqwest;
