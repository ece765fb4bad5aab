//! A gateway in front of a closure that stands in for the function.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use xray_document::{Document, Sampled, Segment, SegmentId, TraceHeader, TraceId};
use xray_local_gateway::{
    Access, AccessLog, Api, ApiGateway, ApiKind, GatewayError, Invoke, InvokeFuture, Route,
};
use xray_local_lambda_rules::FunctionName;
use xray_local_listener::{BodyReader, Limits};
use xray_local_sandbox::{FunctionError, Invocation, InvokeError, InvokeOutcome, SegmentSink};

type Handler = dyn Fn(&str, &Invocation) -> Result<InvokeOutcome, InvokeError> + Send + Sync;

/// Runs a closure for every function and records the invocations. Only `missing` does not
/// exist.
pub(crate) struct FakeInvoke {
    handler: Box<Handler>,
    delay: Duration,
    pub(crate) seen: Mutex<Vec<(String, Invocation)>>,
}

impl FakeInvoke {
    pub(crate) fn new(
        handler: impl Fn(&str, &Invocation) -> Result<InvokeOutcome, InvokeError>
        + Send
        + Sync
        + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            handler: Box::new(handler),
            delay: Duration::ZERO,
            seen: Mutex::default(),
        })
    }

    /// Returns this JSON.
    pub(crate) fn returning(payload: Value) -> Arc<Self> {
        Self::new(move |_, invocation| Ok(outcome(invocation, payload.to_string())))
    }

    /// Returns this JSON after a delay.
    pub(crate) fn after(delay: Duration, payload: Value) -> Arc<Self> {
        let handler =
            move |_: &str, invocation: &Invocation| Ok(outcome(invocation, payload.to_string()));
        Arc::new(Self {
            handler: Box::new(handler),
            delay,
            seen: Mutex::default(),
        })
    }

    pub(crate) fn last(&self) -> (String, Invocation) {
        self.seen
            .lock()
            .unwrap()
            .last()
            .cloned()
            .expect("the function was invoked")
    }

    /// The last invocation's event.
    pub(crate) fn event(&self) -> Value {
        serde_json::from_slice(&self.last().1.payload).unwrap()
    }
}

impl Invoke for FakeInvoke {
    fn invoke<'a>(&'a self, function: &'a str, invocation: Invocation) -> InvokeFuture<'a> {
        Box::pin(async move {
            self.seen
                .lock()
                .unwrap()
                .push((function.to_owned(), invocation.clone()));
            if !self.delay.is_zero() {
                tokio::time::sleep(self.delay).await;
            }
            (self.handler)(function, &invocation)
        })
    }

    fn has(&self, function: &FunctionName<'_>) -> bool {
        function.matches("us-east-1", "123456789012", function.name) && function.name != "missing"
    }
}

/// A request with a large body for a listener whose memory another body uses: it holds the
/// second value.
pub(crate) async fn without_memory(request: http::request::Builder) -> (Request<Body>, Bytes) {
    const LARGE: usize = 100_000;
    let reader = BodyReader::new(&Limits {
        body_bytes: LARGE,
        body_wait: Duration::ZERO,
        ..Limits::default()
    });
    let large = || Body::from(vec![b'x'; LARGE]);
    let held = reader.read(large(), LARGE).await.unwrap();
    (request.extension(reader).body(large()).unwrap(), held)
}

/// The outcome of a function that returned this payload.
pub(crate) fn outcome(invocation: &Invocation, payload: impl Into<Bytes>) -> InvokeOutcome {
    InvokeOutcome {
        request_id: "8b2c4d6e-0000-4000-8000-000000000001".to_owned(),
        payload: payload.into(),
        function_error: None,
        trace_header: invocation.trace_header.clone().unwrap_or_default(),
        log_tail: b"START RequestId: 8b2c\nREPORT RequestId: 8b2c\n".to_vec(),
    }
}

/// The outcome of a function that failed.
pub(crate) fn failure(invocation: &Invocation) -> InvokeOutcome {
    let payload = r#"{"errorMessage":"boom","errorType":"Error"}"#;
    InvokeOutcome {
        function_error: Some(FunctionError::Unhandled),
        ..outcome(invocation, payload)
    }
}

#[derive(Default)]
pub(crate) struct Segments(pub(crate) Mutex<Vec<Document>>);

impl SegmentSink for Segments {
    fn put(&self, documents: Vec<Document>) {
        self.0.lock().unwrap().extend(documents);
    }
}

