//! The templates with SAM: what it builds, packages and deploys from them.

use std::process::Command;

use serde_json::{Value, json};
use xray_lambda_tests::process::Process;
use xray_lambda_tests::{artifact, http, port, python};

use super::checkout::Checkout;
use super::command::text;

#[test]
fn sam_builds_the_architecture_that_it_deploys() {
    let checkout = Checkout::new();
    assert!(!build(&checkout, &[]).contains("--arm64"));
    // `sam deploy --guided` asks for the value of each parameter, after the build.
    let built = checkout.read(".aws-sam/build/template.yaml");
    let (_, parameters) = built.split_once("\nParameters:\n").expect("the parameters");
    let parameters = parameters.lines().take_while(|line| line.starts_with(' '));
    assert!(
        !parameters
            .map(str::to_lowercase)
            .any(|line| line.contains("architecture:")),
        "{built}"
    );

    checkout.edit(
        "template.yaml",
        "Architecture: x86_64",
        "Architecture: arm64",
    );
    let calls = build(&checkout, &[]);
    assert_eq!(calls.matches("--arm64").count(), 2, "{calls}");
}

#[tokio::test]
async fn sam_packages_the_template_with_the_layer_of_one_architecture() {
    let checkout = Checkout::new();
    checkout.make_successfully(&["layer", "ARCH=x86_64"]);
    build(&checkout, &[]);

    let [listen] = port::free();
    let address = format!("127.0.0.1:{listen}");
    let mut moto = Command::new(python::program("moto_server"));
    moto.args(["--host", "127.0.0.1", "--port", &listen.to_string()]);
    moto.env_clear().env("PATH", "/usr/bin:/bin");
    let _moto = Process::spawn("moto's server", moto);
    http::wait_until_listening(&address).await;
    for arguments in [
        &["aws", "s3", "mb", "s3://layers"][..],
        &[
            "sam",
            "package",
            "--s3-bucket",
            "layers",
            "--output-template-file",
            "packaged.yaml",
        ],
    ] {
        let mut command = checkout.command(arguments[0]);
        command
            .args(&arguments[1..])
            .envs(python::client_environment());
        command.env("AWS_ENDPOINT_URL", format!("http://{address}"));
        let output = command
            .output()
            .expect("a program of the virtual environment");
        assert!(output.status.success(), "{arguments:?}: {}", text(&output));
    }
    let packaged = checkout.read("packaged.yaml");
    assert_eq!(
        packaged.matches("ContentUri: s3://layers/").count(),
        2,
        "{packaged}"
    );
}

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

/// Runs `sam build`, and returns the builds of functions that it started.
fn build(checkout: &Checkout, arguments: &[&str]) -> String {
    let before = checkout.cargo_calls().len();
    let mut sam = checkout.command("sam");
    let output = sam.arg("build").args(arguments).output().expect("sam");
    assert!(output.status.success(), "{}", text(&output));
    let calls = checkout.cargo_calls().split_off(before);
    let builds = calls
        .lines()
        .filter(|call| call.starts_with("lambda build"));
    builds.map(|call| format!("{call}\n")).collect()
}

async fn translate(template: &str) -> Value {
    let template = artifact::repository().join(template).display().to_string();
    let translated = python::run("scripts/translate_template.py", &[&template]).await;
    serde_json::from_str(&translated).expect("JSON")
}
