use std::time::Duration;

use serde_json::json;
use xray_local_sandbox::{LogSource, SandboxConfig};

use crate::harness::{TestLambda, process_state, until};

async fn state_becomes(pid: i64, wanted: &[char]) {
    until("the state", || {
        process_state(pid).filter(|state| wanted.contains(state))
    })
    .await;
}

#[tokio::test]
async fn all_processes_are_stopped_between_requests_and_continue_with_the_next() {
    let lambda = TestLambda::new();
    lambda
        .sandbox
        .add_function(lambda.function_with_extension(json!({})));
    let pid = lambda.echo().await["pid"].as_i64().unwrap();
    let extension = lambda.note_pid();
    for _ in 0..3 {
        state_becomes(pid, &['T']).await;
        state_becomes(extension, &['T']).await;
        assert_eq!(lambda.echo().await["pid"], pid);
    }
    lambda.sandbox.shutdown().await;
    assert_eq!((process_state(pid), process_state(extension)), (None, None));
}

#[tokio::test]
async fn one_process_serves_a_hundred_requests_with_a_freeze_between_them() {
    let lambda = TestLambda::new();
    lambda
        .sandbox
        .add_function(lambda.function_with_extension(json!({})));
    let pid = lambda.echo().await["pid"].as_i64().unwrap();
    for count in 2..=100 {
        state_becomes(pid, &['T']).await;
        let response = lambda.echo().await;
        assert_eq!(
            (&response["pid"], &response["calls"]),
            (&pid.into(), &count.into())
        );
    }
    lambda.sandbox.shutdown().await;
    assert_eq!(lambda.notes("event").len(), 101);
}

#[tokio::test]
async fn without_freezing_processes_keep_running() {
    let lambda = TestLambda::with(SandboxConfig {
        freeze: false,
        ..SandboxConfig::default()
    });
    lambda.sandbox.add_function(lambda.function());
    let pid = lambda.echo().await["pid"].as_i64().unwrap();
    lambda.wait_for_reports(1).await;
    assert_eq!(lambda.echo().await["pid"], pid);
    assert_ne!(process_state(pid), Some('T'));
    lambda.sandbox.shutdown().await;
}

#[tokio::test]
async fn an_idle_environment_is_shut_down() {
    let lambda = TestLambda::with(SandboxConfig {
        idle_timeout: Duration::from_millis(50),
        ..SandboxConfig::default()
    });
    lambda
        .sandbox
        .add_function(lambda.function_with_extension(json!({})));
    let pid = lambda.echo().await["pid"].as_i64().unwrap();
    until("the end of the process", || {
        process_state(pid).is_none().then_some(())
    })
    .await;
    let event = until("SHUTDOWN", || {
        lambda
            .notes("event")
            .into_iter()
            .find(|e| e["eventType"] == "SHUTDOWN")
    })
    .await;
    assert_eq!(event["shutdownReason"], "SPINDOWN");
    assert_eq!(lambda.echo().await["calls"], 1);
    lambda.sandbox.shutdown().await;
}

#[tokio::test]
async fn a_dropped_sandbox_leaves_no_process() {
    let lambda = TestLambda::new();
    lambda
        .sandbox
        .add_function(lambda.function_with_extension(json!({})));
    let pid = lambda.echo().await["pid"].as_i64().unwrap();
    let extension = lambda.note_pid();
    state_becomes(extension, &['T']).await;
    drop(lambda);
    until("the end of both", || {
        (process_state(pid).is_none() && process_state(extension).is_none()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_detached_process_is_frozen_thawed_and_ended_with_the_others() {
    for ends_by_drop in [false, true] {
        let lambda = TestLambda::new();
        lambda.sandbox.add_function(lambda.function());
        lambda.invoke(json!({"do": "detach"})).await;
        let detached = until("the detached process", || {
            let lines = lambda.lines(LogSource::Function);
            lines
                .iter()
                .find_map(|line| line.strip_prefix("detached ")?.parse().ok())
        })
        .await;
        state_becomes(detached, &['T']).await;
        let running = lambda.invoke(json!({"do": "sleep", "seconds": 0.5}));
        let (_, ()) = tokio::join!(running, state_becomes(detached, &['S', 'R']));
        state_becomes(detached, &['T']).await;
        if ends_by_drop {
            drop(lambda);
        } else {
            lambda.sandbox.shutdown().await;
        }
        until("the end of the detached process", || {
            // A zombie is dead, too; its new parent reaps it later.
            process_state(detached)
                .is_none_or(|state| state == 'Z')
                .then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_running_request_is_interrupted_when_the_sandbox_shuts_down() {
    let lambda = TestLambda::new();
    lambda.sandbox.add_function(lambda.function());
    let running = lambda.try_invoke(json!({"do": "sleep", "seconds": 600}));
    let end = async {
        until("START", || lambda.platform_line("START")).await;
        lambda.sandbox.shutdown().await;
    };
    let (cut, ()) = tokio::join!(running, end);
    assert_eq!(
        cut.unwrap_err(),
        xray_local_sandbox::InvokeError::ShuttingDown
    );
    let late = lambda.try_invoke(json!({})).await;
    assert_eq!(
        late.unwrap_err(),
        xray_local_sandbox::InvokeError::ShuttingDown
    );
}