#[derive(Default)]
pub(crate) struct Log(pub(crate) Mutex<Vec<Access>>);

impl AccessLog for Log {
    fn access(&self, access: &Access) {
        self.0.lock().unwrap().push(access.clone());
    }
}

pub(crate) struct Gateway {
    pub(crate) router: Router,
    pub(crate) invoke: Arc<FakeInvoke>,
    pub(crate) segments: Arc<Segments>,
    pub(crate) log: Arc<Log>,
}

impl Gateway {
    /// Serves an API with these routes, such as `GET /items/{pk}`, to the function `items`.
    pub(crate) fn new(api: Api, routes: &[&str], invoke: Arc<FakeInvoke>) -> Self {
        Self::serve(with_routes(api, routes), invoke).unwrap()
    }

    pub(crate) fn serve(api: Api, invoke: Arc<FakeInvoke>) -> Result<Self, GatewayError> {
        let (segments, log) = (Arc::<Segments>::default(), Arc::<Log>::default());
        let gateway = ApiGateway::new(api, invoke.clone(), segments.clone(), log.clone())?;
        Ok(Self {
            router: gateway.router(),
            invoke,
            segments,
            log,
        })
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> TestResponse {
        TestResponse::of(self.router.clone().oneshot(request).await.unwrap()).await
    }

    pub(crate) async fn get(&self, uri: &str) -> TestResponse {
        self.send(get(uri)).await
    }

    /// The segment, of which there must be one.
    pub(crate) fn segment(&self) -> Segment {
        let documents = self.segments.0.lock().unwrap();
        match documents.as_slice() {
            [Document::Segment(segment)] => (**segment).clone(),
            other => panic!("expected one segment: {other:?}"),
        }
    }

    /// The entry of the access log, of which there must be one.
    pub(crate) fn access(&self) -> Access {
        let log = self.log.0.lock().unwrap();
        assert_eq!(log.len(), 1, "{log:?}");
        log[0].clone()
    }
}

/// The API with these routes, all to the function `items`.
pub(crate) fn with_routes(api: Api, keys: &[&str]) -> Api {
    let payload_format = match api.kind {
        ApiKind::Rest => "1.0",
        ApiKind::Http => "2.0",
    };
    let route = |key: &&str| {
        let (method, path) = key.split_once(' ').unwrap_or(("ANY", key));
        Route {
            method: method.to_owned(),
            path: path.to_owned(),
            payload_format: payload_format.to_owned(),
            function: "items".to_owned(),
        }
    };
    Api {
        routes: keys.iter().map(route).collect(),
        ..api
    }
}

pub(crate) fn rest() -> Api {
    Api {
        logical_id: "ServerlessRestApi".to_owned(),
        name: "demo".to_owned(),
        kind: ApiKind::Rest,
        stage: "Prod".to_owned(),
        tracing: false,
        region: "us-east-1".to_owned(),
        account_id: "123456789012".to_owned(),
        cors: None,
        routes: Vec::new(),
    }
}

pub(crate) fn traced() -> Api {
    Api {
        tracing: true,
        ..rest()
    }
}

pub(crate) fn http_api() -> Api {
    Api {
        logical_id: "ServerlessHttpApi".to_owned(),
        name: "demo".to_owned(),
        kind: ApiKind::Http,
        stage: "$default".to_owned(),
        tracing: true,
        ..rest()
    }
}

/// A valid result of a handler.
pub(crate) fn ok() -> Value {
    json!({ "statusCode": 200, "body": "{}" })
}

pub(crate) fn get(uri: &str) -> Request<Body> {
    Request::get(uri)
        .header("host", "localhost:3000")
        .body(Body::empty())
        .unwrap()
}

/// A response with its whole body.
#[derive(Debug)]
pub(crate) struct TestResponse {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Bytes,
}

impl TestResponse {
    pub(crate) async fn of(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Self {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body,
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    pub(crate) fn message(&self) -> String {
        self.json()["message"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }
}

pub(crate) const ROOT: &str = "1-5759e988-bd862e3fe1be46a994272793";
pub(crate) const PARENT: &str = "53995c3f42cd8ad8";

pub(crate) fn header(sampled: Sampled) -> TraceHeader {
    TraceHeader::new(
        ROOT.parse::<TraceId>().unwrap(),
        PARENT.parse::<SegmentId>().unwrap(),
        sampled,
    )
}
