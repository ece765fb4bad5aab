//! The demo: two Lambda functions behind one API, traced by `xray-lambda`.
//!
//! | function | route | does |
//! |---|---|---|
//! | `items` | `POST /items` | writes an item to DynamoDB |
//! | `items` | `GET /items/{pk}` | reads it |
//! | `reports` | `GET /reports/{pk}` | requests the item from the API, so that one trace spans two functions |
//!
//! If fault injection is on, each route fails on purpose with `fail=true` and is slow with
//! `delayMs=800`, in the query or in the body of a `POST`.

pub mod clients;
pub mod fault_injection;
pub mod items;
pub mod reports;

use lambda_http::{Body, Error, Response};
use serde::Serialize;

/// A response with a JSON body.
fn json_response(status: u16, body: &impl Serialize) -> Result<Response<Body>, Error> {
    let response = Response::builder()
        .status(status)
        .header("content-type", "application/json");
    Ok(response.body(Body::Text(serde_json::to_string(body)?))?)
}
