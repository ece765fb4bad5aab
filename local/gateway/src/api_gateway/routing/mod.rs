//! Finds the route of a request.

mod pattern;
mod route;
mod table;

pub(crate) use route::PayloadFormat;
pub(crate) use table::{RouteMatch, RoutingTable};
