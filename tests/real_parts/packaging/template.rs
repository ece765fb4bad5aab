//! The templates with SAM: what it builds, packages and deploys from them.

use serde_json::{Value, json};
use xray_lambda_tests::{artifact, python};

#[tokio::test]
async fn the_deployed_api_has_one_stage_which_is_traced_and_throttled() {
    let template = translate("template.yaml").await;
    let resources = template["Resources"].as_object().expect("the resources");
    let of_type = |kind: &str| {
        let found = resources
            .values()
            .filter(move |resource| resource["Type"] == kind);
        found
            .map(|resource| &resource["Properties"])
            .collect::<Vec<_>>()
    };
    let [stage] = of_type("AWS::ApiGateway::Stage")[..] else {
        panic!("expected one stage in {template:#}")
    };
    assert_eq!(stage["TracingEnabled"], true);
    let throttled = json!([{
        "ResourcePath": "/*",
        "HttpMethod": "*",
        "ThrottlingRateLimit": { "Ref": "ThrottlingRate" },
        "ThrottlingBurstLimit": { "Ref": "ThrottlingBurst" },
    }]);
    assert_eq!(stage["MethodSettings"], throttled);
    for limit in ["ThrottlingRate", "ThrottlingBurst"] {
        let default = template["Parameters"][limit]["Default"].as_u64();
        assert!(
            default.is_some_and(|limit| limit <= 10),
            "{limit}: {default:?}"
        );
    }
    // A deployment with a name creates a stage of its own.
    for deployment in of_type("AWS::ApiGateway::Deployment") {
        assert_eq!(deployment["StageName"], Value::Null);
    }
}

#[tokio::test]
async fn a_deployed_function_injects_no_faults_by_default() {
    let template = translate("template.yaml").await;
    assert_eq!(template["Parameters"]["FaultInjection"]["Default"], "off");
    let environment = &template["Resources"]["ItemsFunction"]["Properties"]["Environment"];
    assert_eq!(
        environment["Variables"]["FAULT_INJECTION"],
        json!({ "Ref": "FaultInjection" })
    );
}

#[tokio::test]
async fn the_example_records_chosen_fields_of_the_event_only() {
    let event = json!({
        "pathParameters": { "name": "ada" },
        "headers": { "authorization": "Bearer hidden", "cookie": "session=hidden" },
        "cookies": ["session=hidden"],
        "queryStringParameters": { "token": "hidden" },
        "requestContext": {
            "http": { "method": "GET", "path": "/hello/ada" },
            "authorizer": { "jwt": { "claims": { "sub": "hidden" } } },
        },
        "body": "hidden",
    });
    let subsegment = python::run("scripts/layer_only_example.py", &[&event.to_string()]).await;
    assert!(!subsegment.contains("hidden"), "{subsegment}");
    let subsegment: Value = serde_json::from_str(&subsegment).expect("JSON");
    assert_eq!(subsegment["annotations"]["name"], "ada");
    assert_eq!(
        subsegment["metadata"]["hello"]["request"],
        json!({ "method": "GET", "path": "/hello/ada" })
    );
}

async fn translate(template: &str) -> Value {
    let template = artifact::repository().join(template).display().to_string();
    let translated = python::run("scripts/translate_template.py", &[&template]).await;
    serde_json::from_str(&translated).expect("JSON")
}
