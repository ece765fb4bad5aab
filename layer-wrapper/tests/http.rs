//! HTTP calls by a tower client and by reqwest.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod support;

use std::convert::Infallible;

use support::{Error, PARENT, ROOT, Receiver, invoke, metadata, sampled};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tower::{Layer as _, ServiceExt as _, service_fn};
use xray_document::{Cause, Namespace};
use xray_lambda::http::{ClientLayer, Reqwest};
use xray_lambda::subsegment;

type Request = http::Request<String>;

fn get(url: &str) -> Request {
    http::Request::get(url).body(String::new()).unwrap()
}

/// Responds to one request with a status. The task returns the request's text.
async fn server(status: u16) -> (String, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(stream.read_u8().await.unwrap());
        }
        let response =
            format!("HTTP/1.1 {status} X\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello");
        stream.write_all(response.as_bytes()).await.unwrap();
        String::from_utf8(request).unwrap()
    });
    (address, task)
}

/// In a build of the whole workspace, reqwest has TLS without a provider. It then needs a
/// default provider, although these tests use plain HTTP.
fn plain_client() -> reqwest::Client {
    // It fails if another test has already installed the provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

fn reqwest_client(middleware: Reqwest) -> reqwest_middleware::ClientWithMiddleware {
    reqwest_middleware::ClientBuilder::new(plain_client())
        .with(middleware)
        .build()
}

#[tokio::test]
async fn a_request_of_a_tower_client_is_a_remote_call_without_its_query() {
    let receiver = Receiver::start();
    let (headers, sent) = std::sync::mpsc::channel();
    let client = service_fn(move |request: Request| {
        headers.send(request.headers().clone()).unwrap();
        let response = http::Response::builder()
            .status(503)
            .header("content-length", "7");
        std::future::ready(Ok::<_, Infallible>(response.body(()).unwrap()))
    });
    let client = ClientLayer::new().traced().traceparent().layer(client);
    invoke(&receiver.layer(), Some(&sampled()), async |_| {
        client
            .clone()
            .oneshot(get("https://api.example.com:8443/items/7?token=secret"))
            .await?;
        Ok(())
    })
    .await
    .unwrap();

    let trace = receiver.invocation();
    let call = trace.get("api.example.com");
    assert_eq!(call.namespace, Some(Namespace::Remote));
    let http = call.http.as_ref().unwrap();
    let request = http.request.as_ref().unwrap();
    assert_eq!(request.method.as_deref(), Some("GET"));
    assert_eq!(
        request.url.as_deref(),
        Some("https://api.example.com:8443/items/7")
    );
    assert!(request.traced);
    let response = http.response.as_ref().unwrap();
    assert_eq!(
        (response.status, response.content_length),
        (Some(503), Some(7))
    );
    assert!(call.fault && !call.error);

    let headers = sent.recv().unwrap();
    let header = format!(
        "Root={ROOT};Parent={};Sampled=1;Lineage=2:c3e4b99a:0",
        call.id
    );
    assert_eq!(headers["x-amzn-trace-id"], header);
    assert_eq!(
        headers["traceparent"],
        format!("00-5759e988bd862e3fe1be46a994272793-{}-01", call.id)
    );
}

#[tokio::test]
async fn a_header_that_the_caller_set_stays() {
    let receiver = Receiver::start();
    let client = service_fn(async |request: Request| {
        assert_eq!(request.headers()["x-amzn-trace-id"], "Root=mine");
        Ok::<_, Infallible>(http::Response::new(()))
    });
    invoke(&receiver.layer(), Some(&sampled()), async |_| {
        let mut request = get("http://localhost/");
        request
            .headers_mut()
            .insert("x-amzn-trace-id", "Root=mine".parse().unwrap());
        ClientLayer::new().layer(client).oneshot(request).await?;
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(receiver.invocation().len(), 2);
}

#[tokio::test]
async fn a_request_of_reqwest_is_a_remote_call() {
    let receiver = Receiver::start();
    let (address, request) = server(429).await;
    let client = reqwest_client(Reqwest::new());
    invoke(&receiver.layer(), Some(&sampled()), async |_| {
        let response = client.get(format!("{address}/items?x=1")).send().await?;
        assert_eq!(response.text().await?, "hello");
        Ok(())
    })
    .await
    .unwrap();
    let trace = receiver.invocation();
    let call = trace.get("127.0.0.1");
    let http = call.http.as_ref().unwrap();
    assert_eq!(
        http.request.as_ref().unwrap().url,
        Some(format!("{address}/items"))
    );
    assert!(!http.request.as_ref().unwrap().traced);
    assert_eq!(http.response.as_ref().unwrap().content_length, Some(5));
    assert!(call.throttle && call.error && !call.fault);
    let sent = request.await.unwrap().to_ascii_lowercase();
    assert!(
        sent.contains(&format!(
            "x-amzn-trace-id: root={ROOT};parent={};sampled=1",
            call.id
        )),
        "{sent}"
    );
}

#[tokio::test]
async fn a_request_without_a_response_is_a_fault_with_its_causes() {
    let receiver = Receiver::start();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let client = reqwest_client(Reqwest::new());
    let result: Result<(), Error> = invoke(&receiver.layer(), Some(&sampled()), async |_| {
        client.get(&address).send().await?;
        Ok(())
    })
    .await;
    assert!(result.is_err());
    let trace = receiver.invocation();
    let call = trace.get("127.0.0.1");
    assert!(call.fault && call.http.as_ref().unwrap().response.is_none());
    let Some(Cause::Exceptions(cause)) = &call.cause else {
        panic!("{:?}", call.cause)
    };
    assert!(cause.exceptions.len() > 1, "{cause:?}");
}

#[tokio::test]
async fn an_unsampled_request_sends_its_header() {
    let receiver = Receiver::start();
    let (address, request) = server(200).await;
    let header = format!("Root={ROOT};Parent={PARENT};Sampled=0");
    let client = reqwest_client(Reqwest::new());
    invoke(&receiver.layer(), Some(&header), async |_| {
        client.get(&address).send().await?;
        Ok(())
    })
    .await
    .unwrap();
    let sent = request.await.unwrap().to_ascii_lowercase();
    assert!(
        sent.contains(&format!("x-amzn-trace-id: {}", header.to_ascii_lowercase())),
        "{sent}"
    );
    assert!(receiver.invocation().is_empty());
}

#[tokio::test]
async fn a_dropped_request_is_cancelled() {
    let receiver = Receiver::start();
    let client =
        service_fn(|_: Request| std::future::pending::<Result<http::Response<()>, Infallible>>());
    invoke(&receiver.layer(), Some(&sampled()), async |_| {
        let call = ClientLayer::new()
            .layer(client)
            .oneshot(get("http://slow.example/"));
        drop(futures_util::poll!(Box::pin(call)));
        Ok(())
    })
    .await
    .unwrap();
    let trace = receiver.invocation();
    assert_eq!(
        metadata(trace.get("slow.example"), "xray_lambda", "cancelled"),
        true
    );
}

#[tokio::test]
async fn no_message_of_a_failed_request_has_its_query() {
    #[derive(Debug)]
    struct Refused(#[expect(dead_code, reason = "read by Debug")] http::Uri);

    let receiver = Receiver::start();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let url = format!("http://user:hush@{address}/items?token=hush&a=(b)hush#hush");
    let by_tower = service_fn(async |request: Request| {
        Err::<http::Response<()>, _>(Refused(request.uri().clone()))
    });
    let result: Result<(), Error> = invoke(&receiver.layer(), Some(&sampled()), async |_| {
        let by_tower = ClientLayer::new().layer(by_tower);
        by_tower
            .oneshot(get("http://h/items?token=hush"))
            .await
            .unwrap_err();
        let plain = subsegment("plain").capture(plain_client().get(&url).send());
        plain.await.unwrap_err();
        reqwest_client(Reqwest::new()).get(&url).send().await?;
        Ok(())
    })
    .await;
    assert!(result.unwrap_err().to_string().contains("hush"));
    let sent = receiver.texts().concat();
    assert!(!sent.contains("hush"), "{sent}");
    // The rest of each message is still there.
    assert!(sent.matches("/items)").count() >= 2, "{sent}");
    assert!(sent.contains("Refused(http://h/items)"), "{sent}");
}
