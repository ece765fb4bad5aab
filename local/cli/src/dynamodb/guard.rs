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
    AllowedCallers, BodyError, BodyReader, ForeignCaller, RETRY_AFTER_SECONDS,
    reject_foreign_callers, remove_cors_headers, remove_hop_by_hop_headers,
};

use super::connection::Connector;

/// The most bytes of a request (DynamoDB Developer Guide, "Service quotas", `BatchWriteItem`: 16 MB).
const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;

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

async fn forward(State(client): State<DatabaseClient>, request: Request) -> Response {
    // A body that does not arrive must not occupy the database, whose memory has no limit.
    let reader = BodyReader::of(request.extensions());
    let (head, body) = request.into_parts();
    let mut request = match reader.read(body, MAX_BODY_BYTES).await {
        Ok(body) => Request::from_parts(head, Body::from(body)),
        Err(cause) => return unread(&cause),
    };
    request.headers_mut().remove(header::EXPECT);
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

/// The response to a request whose body was not read.
fn unread(cause: &BodyError) -> Response {
    let (status, code) = match cause {
        BodyError::TooLarge => (
            StatusCode::PAYLOAD_TOO_LARGE,
            "RequestEntityTooLargeException",
        ),
        BodyError::Incomplete(_) => (StatusCode::BAD_REQUEST, "SerializationException"),
        BodyError::NoMemory => (StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable"),
    };
    let mut response = error(status, code, &cause.to_string());
    if *cause == BodyError::NoMemory {
        let retry_after = HeaderValue::from_static(RETRY_AFTER_SECONDS);
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, retry_after);
    }
    response
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

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::net::SocketAddr;
    use std::time::Duration;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;
    use xray_local_listener::{Limits, serve};

    use super::*;
    use crate::bind::bind_free_port;

    async fn start(limits: Limits) -> SocketAddr {
        let listener = bind_free_port().await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = router(Database::memory().unwrap());
        tokio::spawn(serve(listener, router, limits, pending()));
        address
    }

    /// Sends a request with the beginning of its body.
    async fn half_send(address: SocketAddr, sent: usize, length: usize) -> TcpStream {
        let mut connection = TcpStream::connect(address).await.unwrap();
        let head = format!(
            "POST / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
        );
        connection.write_all(head.as_bytes()).await.unwrap();
        connection.write_all(&vec![b' '; sent]).await.unwrap();
        connection
    }

    async fn response(mut connection: TcpStream) -> String {
        let mut response = String::new();
        // The server may reset the connection after the response.
        let _ = connection.read_to_string(&mut response).await;
        response
    }

    #[tokio::test]
    async fn a_half_sent_body_does_not_reach_the_database() {
        let address = start(Limits {
            body_timeout: Duration::from_millis(100),
            ..Limits::default()
        })
        .await;
        let response = response(half_send(address, 4, 10).await).await;
        assert!(response.starts_with("HTTP/1.1 400"), "{response}");
        assert!(response.contains("did not arrive completely"), "{response}");
    }

    #[tokio::test]
    async fn a_body_of_more_than_16_mb_is_too_large() {
        let address = start(Limits::default()).await;
        let length = MAX_BODY_BYTES + 1;
        let response = response(half_send(address, length, length).await).await;
        assert!(response.starts_with("HTTP/1.1 413"), "{response}");
    }

    #[tokio::test]
    async fn without_memory_for_the_body_the_caller_should_try_again() {
        let address = start(Limits {
            body_bytes: 1_000_000,
            body_wait: Duration::ZERO,
            ..Limits::default()
        })
        .await;
        // More than a socket holds, so the server has read a part of it.
        let held = half_send(address, MAX_BODY_BYTES - 1, MAX_BODY_BYTES).await;
        let refused = response(half_send(address, 100_000, 100_000).await).await;
        assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");
        assert!(refused.contains("retry-after: 5"), "{refused}");
        assert!(refused.contains("ServiceUnavailable"), "{refused}");
        drop(held);
    }
}
