//! What `start-api` and `start-lambda` put in front of the sandbox.
//!
//! [`ApiGateway`] turns HTTP requests into the events of a REST or an HTTP API, and what
//! the function returns into responses; where the API traces, it draws the stage's segment.
//! [`lambda_router`] is Lambda's `Invoke` API, for the SDKs and the AWS CLI. Both reach
//! functions through [`Invoke`], which the sandbox implements.
//!
//! Serve a router with `into_make_service_with_connect_info::<SocketAddr>()`, so that the
//! caller's address is known, and wrap it in [`host_check`], which rejects requests of
//! foreign hosts and origins.

mod access;
mod api_gateway;
mod common_log_time;
mod host_check;
mod invoke;
mod lambda_api;

pub use access::{Access, AccessLog};
pub use api_gateway::{Api, ApiGateway, ApiKind, GatewayError, Route};
pub use host_check::host_check;
pub use invoke::{Invoke, InvokeFuture};
pub use lambda_api::lambda_router;
