use std::time::Duration;

use serde_json::{Value, json};
use xray_local_sandbox::{FunctionError, InvokeError, InvokeOutcome, LogSource};

use crate::harness::{TestLambda, process_state, until};

fn error(outcome: &InvokeOutcome) -> Value {
    assert_eq!(outcome.function_error, Some(FunctionError::Unhandled));
    serde_json::from_slice(&outcome.payload).unwrap()
}

#[tokio::test]
async fn a_crash_is_reported_as_lambda_reports_it_and_the_next_request_works() {
    let lambda = TestLambda::new();
    lambda.sandbox.add_function(lambda.function());
    for (event, message) in [
        (
            json!({"do": "exit", "status": 3}),
            "Runtime exited with error: exit status 3",
        ),
        (
            json!({"do": "exit", "status": 0}),
            "Runtime exited without providing a reason",
        ),
        (
            json!({"do": "kill"}),
            "Runtime exited with error: signal: killed",
        ),
    ] {
        let outcome = lambda.outcome(event).await;
        assert_eq!(
            error(&outcome),
            json!({
                "errorType": "Runtime.ExitError",
                "errorMessage": format!("RequestId: {} Error: {message}", outcome.request_id),
            })
        );
        assert_eq!(lambda.echo().await["calls"], 1);
        lambda.sandbox.add_function(lambda.function());
    }
    lambda.sandbox.shutdown().await;
}

#[tokio::test]
async fn a_timeout_ends_the_request_and_the_process() {
    let lambda = TestLambda::new();
    let mut function = lambda.function();
    function.timeout = Duration::from_millis(1500);
    lambda.sandbox.add_function(function);
    let pid = lambda.echo().await["pid"].as_i64().unwrap();
    let outcome = lambda.outcome(json!({"do": "sleep", "seconds": 600})).await;
    let expected = format!(
        "RequestId: {} Error: Task timed out after 1.50 seconds",
        outcome.request_id
    );
    assert_eq!(
        error(&outcome),
        json!({"errorType": "Sandbox.Timedout", "errorMessage": expected})
    );
    until("the end of the process", || {
        process_state(pid).is_none().then_some(())
    })
    .await;
    lambda.wait_for_reports(2).await;
    let report = lambda
        .lines(LogSource::Platform)
        .into_iter()
        .rfind(|line| line.starts_with("REPORT"))
        .unwrap();
    assert!(
        report.contains("\tDuration: 1500.00 ms\tBilled Duration: 1500 ms\t"),
        "{report}"
    );
    assert!(report.ends_with("Status: timeout\t"), "{report}");
    let line = format!("{} Task timed out after 1.50 seconds", outcome.request_id);
    assert!(
        lambda
            .lines(LogSource::Platform)
            .iter()
            .any(|logged| logged.ends_with(&line))
    );
    assert_eq!(lambda.echo().await["calls"], 1);
    lambda.sandbox.shutdown().await;
}

#[tokio::test]
async fn an_init_that_fails_runs_again_within_the_first_request() {
    let lambda = TestLambda::new();
    let mut function = lambda.function();
    function
        .environment
        .insert("INIT".into(), "exit-once".into());
    lambda.sandbox.add_function(function);
    assert_eq!(lambda.echo().await["calls"], 1);
    assert_eq!(lambda.echo().await["calls"], 2);
    let failed = lambda.platform_line("INIT_REPORT").unwrap();
    assert!(
        failed.ends_with("Phase: init\tStatus: error\tError Type: Runtime.ExitError"),
        "{failed}"
    );
    lambda.sandbox.shutdown().await;
}

/// A number in the last REPORT line.
fn number_in_report(lambda: &TestLambda, name: &str) -> Option<f64> {
    let lines = lambda.lines(LogSource::Platform);
    let report = lines.iter().rfind(|line| line.starts_with("REPORT"))?;
    let field = report
        .split('\t')
        .find_map(|field| field.strip_prefix(name)?.strip_prefix(": "))?;
    field.split(' ').next()?.parse().ok()
}

#[tokio::test]
async fn a_suppressed_init_is_billed_once() {
    let lambda = TestLambda::new();
    let mut function = lambda.function_with_extension(json!({"telemetry": "HTTP"}));
    function
        .environment
        .insert("INIT".into(), "exit-once".into());
    lambda.sandbox.add_function(function);
    lambda.echo().await;
    lambda.wait_for_reports(1).await;
    lambda.sandbox.shutdown().await;
    let duration = number_in_report(&lambda, "Duration").unwrap();
    // Both numbers are rounded.
    let billed = number_in_report(&lambda, "Billed Duration").unwrap();
    assert!((-0.01..=1.0).contains(&(billed - duration)), "{billed}");
    assert_eq!(number_in_report(&lambda, "Init Duration"), None);
    let metrics = &lambda.telemetry("platform.report").await["record"]["metrics"];
    assert_eq!(metrics["initDurationMs"], Value::Null);
    assert_eq!(metrics["billedDurationMs"].as_f64(), Some(billed));
}

