//! The choice of a request's route.

mod pattern;
mod route;
mod table;

pub(crate) use route::PayloadFormat;
pub(crate) use table::{RouteMatch, RoutingTable};
