//! API Gateway: REST and HTTP APIs with Lambda proxy integrations.

mod api;
mod cors;
mod error;
mod event;
mod exchange;
mod gateway;
mod gateway_response;
mod integration;
mod proxy_response;
mod proxy_result;
mod request;
mod router;
mod routing;
mod segment;
mod stage;
mod text;
mod trace_header;

pub use api::{Api, ApiKind, Cors, Route};
pub use error::GatewayError;
pub use gateway::ApiGateway;
