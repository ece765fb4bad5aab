//! A receiver of datagrams on a free port, and the traces that it received.

#![allow(
    dead_code,
    unused_imports,
    reason = "each test uses only some of these items"
)]

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use lambda_runtime::{Context, LambdaEvent};
use tower::{Layer, ServiceExt};
use xray_document::{Datagram, Document, SegmentId, Subsegment};
use xray_lambda::XRayLayer;

pub(crate) const ROOT: &str = "1-5759e988-bd862e3fe1be46a994272793";
pub(crate) const PARENT: &str = "53995c3f42cd8ad8";
pub(crate) type Error = lambda_runtime::Error;

/// The header of a sampled invocation, with the field that Lambda adds.
pub(crate) fn sampled() -> String {
    format!("Root={ROOT};Parent={PARENT};Sampled=1;Lineage=2:c3e4b99a:0")
}

/// Stands for the extension: receives documents and understands `Done`.
pub(crate) struct Receiver {
    socket: UdpSocket,
    address: SocketAddr,
}

impl Receiver {
    pub(crate) fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        let address = socket.local_addr().unwrap();
        Self { socket, address }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn layer(&self) -> XRayLayer {
        XRayLayer::new()
            .service("checkout")
            .daemon_address(self.address)
    }

    /// The next document, parsed as X-Ray parses it. `None` for the signal `Done`.
    pub(crate) fn document(&self) -> Option<Subsegment> {
        let bytes = self.datagram();
        match Datagram::parse(&bytes).unwrap() {
            Datagram::Document(json) => match Document::parse(json).unwrap() {
                Document::Subsegment(subsegment) => Some(*subsegment),
                Document::Segment(segment) => panic!("a segment: {}", segment.name),
            },
            Datagram::Done { .. } => None,
        }
    }

    /// Returns whether a datagram waits to be read.
    pub(crate) fn has_datagram(&self) -> bool {
        self.socket.set_nonblocking(true).unwrap();
        let found = self.socket.peek(&mut [0]).is_ok();
        self.socket.set_nonblocking(false).unwrap();
        found
    }

    pub(crate) fn datagram(&self) -> Vec<u8> {
        let mut bytes = vec![0; 65_536];
        let length = self
            .socket
            .recv(&mut bytes)
            .expect("a datagram within the timeout");
        bytes.truncate(length);
        bytes
    }

    /// The JSON of each document up to the signal `Done`.
    pub(crate) fn texts(&self) -> Vec<String> {
        let mut texts = Vec::new();
        loop {
            let bytes = self.datagram();
            match Datagram::parse(&bytes).unwrap() {
                Datagram::Document(json) => texts.push(json.to_owned()),
                Datagram::Done { .. } => return texts,
            }
        }
    }

    /// The trace up to the signal `Done`.
    pub(crate) fn invocation(&self) -> Trace {
        let mut trace = Trace::default();
        self.read_into(&mut trace);
        trace
    }

    /// The trace up to now, including documents after the signal `Done`.
    pub(crate) fn invocation_and_late(&self) -> Trace {
        let mut trace = self.invocation();
        let mut signal = Vec::new();
        Datagram::Done {
            request_id: "the end",
            documents: None,
        }
        .write_to(&mut signal);
        UdpSocket::bind("127.0.0.1:0")
            .unwrap()
            .send_to(&signal, self.address)
            .unwrap();
        self.read_into(&mut trace);
        trace
    }

    fn read_into(&self, trace: &mut Trace) {
        while let Some(document) = self.document() {
            assert_eq!(document.trace_id.unwrap().to_string(), ROOT);
            trace.add(document);
        }
    }
}

/// The subsegments of one invocation, by name and by id.
#[derive(Default)]
pub(crate) struct Trace {
    pub(crate) documents: usize,
    subsegments: BTreeMap<SegmentId, (SegmentId, Subsegment)>,
}

impl Trace {
    pub(crate) fn add(&mut self, document: Subsegment) {
        self.documents += 1;
        let parent = document.parent_id.unwrap();
        self.insert(parent, document);
    }

    fn insert(&mut self, parent: SegmentId, mut subsegment: Subsegment) {
        for child in std::mem::take(&mut subsegment.subsegments) {
            self.insert(subsegment.id, child);
        }
        let known = self.subsegments.insert(subsegment.id, (parent, subsegment));
        assert!(
            known.is_none_or(|(_, old)| old.is_in_progress()),
            "a subsegment was sent twice"
        );
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.subsegments.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.subsegments.len()
    }

    pub(crate) fn get(&self, name: &str) -> &Subsegment {
        let mut found = self.all().filter(|subsegment| subsegment.name == name);
        let first = found
            .next()
            .unwrap_or_else(|| panic!("no {name} in {:?}", self.names()));
        assert!(found.next().is_none(), "{name} was recorded twice");
        first
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Subsegment> {
        self.subsegments.values().map(|(_, subsegment)| subsegment)
    }

    pub(crate) fn names(&self) -> Vec<&str> {
        self.all()
            .map(|subsegment| subsegment.name.as_str())
            .collect()
    }

    /// The id of the subsegment's parent.
    pub(crate) fn parent_id(&self, name: &str) -> SegmentId {
        self.subsegments[&self.get(name).id].0
    }

    pub(crate) fn parent_of(&self, id: SegmentId) -> SegmentId {
        self.subsegments[&id].0
    }

    /// The name of the subsegment's parent.
    pub(crate) fn parent(&self, name: &str) -> &str {
        &self.subsegments[&self.parent_id(name)].1.name
    }
}

/// The value of a metadata key, as JSON.
pub(crate) fn metadata(subsegment: &Subsegment, namespace: &str, key: &str) -> serde_json::Value {
    let Some(raw) = subsegment.metadata.get(namespace) else {
        return serde_json::Value::Null;
    };
    serde_json::from_str::<serde_json::Value>(raw.get()).unwrap()[key].clone()
}

/// Runs a handler once in a layer, as the runtime does.
pub(crate) fn invoke<F, Fut, T>(
    layer: &XRayLayer,
    header: Option<&str>,
    handler: F,
) -> impl Future<Output = Result<T, Error>> + use<F, Fut, T>
where
    F: FnMut(LambdaEvent<()>) -> Fut,
    Fut: Future<Output = Result<T, Error>>,
{
    layer
        .layer(tower::service_fn(handler))
        .oneshot(event(header, "8b2c"))
}

pub(crate) fn event(header: Option<&str>, request_id: &str) -> LambdaEvent<()> {
    let mut context = Context::default();
    context.request_id = request_id.to_owned();
    context.xray_trace_id = header.map(str::to_owned);
    context.env_config = std::sync::Arc::new(lambda_runtime::Config {
        function_name: "orders".to_owned(),
        ..Default::default()
    });
    LambdaEvent::new((), context)
}
