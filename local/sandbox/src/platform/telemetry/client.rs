use std::net::Ipv4Addr;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::subscription::Destination;

/// The subscriber's end.
#[derive(Debug)]
pub(super) struct SubscriberClient {
    destination: Destination,
    /// Of a TCP listener: kept, because lines have no acknowledgement.
    stream: Option<TcpStream>,
}

/// RegisteredEvents as they go over the wire.
#[derive(Debug)]
pub(super) struct Batch {
    body: Bytes,
    sequence: String,
}

#[derive(Debug)]
pub(super) enum PostError {
    Unreachable,
    /// Answered with something else than success.
    Refused,
    Unacknowledged,
}

impl SubscriberClient {
    pub(super) fn new(destination: Destination) -> Self {
        Self {
            destination,
            stream: None,
        }
    }

    pub(super) fn batch(&self, events: &[String]) -> Batch {
        let body = match self.destination {
            Destination::Http { .. } => format!("[{}]", events.join(",")),
            Destination::Tcp { .. } => format!("{}\n", events.join("\n")),
        };
        Batch {
            body: body.into(),
            sequence: uuid::Uuid::new_v4().to_string(),
        }
    }

    pub(super) async fn post(&mut self, batch: &Batch) -> Result<(), PostError> {
        match &self.destination {
            Destination::Http { port, path } => http(*port, path, batch).await,
            &Destination::Tcp { port } => self.tcp(port, batch).await,
        }
    }

    async fn tcp(&mut self, port: u16, batch: &Batch) -> Result<(), PostError> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => connect(port).await?,
        };
        stream
            .write_all(&batch.body)
            .await
            .map_err(|_| PostError::Unreachable)?;
        self.stream = Some(stream);
        Ok(())
    }
}

/// A connection per batch: over loopback it costs less than to find out whether an
/// old one outlived the freeze.
async fn http(port: u16, path: &str, batch: &Batch) -> Result<(), PostError> {
    let stream = TokioIo::new(connect(port).await?);
    let (mut sender, connection) = http1::handshake(stream)
        .await
        .map_err(|_| PostError::Unreachable)?;
    let request = Request::post(path)
        .header(HOST, format!("sandbox.localdomain:{port}"))
        .header(CONTENT_TYPE, "application/json")
        .header("Sequence-Id", &batch.sequence)
        .body(Full::new(batch.body.clone()))
        .map_err(|_| PostError::Refused)?;
    let exchange = async {
        let response = sender
            .send_request(request)
            .await
            .map_err(|_| PostError::Unreachable)?;
        let success = response.status().is_success();
        let _ = response.into_body().collect().await;
        if success {
            Ok(())
        } else {
            Err(PostError::Refused)
        }
    };
    let connection = tokio::spawn(connection);
    let result = exchange.await;
    connection.abort();
    result
}

async fn connect(port: u16) -> Result<TcpStream, PostError> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
        .await
        .map_err(|_| PostError::Unreachable)?;
    let _ = stream.set_nodelay(true);
    Ok(stream)
}
