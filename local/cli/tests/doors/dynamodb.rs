//! DynamoDB in the program: only programs may call it.

use std::net::SocketAddr;

use crate::guard::assert_guarded;
use crate::http::{Request, Response, exchange};
use crate::program::Program;

const TABLE: &str = r#"{"TableName":"local-Table","Item":{"id":{"S":"1"}}}"#;

/// A call as a page can sign it: local DynamoDBs do not check signatures.
fn call(operation: &str, body: &'static str) -> Request {
    Request::post("/", body)
        .header("Content-Type", "application/x-amz-json-1.0")
        .header("X-Amz-Target", &format!("DynamoDB_20120810.{operation}"))
        .header("X-Amz-Date", "20260101T000000Z")
        .header(
            "Authorization",
            "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/dynamodb/aws4_request, \
             SignedHeaders=host, Signature=00",
        )
}

fn scan(address: SocketAddr) -> Response {
    call("Scan", r#"{"TableName":"local-Table"}"#).send(address)
}

#[test]
fn foreign_requests_do_not_reach_the_tables() {
    let program = Program::start_api(&[]);
    let address = program.address("DynamoDB");
    let put = call("PutItem", TABLE);
    for (name, value) in [
        ("Host", "evil.example"),
        ("Origin", "https://evil.example"),
        ("Origin", "null"),
        // Pages of this machine are rejected, too.
        ("Origin", "http://localhost:5173"),
        ("Sec-Fetch-Site", "same-origin"),
    ] {
        let response = put.clone().header(name, value).send(address);
        assert_eq!(response.status(), 403, "{name} {value}: {response:?}");
        assert!(response.body().contains(value), "{response:?}");
        assert!(
            response.body().contains("AccessDeniedException"),
            "{response:?}"
        );
        assert!(response.cors_headers().is_empty(), "{response:?}");
    }
    assert!(scan(address).body().contains(r#""Count":0"#));
    assert_guarded(address, &put);
    assert!(scan(address).body().contains(r#""Count":1"#));
}

#[test]
fn errors_and_headers_of_dynamodb_arrive_unchanged() {
    let program = Program::start_api(&[]);
    let address = program.address("DynamoDB");
    let response = call("GetItem", r#"{"TableName":"none","Key":{"id":{"S":"1"}}}"#).send(address);
    assert_eq!(response.status(), 400, "{response:?}");
    assert!(response.body().contains("ResourceNotFoundException"));
    assert!(response.header("x-amz-crc32").is_some(), "{response:?}");
    assert!(response.header("x-amzn-requestid").is_some());
    assert_eq!(
        response.header("content-type"),
        Some("application/x-amz-json-1.0")
    );
    assert_eq!(Request::get("/").send(address).status(), 200);
    assert_eq!(Request::get("/nowhere").send(address).status(), 404);
}

#[test]
fn a_large_item_in_chunks_and_a_client_of_http_1_0_are_forwarded() {
    let program = Program::start_api(&[]);
    let address = program.address("DynamoDB");
    let value = "x".repeat(300_000);
    let item = format!(
        r#"{{"TableName":"local-Table","Item":{{"id":{{"S":"1"}},"v":{{"S":"{value}"}}}}}}"#
    );
    let (first, second) = item.split_at(100_000);
    let chunked = format!(
        "{:x}\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\n\r\n",
        first.len(),
        second.len()
    );
    let put = call("PutItem", "")
        .head(address, "HTTP/1.1")
        .replace("Content-Length: 0", "Transfer-Encoding: chunked");
    let response = exchange(address, &format!("{put}{chunked}"));
    assert_eq!(response.status(), 200, "{response:?}");
    let get = call(
        "GetItem",
        r#"{"TableName":"local-Table","Key":{"id":{"S":"1"}}}"#,
    );
    let response = exchange(address, &get.text(address, "HTTP/1.0"));
    assert!(response.body().contains(&value), "{}", response.status());
}

#[test]
fn concurrent_requests_are_all_answered() {
    let program = Program::start_api(&[]);
    let address = program.address("DynamoDB");
    std::thread::scope(|scope| {
        for _ in 0..50 {
            scope.spawn(|| {
                for _ in 0..10 {
                    assert_eq!(scan(address).status(), 200);
                }
            });
        }
    });
}

#[test]
fn an_expression_nested_as_deep_as_dynamodb_allows_does_not_end_the_program() {
    let program = Program::start_api(&[]);
    let address = program.address("DynamoDB");
    assert_eq!(call("PutItem", TABLE).send(address).status(), 200);
    let not = "NOT ".repeat(1_000);
    let body = format!(
        r#"{{"TableName":"local-Table","FilterExpression":"{not}id = :a","ExpressionAttributeValues":{{":a":{{"S":"1"}}}}}}"#
    );
    let response = call("Scan", body.leak()).send(address);
    assert!([200, 400].contains(&response.status()), "{response:?}");
    assert_eq!(scan(address).status(), 200, "the program still answers");
}
