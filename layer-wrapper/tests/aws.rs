//! Calls of the AWS SDK, against a scripted DynamoDB.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod support;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use futures_util::future::{join, select};
use support::{Error, PARENT, ROOT, Receiver, invoke, metadata, sampled};
use xray_document::{Cause, Namespace, Subsegment};
use xray_lambda::subsegment;

/// A DynamoDB that sends scripted responses and keeps the trace headers that it received.
/// After the last response it never responds.
#[derive(Debug, Clone)]
struct DynamoDb {
    responses: Arc<Mutex<VecDeque<Scripted>>>,
    trace_headers: Arc<Mutex<Vec<String>>>,
}

#[derive(Debug, Clone, Copy)]
enum Scripted {
    Http(u16, &'static str),
    ConnectionRefused,
}

impl HttpConnector for DynamoDb {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let header = request.headers().get("x-amzn-trace-id").unwrap_or_default();
        self.trace_headers.lock().unwrap().push(header.to_owned());
        let signed = request.headers().get("authorization").unwrap();
        assert!(
            !signed.to_ascii_lowercase().contains("x-amzn-trace-id"),
            "{signed}"
        );
        match self.responses.lock().unwrap().pop_front() {
            Some(Scripted::Http(status, body)) => {
                let mut response =
                    HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
                response.headers_mut().insert("x-amzn-requestid", "REQ1");
                response
                    .headers_mut()
                    .insert("content-length", body.len().to_string());
                HttpConnectorFuture::ready(Ok(response))
            }
            Some(Scripted::ConnectionRefused) => {
                let error = std::io::Error::new(std::io::ErrorKind::ConnectionRefused, "refused");
                HttpConnectorFuture::ready(Err(ConnectorError::io(error.into())))
            }
            None => HttpConnectorFuture::new(std::future::pending()),
        }
    }
}

impl DynamoDb {
    fn with_responses(responses: impl IntoIterator<Item = Scripted>) -> Self {
        let responses = responses.into_iter().collect();
        Self {
            responses: Arc::new(Mutex::new(responses)),
            trace_headers: Arc::default(),
        }
    }

    fn client(&self) -> aws_sdk_dynamodb::Client {
        let connector = SharedHttpConnector::new(self.clone());
        let retries = RetryConfig::standard()
            .with_max_attempts(2)
            .with_initial_backoff(Duration::from_millis(1));
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .credentials_provider(Credentials::new("AKID", "secret", None, None, "test"))
            .http_client(http_client_fn(move |_, _| connector.clone()))
            .retry_config(retries)
            .interceptor(xray_lambda::aws::Interceptor::new())
            // A second interceptor changes nothing.
            .interceptor(xray_lambda::aws::Interceptor::new())
            .build();
        aws_sdk_dynamodb::Client::from_conf(config)
    }

    fn trace_headers(&self) -> Vec<String> {
        self.trace_headers.lock().unwrap().clone()
    }
}

async fn put(client: &aws_sdk_dynamodb::Client, table: &str) -> Result<(), Error> {
    let item = AttributeValue::S("1".to_owned());
    client
        .put_item()
        .table_name(table)
        .item("pk", item)
        .send()
        .await?;
    Ok(())
}

fn exception(subsegment: &Subsegment) -> (&str, &str, bool) {
    let Some(Cause::Exceptions(cause)) = &subsegment.cause else {
        panic!("{:?}", subsegment.cause)
    };
    let first = &cause.exceptions[0];
    (
        first.kind.as_deref().unwrap(),
        first.message.as_deref().unwrap(),
        first.remote == Some(true),
    )
}

#[tokio::test]
async fn a_retried_call_is_one_subsegment_with_all_its_fields() {
    let dynamodb = DynamoDb::with_responses([Scripted::Http(503, "{}"), Scripted::Http(200, "{}")]);
    let client = dynamodb.client();
    let receiver = Receiver::start();
    invoke(&receiver.layer(), Some(&sampled()), async |_| {
        subsegment("write")
            .capture(put(&client, "orders-table"))
            .await
    })
    .await
    .unwrap();

    let trace = receiver.invocation();
    let call = trace.get("DynamoDB");
    assert_eq!(trace.parent("DynamoDB"), "write");
    assert_eq!(call.namespace, Some(Namespace::Aws));
    let aws = |key| call.aws.str(key);
    assert_eq!(aws("operation").as_deref(), Some("PutItem"));
    assert_eq!(aws("table_name").as_deref(), Some("orders-table"));
    assert_eq!(aws("region").as_deref(), Some("eu-central-1"));
    assert_eq!(aws("request_id").as_deref(), Some("REQ1"));
    assert_eq!(
        call.aws.get::<Vec<String>>("resource_names").unwrap(),
        ["orders-table"]
    );
    assert_eq!(call.aws.get::<u32>("retries"), Some(1));
    let response = call.http.as_ref().unwrap().response.as_ref().unwrap();
    assert_eq!(
        (response.status, response.content_length),
        (Some(200), Some(2))
    );
    assert!(!call.fault && !call.error && !call.throttle && call.metadata.is_empty());

    let header = format!(
        "Root={ROOT};Parent={};Sampled=1;Lineage=2:c3e4b99a:0",
        call.id
    );
    assert_eq!(dynamodb.trace_headers(), [header.clone(), header]);
}

