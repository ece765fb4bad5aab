//! The only way to the database: it checks the caller, and forwards the request.
//!
//! dynoxide's own server answers every host and, with `Access-Control-Allow-Origin: *`, every
//! page.

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::uri::{Authority, Parts, PathAndQuery, Scheme, Uri};
use axum::http::{HeaderValue, StatusCode, Version, header};
use axum::response::{IntoResponse, Response};
use dynoxide::Database;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::json;
use xray_local_listener::{
    AllowedCallers, ForeignCaller, reject_foreign_callers, remove_cors_headers,
    remove_hop_by_hop_headers,
};

use super::connection::Connector;

type DatabaseClient = Client<Connector, Body>;

/// Forwards the requests of programs of this machine to `database`.
///
/// Pages are rejected, also those of this machine. The port is another one in every run, so a
/// page cannot know it. A page that needs a DynamoDB can call the one of
/// `--dynamodb-endpoint`.
pub(super) fn router(database: Database) -> Router {
    let client: DatabaseClient =
        Client::builder(TokioExecutor::new()).build(Connector::new(database));
    let router = Router::new().fallback(forward).with_state(client);
    reject_foreign_callers(router, AllowedCallers::loopback().without_pages(), reject)
}

fn reject(foreign: &ForeignCaller) -> Response {
    let message = format!("{foreign}; only programs of this machine can call its DynamoDB");
    error(StatusCode::FORBIDDEN, "AccessDeniedException", &message)
}

async fn forward(State(client): State<DatabaseClient>, mut request: Request) -> Response {
    let path = request.uri().path_and_query().cloned();
    *request.uri_mut() = database_uri(path);
    *request.version_mut() = Version::HTTP_11;
    remove_hop_by_hop_headers(request.headers_mut());
    match client.request(request).await {
        Ok(response) => {
            let mut response = response.map(Body::new);
            remove_hop_by_hop_headers(response.headers_mut());
            remove_cors_headers(response.headers_mut());
            response
        }
        Err(cause) => {
            let message = format!("the request did not reach DynamoDB: {cause}");
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            error(status, "InternalServerError", &message)
        }
    }
}

/// A URI of the database. Its authority is only the key of the client's pool.
fn database_uri(path: Option<PathAndQuery>) -> Uri {
    let mut uri = Parts::default();
    uri.scheme = Some(Scheme::HTTP);
    uri.authority = Some(Authority::from_static("database"));
    uri.path_and_query = Some(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
    Uri::from_parts(uri).unwrap_or_else(|_| Uri::from_static("http://database/"))
}

/// An error in DynamoDB's form, which SDKs show.
fn error(status: StatusCode, code: &str, message: &str) -> Response {
    let body = json!({ "__type": code, "message": message }).to_string();
    let json = HeaderValue::from_static("application/x-amz-json-1.0");
    (status, [(header::CONTENT_TYPE, json)], body).into_response()
}
