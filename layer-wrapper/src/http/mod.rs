//! HTTP calls to other services: each is one subsegment and carries the trace header.

mod call;
#[cfg(feature = "http-client")]
mod client;
#[cfg(feature = "reqwest")]
mod reqwest;

#[cfg(feature = "http-client")]
pub use client::{ClientFuture, ClientLayer, ClientService};
#[cfg(feature = "reqwest")]
pub use reqwest::Reqwest;
