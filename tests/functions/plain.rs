//! A function without the wrapper. It sends documents to the daemon's address, as X-Ray SDKs
//! do in any language.
//!
//! Event: `{"documents": 3, "bytes": 200}`. Response: `{"sent": [ids]}`, with the id of each
//! document that the kernel accepted. The response to `{"fail": true}` is an error.

use std::net::UdpSocket;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};
use xray_document::{Datagram, Document, SegmentId, Subsegment, Timestamp, TraceHeader};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let daemon = std::env::var("AWS_XRAY_DAEMON_ADDRESS")?;
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.connect(daemon)?;
    let socket = &socket;
    lambda_runtime::run(service_fn(move |event| handle(socket, event))).await
}

async fn handle(socket: &UdpSocket, event: LambdaEvent<Value>) -> Result<Value, Error> {
    let header = TraceHeader::parse(event.context.xray_trace_id.as_deref().unwrap_or_default());
    let (Some(trace), Some(parent)) = (header.root, header.parent) else {
        return Err("the invocation has no trace header".into());
    };
    if event.payload["fail"] == true {
        return Err("the event says so".into());
    }
    let documents = event.payload["documents"].as_u64().unwrap_or(1);
    let bytes = usize::try_from(event.payload["bytes"].as_u64().unwrap_or(0))?;
    let mut sent = Vec::new();
    for number in 0..documents {
        let start = Timestamp::now();
        let mut subsegment = Subsegment::new("plain", SegmentId::random(), start);
        subsegment.end_time = Some(Timestamp::now());
        let padding = serde_json::value::to_raw_value(
            &json!({ "number": number, "padding": "x".repeat(bytes) }),
        )?;
        subsegment.metadata.insert("test".to_owned(), padding);
        let id = subsegment.id;
        let document = Document::Subsegment(Box::new(subsegment.independent(trace, parent)));
        let mut datagram = Vec::new();
        Datagram::Document(&document.to_json()?).write_to(&mut datagram);
        socket.send(&datagram)?;
        sent.push(id.to_string());
    }
    Ok(json!({ "sent": sent }))
}