#[tokio::test]
async fn a_second_interceptor_on_a_client_writes_nothing_twice() {
    let body = r#"{"__type":"x#ResourceNotFoundException","message":"no table"}"#;
    let dynamodb = DynamoDb::with_responses([Scripted::Http(503, "{}"), Scripted::Http(400, body)]);
    let client = dynamodb.client();
    let receiver = Receiver::start();
    let result = invoke(&receiver.layer(), Some(&sampled()), async |_| {
        put(&client, "orders-table").await
    })
    .await;
    assert!(result.is_err());
    // Checked as text, because a map would keep only the last of two equal keys.
    let texts = receiver.texts();
    let sent = texts.last().unwrap();
    for key in [
        "operation",
        "table_name",
        "resource_names",
        "region",
        "request_id",
        "retries",
    ] {
        let count = sent.matches(&format!("\"{key}\":")).count();
        assert_eq!(count, 1, "{key} in {sent}");
    }
    assert_eq!(sent.matches("\"DynamoDB\"").count(), 1, "{sent}");
}

#[tokio::test]
async fn a_throttled_call_is_throttle_and_error_and_not_fault() {
    let body = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"too fast"}"#;
    let dynamodb = DynamoDb::with_responses([Scripted::Http(400, body), Scripted::Http(400, body)]);
    let client = dynamodb.client();
    let receiver = Receiver::start();
    let result = invoke(&receiver.layer(), Some(&sampled()), async |_| {
        put(&client, "t").await
    })
    .await;
    assert!(result.is_err());
    let trace = receiver.invocation();
    let call = trace.get("DynamoDB");
    assert!(call.throttle && call.error && !call.fault);
    assert_eq!(
        exception(call),
        ("ProvisionedThroughputExceededException", "too fast", true)
    );
    assert!(trace.get("## orders").fault);
}

#[tokio::test]
async fn a_call_with_a_4xx_is_an_error_and_one_without_a_response_a_fault() {
    let body = r#"{"__type":"x#ResourceNotFoundException","message":"no table"}"#;
    let refused = Scripted::ConnectionRefused;
    let dynamodb = DynamoDb::with_responses([Scripted::Http(400, body), refused, refused]);
    let client = dynamodb.client();
    let receiver = Receiver::start();
    invoke(&receiver.layer(), Some(&sampled()), async |_| {
        let refused = subsegment("refused").trace(put(&client, "t")).await;
        let unanswered = subsegment("unanswered").trace(put(&client, "t")).await;
        assert!(refused.is_err() && unanswered.is_err());
        Ok(())
    })
    .await
    .unwrap();
    let trace = receiver.invocation();
    let mut calls: Vec<_> = trace
        .all()
        .filter(|subsegment| subsegment.name == "DynamoDB")
        .collect();
    calls.sort_by_key(|call| call.start_time);
    let [refused, unanswered] = calls.as_slice() else {
        panic!("{:?}", trace.names())
    };
    assert!(refused.error && !refused.fault);
    assert_eq!(
        exception(refused),
        ("ResourceNotFoundException", "no table", true)
    );
    assert!(unanswered.fault && !unanswered.error);
    assert!(!exception(unanswered).2);
    assert!(unanswered.http.is_none());
}

#[tokio::test]
async fn concurrent_calls_of_one_client_do_not_mix() {
    let dynamodb = DynamoDb::with_responses([Scripted::Http(200, "{}"), Scripted::Http(200, "{}")]);
    let client = dynamodb.client();
    let receiver = Receiver::start();
    invoke(&receiver.layer(), Some(&sampled()), async |_| {
        let a = subsegment("a").capture(put(&client, "table-a"));
        let b = subsegment("b").capture(put(&client, "table-b"));
        let (a, b) = join(a, b).await;
        a.and(b)
    })
    .await
    .unwrap();
    let trace = receiver.invocation();
    for (parent, table) in [("a", "table-a"), ("b", "table-b")] {
        let parent = trace.get(parent).id;
        let call = trace
            .all()
            .find(|call| trace.parent_of(call.id) == parent)
            .unwrap();
        assert_eq!(call.aws.str("table_name").as_deref(), Some(table));
    }
}

#[tokio::test]
async fn a_dropped_call_is_cancelled() {
    let dynamodb = DynamoDb::with_responses([]);
    let client = dynamodb.client();
    let receiver = Receiver::start();
    invoke(&receiver.layer(), Some(&sampled()), async |_| {
        let call = Box::pin(put(&client, "t"));
        drop(
            select(
                call,
                Box::pin(tokio::time::sleep(Duration::from_millis(20))),
            )
            .await,
        );
        Ok(())
    })
    .await
    .unwrap();
    let trace = receiver.invocation();
    let call = trace.get("DynamoDB");
    assert_eq!(metadata(call, "xray_lambda", "cancelled"), true);
    assert_eq!(call.aws.str("table_name").as_deref(), Some("t"));
    assert!(!call.fault);
}

#[tokio::test]
async fn an_unsampled_call_sends_its_header_and_a_call_outside_an_invocation_none() {
    let dynamodb = DynamoDb::with_responses([Scripted::Http(200, "{}"), Scripted::Http(200, "{}")]);
    let client = dynamodb.client();
    let receiver = Receiver::start();
    let header = format!("Root={ROOT};Parent={PARENT};Sampled=0");
    invoke(&receiver.layer(), Some(&header), async |_| {
        put(&client, "t").await
    })
    .await
    .unwrap();
    put(&client, "t").await.unwrap();
    assert_eq!(dynamodb.trace_headers(), [header, String::new()]);
    assert!(receiver.invocation().is_empty());
}
