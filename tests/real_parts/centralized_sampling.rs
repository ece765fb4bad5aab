//! AWS's Python and Node SDKs with centralized sampling, through the extension's TCP port.

use std::convert::Infallible;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use lambda_simulator::Simulator;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use xray_lambda_tests::process::Process;
use xray_lambda_tests::{WAIT_TIMEOUT, artifact, node, port, python};

/// The path, the header `authorization` and the body of a request.
type Received = Arc<Mutex<Vec<(String, String, Value)>>>;

#[tokio::test]
async fn the_python_sdk_samples_by_the_rules_and_targets_of_x_ray() {
    let mut sdk = Command::new(python::program("python"));
    sdk.arg(script("centralized_sampling.py"))
        .env_clear()
        .env("PATH", "/usr/bin:/bin");
    assert_sampled_by_x_ray(sdk).await;
}

#[tokio::test]
async fn the_node_sdk_samples_by_the_rules_and_targets_of_x_ray() {
    let mut sdk = Command::new("node");
    sdk.arg(script("centralized_sampling.js"))
        .env("NODE_PATH", node::modules())
        // The SDK's Lambda mode has no centralized sampling.
        .env_remove("LAMBDA_TASK_ROOT");
    assert_sampled_by_x_ray(sdk).await;
}

fn script(name: &str) -> PathBuf {
    artifact::repository().join("tests/scripts").join(name)
}

/// Runs `sdk` beside the extension, and asserts that X-Ray's rule and target have reached it.
async fn assert_sampled_by_x_ray(mut sdk: Command) {
    let received = Received::default();
    let x_ray = x_ray_with_one_rule(&received).await;
    let simulator = Simulator::builder()
        .function_name("orders")
        .region("eu-west-1")
        .build();
    let simulator = simulator.await.expect("the simulator");
    let ([tcp], udp) = (port::free(), port::daemon_address());
    let daemon = format!("tcp:127.0.0.1:{tcp} udp:{udp}");
    let mut command = Command::new(artifact::extension());
    command
        .env_clear()
        .envs(simulator.lambda_env_vars())
        .envs(python::client_environment())
        .env("AWS_ENDPOINT_URL_XRAY", x_ray)
        .env("AWS_XRAY_DAEMON_ADDRESS", &daemon);
    command.env_remove("LD_LIBRARY_PATH");
    let _extension = Process::spawn("the extension", command);
    xray_lambda_tests::http::wait_until_listening(&format!("127.0.0.1:{tcp}")).await;

    sdk.env("AWS_XRAY_DAEMON_ADDRESS", &daemon);
    let sdk = Process::spawn("the SDK", sdk);
    let output = tokio::time::timeout(WAIT_TIMEOUT, sdk.wait_for_success());
    let output = output.await.expect("the SDK receives the rules in time");
    let decision: Value = serde_json::from_str(&output).expect("JSON on stdout");
    assert_eq!(decision, json!({"rule": "from-x-ray", "quota": 7}));

    let received = received.lock().expect("not poisoned");
    let paths: Vec<_> = received.iter().map(|(path, _, _)| path.as_str()).collect();
    assert_eq!(paths, ["/GetSamplingRules", "/SamplingTargets"]);
    for (path, authorization, _) in received.iter() {
        // The SDK does not sign: the function's credentials are the extension's.
        let signed = authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/");
        assert!(signed, "{path}: {authorization}");
    }
    let statistics = &received[1].2["SamplingStatisticsDocuments"][0];
    assert_eq!(statistics["RuleName"], "from-x-ray");
    assert!(
        statistics["RequestCount"].as_u64() >= Some(1),
        "{statistics}"
    );
}

/// Serves [`respond`] until the test ends. Returns the URL.
async fn x_ray_with_one_rule(received: &Received) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("a bound port");
    let received = Arc::clone(received);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let received = Arc::clone(&received);
            tokio::spawn(async move {
                let service = service_fn(|request| respond(request, Arc::clone(&received)));
                let server = hyper::server::conn::http1::Builder::new();
                let _ = server.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    format!("http://{address}")
}

/// X-Ray with one rule.
async fn respond(
    request: Request<Incoming>,
    received: Received,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.expect("a body").to_bytes();
    let path = head.uri.path().to_owned();
    let authorization = head.headers.get("authorization");
    let authorization = authorization.map_or("", |value| value.to_str().expect("text"));
    let body = serde_json::from_slice(&body).expect("JSON");
    let mut requests = received.lock().expect("not poisoned");
    requests.push((path.clone(), authorization.to_owned(), body));
    let response = match path.as_str() {
        "/GetSamplingRules" => json!({"SamplingRuleRecords": [{"SamplingRule": {
            "RuleName": "from-x-ray", "Priority": 1, "FixedRate": 1.0, "ReservoirSize": 1,
            "ServiceName": "orders", "ServiceType": "*", "Host": "*", "HTTPMethod": "*",
            "URLPath": "*", "ResourceARN": "*", "Version": 1, "Attributes": {},
        }, "CreatedAt": 0.0, "ModifiedAt": 1_733_337_500.0}]}),
        "/SamplingTargets" => json!({"SamplingTargetDocuments": [{
            "RuleName": "from-x-ray", "FixedRate": 0.5, "ReservoirQuota": 7,
            "ReservoirQuotaTTL": 4_000_000_000.0, "Interval": 10,
        }], "LastRuleModification": 1_733_337_500.0, "UnprocessedStatistics": []}),
        _ => json!({}),
    };
    Ok(Response::new(Full::from(response.to_string())))
}
