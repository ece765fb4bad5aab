//! API Gateway and Lambda's `Invoke` API in front of the local sandbox: the servers of
//! `xray-local start-api` and `xray-local start-lambda`.
//!
//! [`ApiGateway`] turns HTTP requests into the events of a REST or an HTTP API, and the
//! function's results into HTTP responses. If the API traces, it records the stage's
//! segment. [`lambda_router`] serves Lambda's `Invoke` API to SDKs and the AWS CLI. Both
//! call functions through [`Invoke`], which the sandbox implements.
//!
//! Wrap a router in [`reject_foreign_callers`] or [`reject_foreign_lambda_callers`], which reject requests of foreign
//! callers. Serve it with `xray_local_listener::serve`, which adds the client's
//! address as `ConnectInfo`; without it, every request seems to come from 127.0.0.1.

mod access;
mod api_gateway;
mod common_log_time;
mod foreign_callers;
mod invoke;
mod lambda_api;

pub use access::{Access, AccessLog};
pub use api_gateway::{Api, ApiGateway, ApiKind, Cors, GatewayError, Route};
pub use foreign_callers::{reject_foreign_callers, reject_foreign_lambda_callers};
pub use invoke::{Invoke, InvokeFuture};
pub use lambda_api::lambda_router;
