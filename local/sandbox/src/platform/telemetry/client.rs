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

/// Sends batches to the listener of one subscriber.
#[derive(Debug)]
pub(super) struct SubscriberClient {
    destination: Destination,
    /// The connection to a TCP listener, kept open between batches.
    stream: Option<TcpStream>,
}

/// Events in the format of the subscriber's protocol.
#[derive(Debug)]
pub(super) struct Batch {
    body: Bytes,
    /// `Sequence-Id`, the same for every attempt to send the batch.
    sequence: String,
}

/// The reason why a batch was not delivered.
#[derive(Debug)]
pub(super) enum SendError {
    /// The connection failed.
    Unreachable,
    /// The response has another status than success.
    Rejected,
    /// No response came in time.
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

    pub(super) async fn send(&mut self, batch: &Batch) -> Result<(), SendError> {
        match &self.destination {
            Destination::Http { port, path } => send_http(*port, path, batch).await,
            &Destination::Tcp { port } => self.send_tcp(port, batch).await,
        }
    }

    async fn send_tcp(&mut self, port: u16, batch: &Batch) -> Result<(), SendError> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => connect(port).await?,
        };
        stream
            .write_all(&batch.body)
            .await
            .map_err(|_| SendError::Unreachable)?;
        self.stream = Some(stream);
        Ok(())
    }
}

/// Opens a connection for each batch: over loopback that costs less than finding out whether
/// an old connection survived the freeze.
async fn send_http(port: u16, path: &str, batch: &Batch) -> Result<(), SendError> {
    let stream = TokioIo::new(connect(port).await?);
    let (mut sender, connection) = http1::handshake(stream)
        .await
        .map_err(|_| SendError::Unreachable)?;
    let request = Request::post(path)
        .header(HOST, format!("sandbox.localdomain:{port}"))
        .header(CONTENT_TYPE, "application/json")
        .header("Sequence-Id", &batch.sequence)
        .body(Full::new(batch.body.clone()))
        .map_err(|_| SendError::Rejected)?;
    let exchange = async {
        let response = sender
            .send_request(request)
            .await
            .map_err(|_| SendError::Unreachable)?;
        let success = response.status().is_success();
        let _ = response.into_body().collect().await;
        if success {
            Ok(())
        } else {
            Err(SendError::Rejected)
        }
    };
    let connection = tokio::spawn(connection);
    let result = exchange.await;
    connection.abort();
    result
}

async fn connect(port: u16) -> Result<TcpStream, SendError> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
        .await
        .map_err(|_| SendError::Unreachable)?;
    let _ = stream.set_nodelay(true);
    Ok(stream)
}
