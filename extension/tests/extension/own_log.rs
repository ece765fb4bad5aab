//! What the extension writes about itself.

use serde_json::Value;

use crate::lambda::{FUNCTION_TIMEOUT, Lambda, LambdaOptions};
use crate::sandbox::{Extension, id};
use crate::xray::{Response, XRay};

/// Runs two invocations with a document each; X-Ray accepts the first. Returns the log and what
/// was written to standard output.
async fn run(variables: &[(&str, &str)]) -> (String, String) {
    let mut lambda = Lambda::start(LambdaOptions::default()).await;
    let script = [Response::Accept, Response::Invalid(400, vec![id(2)])];
    let mut xray = XRay::start(script).await;
    let mut extension = Extension::start_with(&lambda, &xray.address, variables);
    let stdout = extension.take_stdout();
    lambda.ready().await;
    lambda.telemetry("[]").await;
    for n in 1..=2 {
        lambda.invoke(&format!("r-{n}"), FUNCTION_TIMEOUT).await;
        extension.send_document(&id(n));
        extension.send_done(&format!("r-{n}"));
        lambda.wait_for_next().await;
        xray.wait_for(&id(n)).await;
    }
    lambda.shutdown("SPINDOWN");
    let (_, log) = extension.exited_with_whole_log().await;
    (log, stdout.join().unwrap())
}

#[tokio::test]
async fn the_log_has_one_line_at_the_start_one_for_a_loss_and_one_at_the_end() {
    let (log, stdout) = run(&[]).await;
    let lines: Vec<&str> = log.lines().collect();
    assert_eq!(lines.len(), 3, "{log}");
    assert!(lines[0].contains("started; version"), "{log}");
    assert!(
        lines[1].contains("rejected documents: X-Ray responded with 400"),
        "{log}"
    );
    assert!(
        lines[2].contains("2 documents received: 1 sent, 1 rejected"),
        "{log}"
    );
    assert_eq!(stdout, "");
}

#[tokio::test]
async fn the_level_chooses_the_lines() {
    let (log, _) = run(&[("XRAY_LAMBDA_LOG", "warn")]).await;
    assert_eq!(log.lines().count(), 2, "{log}");
    let (log, _) = run(&[("XRAY_LAMBDA_LOG", "debug")]).await;
    assert!(
        log.contains("X-Ray responded to 1 documents after"),
        "{log}"
    );
    for secret in [
        "secret-example",
        "token-example",
        "AKIDEXAMPLE",
        "53995c3f42cd8ad8",
    ] {
        assert!(!log.contains(secret), "{log}");
    }
}

#[tokio::test]
async fn with_lambdas_json_format_each_line_is_an_object() {
    let (log, _) = run(&[("AWS_LAMBDA_LOG_FORMAT", "JSON")]).await;
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let levels: Vec<_> = lines
        .iter()
        .map(|line| line["level"].as_str().unwrap())
        .collect();
    assert_eq!(levels, ["INFO", "WARN", "WARN"], "{log}");
    assert_eq!(lines[2]["documents"]["sent"], 1);
    assert_eq!(lines[2]["documents"]["rejected"], 1);
}

#[tokio::test]
async fn metrics_are_written_to_standard_output_if_they_are_wanted() {
    let (_, stdout) = run(&[("XRAY_LAMBDA_METRICS", "emf")]).await;
    let lines: Vec<Value> = stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let [metrics] = lines.as_slice() else {
        panic!("{stdout}")
    };
    assert_eq!(metrics["FunctionName"], "orders");
    assert_eq!(metrics["DocumentsSent"], 1);
    assert_eq!(metrics["DocumentsRejected"], 1);
    assert!(metrics["_aws"]["CloudWatchMetrics"][0]["Namespace"].is_string());
}