#[tokio::test]
async fn a_crash_reports_the_last_known_memory() {
    let lambda = TestLambda::new();
    lambda.sandbox.add_function(lambda.function());
    lambda.outcome(json!({"do": "exit", "status": 3})).await;
    lambda.wait_for_reports(1).await;
    let memory = number_in_report(&lambda, "Max Memory Used").unwrap();
    assert!(memory >= 1.0, "{memory}");
    lambda.sandbox.shutdown().await;
}

#[tokio::test]
async fn memory_over_the_functions_size_causes_a_warning() {
    let lambda = TestLambda::new();
    let mut function = lambda.function();
    function.memory_mb = 1;
    lambda.sandbox.add_function(function);
    lambda.echo().await;
    lambda.wait_for_reports(1).await;
    lambda.sandbox.shutdown().await;
    let lines = lambda.lines(LogSource::Platform);
    let warnings = lines
        .iter()
        .filter(|line| line.contains("over the MemorySize of 1 MB: Lambda would have ended it"));
    assert_eq!(warnings.count(), 1, "{lines:#?}");
}

#[tokio::test]
async fn lines_after_an_init_error_are_logged() {
    let lambda = TestLambda::new();
    let mut function = lambda.function();
    function.environment.insert("INIT".into(), "error".into());
    function
        .environment
        .insert("PRINT_AFTER_ERROR".into(), "1".into());
    lambda.sandbox.add_function(function);
    lambda.outcome(json!({})).await;
    lambda.wait_for_reports(1).await;
    lambda.sandbox.shutdown().await;
    // Once in init, once in the invocation, which repeats init.
    let lines = lambda.lines(LogSource::Function);
    assert_eq!(lines, ["Traceback: no module"; 2]);
    let expected = "Status: error\tError Type: Runtime.ImportModuleError";
    for begins in ["INIT_REPORT", "REPORT"] {
        let line = lambda.platform_line(begins).unwrap();
        assert!(line.trim_end().ends_with(expected), "{line}");
    }
}

#[tokio::test]
async fn an_init_over_ten_seconds_runs_again_within_the_first_request() {
    let lambda = TestLambda::new();
    let mut function = lambda.function();
    function
        .environment
        .insert("INIT".into(), "hang-once".into());
    lambda.sandbox.add_function(function);
    assert_eq!(lambda.echo().await["calls"], 1);
    let failed = lambda.platform_line("INIT_REPORT").unwrap();
    assert!(failed.ends_with("Phase: init\tStatus: timeout"), "{failed}");
    lambda.sandbox.shutdown().await;
}

#[tokio::test]
async fn an_init_that_always_fails_is_an_error_for_the_caller() {
    let lambda = TestLambda::new();
    let mut function = lambda.function();
    function.environment.insert("INIT".into(), "exit".into());
    lambda.sandbox.add_function(function);
    let outcome = lambda.outcome(json!({})).await;
    let expected = format!(
        "RequestId: {} Error: Runtime exited with error: exit status 7",
        outcome.request_id
    );
    assert_eq!(
        error(&outcome),
        json!({"errorType": "Runtime.ExitError", "errorMessage": expected})
    );

    let mut function = lambda.function();
    function.environment.insert("INIT".into(), "error".into());
    lambda.sandbox.add_function(function);
    let outcome = lambda.outcome(json!({})).await;
    assert_eq!(
        error(&outcome),
        json!({"errorType": "ImportError", "errorMessage": "no module"})
    );
    lambda.sandbox.shutdown().await;
}

#[tokio::test]
async fn an_executable_that_cannot_start_is_named_with_the_next_step() {
    let lambda = TestLambda::new();
    let mut function = lambda.function();
    function.bootstrap = lambda.path("nothing");
    lambda.sandbox.add_function(function);
    let Err(InvokeError::CannotStart(message)) = lambda.try_invoke(json!({})).await else {
        panic!("the function started")
    };
    let path = lambda.path("nothing").display().to_string();
    assert!(
        message.contains(&path) && message.contains("does not exist: build it"),
        "{message}"
    );
    let segment = &lambda.segments_of("AWS::Lambda", 1).await[0];
    assert_eq!(
        (&segment["fault"], &segment["http"]["response"]["status"]),
        (&true.into(), &502.into())
    );

    let mut function = lambda.function();
    function.extensions = vec![lambda.path("no-extension")];
    lambda.sandbox.add_function(function);
    let Err(InvokeError::CannotStart(message)) = lambda.try_invoke(json!({})).await else {
        panic!("the function started")
    };
    assert!(
        message.starts_with("the extension ") && message.contains("no-extension"),
        "{message}"
    );
    lambda.sandbox.shutdown().await;
}
