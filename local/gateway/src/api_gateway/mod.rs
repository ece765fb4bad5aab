//! API Gateway: REST and HTTP APIs with Lambda proxy integrations.
//!
//! In the order of one request:
//!
//! - `gateway`, `router`: [`ApiGateway`], made of an [`Api`], and its HTTP router.
//! - `exchange`: handles a request from its arrival to the response; calls all that follow.
//! - `request`, `trace_header`: the request as it arrived, and its trace header.
//! - `routing`: finds the route of a request.
//! - `cors`: answers preflight requests, and sets the CORS headers of responses.
//! - `event`: makes the function's event from the request.
//! - `integration`: calls the function and waits for it.
//! - `proxy_result`: reads the function's result and turns it into a response.
//! - `gateway_response`: the responses that API Gateway gives without a result.
//! - `proxy_response`: the type of both kinds of response: status, headers and body.
//! - `segment`: the segment of the stage.
//! - `stage`, `text`: the ids and ARNs of the deployed API, and decoding for the others.

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
