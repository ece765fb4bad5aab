//! The official, unmodified Node SDK in a function under `xray-local`, with the layer.

use serde_json::{Value, json};
use xray_lambda_tests::documents::Documents;
use xray_lambda_tests::local::{Template, XrayLocal};
use xray_lambda_tests::{artifact, client, http, node};

const PARENT: &str = "0efbd19962d95b05";

#[tokio::test]
async fn each_invocation_of_a_node_function_is_a_complete_trace() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let template = artifact::repository().join("tests/functions/node/template.yaml");
    let template = Template::new(template).with_parameter("NodeModules", &node::modules());
    let served = XrayLocal::start_lambda(data.path(), &template);
    let lambda = served.url("Lambda").await;

    // The second invocation reuses the environment: the SDK must not keep the first trace.
    let invocations = [
        ("a", "1-6750a1b2-00112233445566778899aabb"),
        ("b", "1-6750a1b3-00112233445566778899aabb"),
    ];
    let url = format!("{lambda}/2015-03-31/functions/orders/invocations");
    for (tenant, root) in invocations {
        let header = format!("Root={root};Parent={PARENT};Sampled=1");
        let event = json!({ "tenant": tenant }).to_string();
        let response = http::post(&url, &[("X-Amzn-Trace-Id", &header)], &event).await;
        assert_eq!(response.status, 200, "{}\n{}", response.body, served.log());
        assert_eq!(response.json()["tenant"], tenant, "{}", served.log());
    }

    // The stop sends SHUTDOWN, and the extension then sends all buffered documents.
    assert!(served.stop().await.success());
    let served = XrayLocal::serve(data.path());
    let endpoint = served.url("X-Ray API").await;
    for (tenant, root) in invocations {
        let documents = client::batch_get_traces(&endpoint, &[root.to_owned()]).await;
        assert_traced(&documents, tenant);
    }
}

fn assert_traced(documents: &Documents, tenant: &str) {
    documents.assert_valid();
    let flat = documents.flat();
    let [lambda] = flat.of_origin("AWS::Lambda")[..] else {
        panic!("not one segment of AWS::Lambda in {documents}");
    };
    assert_eq!(lambda["parent_id"], PARENT);
    let [function] = flat.of_origin("AWS::Lambda::Function")[..] else {
        panic!("not one segment of AWS::Lambda::Function in {documents}");
    };
    assert_eq!(function["name"], "orders");

    let work = flat.one("work");
    assert_eq!(work["parent_id"], function["id"], "{documents}");
    assert_eq!(work["annotations"], json!({ "tenant": tenant }));
    assert_eq!(work["metadata"]["test"]["event"]["tenant"], tenant);
    assert_eq!(work["fault"], Value::Null, "the function handles the error");
    let inner = flat.one("inner");
    assert_eq!(inner["parent_id"], work["id"], "{documents}");
    let innermost = flat.one("innermost");
    assert_eq!(innermost["parent_id"], inner["id"], "{documents}");

    let fails = flat.one("fails");
    assert_eq!(fails["parent_id"], work["id"], "{documents}");
    assert_eq!(fails["fault"], true);
    let exception = &fails["cause"]["exceptions"][0];
    assert_eq!(exception["type"], "TypeError", "{fails}");
    assert_eq!(exception["message"], "no such item");

    for document in [work, inner, innermost, fails] {
        assert_eq!(document["in_progress"], Value::Null, "{document}");
        assert!(document["end_time"].is_number(), "{document}");
    }
}
