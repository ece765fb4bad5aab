//! The processes of an environment are found by descent, and only they are signalled.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions, kill_process_group, waitpid};
use serde_json::{Value, json};
use xray_local_sandbox::LogSource;

use crate::harness::{TestLambda, process_state, until};

async fn state_becomes(pid: i64, wanted: &[char]) {
    until("the state", || {
        process_state(pid).filter(|state| wanted.contains(state))
    })
    .await;
}

fn parent_of(pid: i64) -> i64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"));
    parent.unwrap().trim().parse().unwrap()
}

/// Starts a daemon in the function. Returns its id.
async fn daemon(lambda: &TestLambda, event: Value) -> i64 {
    lambda.invoke(event).await;
    until("the daemon", || {
        let lines = lambda.lines(LogSource::Function);
        lines
            .iter()
            .rev()
            .find_map(|line| line.strip_prefix("daemon ")?.parse().ok())
    })
    .await
}

#[tokio::test]
async fn a_foreign_process_with_the_same_runtime_api_is_neither_stopped_nor_killed() {
    let lambda = TestLambda::new();
    lambda.sandbox.add_function(lambda.function());
    let response = lambda.echo().await;
    let variables = response["env"].as_object().unwrap();
    assert!(variables.contains_key("AWS_LAMBDA_RUNTIME_API"));
    let variables = variables
        .iter()
        .map(|(name, value)| (name, value.as_str().unwrap()));
    let mut foreign = Command::new("sleep")
        .arg("600")
        .env_clear()
        .envs(variables)
        .spawn()
        .unwrap();
    for _ in 0..3 {
        let pid = lambda.echo().await["pid"].as_i64().unwrap();
        state_becomes(pid, &['T']).await;
    }
    lambda.sandbox.shutdown().await;
    drop(lambda);
    // The system keeps the last change of a child's state until its parent has asked for it.
    let changes = WaitOptions::NOHANG | WaitOptions::UNTRACED | WaitOptions::CONTINUED;
    let id = Pid::from_child(&foreign);
    let change = waitpid(Some(id), changes).unwrap();
    assert!(change.is_none(), "{change:?}");
    foreign.kill().unwrap();
    foreign.wait().unwrap();
}

#[tokio::test]
async fn a_daemon_without_variables_is_frozen_thawed_and_ended_with_its_environment() {
    for ends_by_drop in [false, true] {
        let lambda = TestLambda::new();
        lambda.sandbox.add_function(lambda.function());
        let daemon = daemon(&lambda, json!({"do": "daemon"})).await;
        state_becomes(daemon, &['T']).await;
        let running = lambda.invoke(json!({"do": "sleep", "seconds": 0.5}));
        let (_, ()) = tokio::join!(running, state_becomes(daemon, &['S', 'R']));
        state_becomes(daemon, &['T']).await;
        if ends_by_drop {
            drop(lambda);
            until("the end of the daemon", || {
                process_state(daemon).is_none().then_some(())
            })
            .await;
        } else {
            lambda.sandbox.shutdown().await;
            assert_eq!(process_state(daemon), None);
        }
    }
}

/// The file reads of the calling thread, on which the sandbox of a test runs, and of a
/// supervisor. `None` if the kernel does not count them (proc_pid_io(5)).
fn reads(supervisor: i64) -> Option<u64> {
    let files = [
        "/proc/thread-self/io".to_owned(),
        format!("/proc/{supervisor}/io"),
    ];
    let counts = files.map(|file| -> Option<u64> {
        let text = std::fs::read_to_string(file).ok()?;
        let count = text.lines().find_map(|line| line.strip_prefix("syscr: "))?;
        count.parse().ok()
    });
    Some(counts[0]? + counts[1]?)
}

/// Processes that sleep and belong to no environment.
struct IdleProcesses(std::process::Child);

impl IdleProcesses {
    fn start(count: u32) -> Self {
        let text = format!("for n in $(seq {count}); do sleep 600 & done; echo; wait");
        let mut shell = Command::new("/bin/sh")
            .args(["-c", &text])
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut lines = BufReader::new(shell.stdout.take().unwrap());
        lines.read_line(&mut line).unwrap();
        Self(shell)
    }
}

impl Drop for IdleProcesses {
    fn drop(&mut self) {
        let _ = kill_process_group(Pid::from_child(&self.0), Signal::KILL);
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn an_invocation_does_not_read_about_the_processes_of_others() {
    const COUNT: u32 = 600;
    const INVOCATIONS: usize = 5;
    let lambda = TestLambda::new();
    lambda.sandbox.add_function(lambda.function());
    let runtime = lambda.echo().await["pid"].as_i64().unwrap();
    let supervisor = parent_of(runtime);
    let reads_of_invocations = async || {
        let before = reads(supervisor)?;
        for _ in 0..INVOCATIONS {
            assert_eq!(lambda.echo().await["pid"], runtime);
        }
        Some(reads(supervisor)? - before)
    };
    let Some(alone) = reads_of_invocations().await else {
        eprintln!("not checked: this kernel does not count reads");
        return;
    };
    let idle = IdleProcesses::start(COUNT);
    let beside_idle_ones = reads_of_invocations().await.unwrap();
    drop(idle);
    // Not equal, because the freeze after the last invocation may still run.
    assert!(
        beside_idle_ones < alone + u64::from(COUNT / 2),
        "{alone}, {beside_idle_ones}"
    );
    lambda.sandbox.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_fork_all_the_time_are_frozen_and_ended() {
    let lambda = TestLambda::new();
    lambda.sandbox.add_function(lambda.function());
    let file = lambda.path("latest");
    let latest = || -> i64 {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        text.trim().parse().unwrap_or_default()
    };
    daemon(
        &lambda,
        json!({"do": "restless-daemon", "file": file.to_str().unwrap()}),
    )
    .await;
    let mut frozen = 0;
    for _ in 0..5 {
        let running = lambda.invoke(json!({"do": "sleep", "seconds": 0.3}));
        let continues = until("the next process", || {
            let is_new = ![0, frozen].contains(&latest());
            is_new.then_some(())
        });
        tokio::join!(running, continues);
        until("the freeze", || {
            let before = latest();
            std::thread::sleep(Duration::from_millis(30));
            (latest() == before).then_some(())
        })
        .await;
        frozen = latest();
    }
    let begin = Instant::now();
    lambda.sandbox.shutdown().await;
    // Otherwise the sandbox gave up.
    assert!(begin.elapsed() < Duration::from_secs(5));
    let last = latest();
    assert_eq!(process_state(last), None);
    assert_eq!(latest(), last);
}

#[tokio::test]
async fn a_daemon_that_has_ended_is_reaped() {
    let lambda = TestLambda::new();
    lambda.sandbox.add_function(lambda.function());
    let daemon = daemon(&lambda, json!({"do": "daemon", "command": "sleep 0.2"})).await;
    lambda.invoke(json!({"do": "sleep", "seconds": 0.5})).await;
    until("the end of the daemon", || {
        process_state(daemon).is_none().then_some(())
    })
    .await;
    lambda.sandbox.shutdown().await;
}

const TO_BE_KILLED: &str = "run-until-killed";

/// A sandbox in a program of its own, for the next test.
#[tokio::test]
async fn a_sandbox_that_is_killed() {
    if !std::env::args().any(|argument| argument == TO_BE_KILLED) {
        return;
    }
    let lambda = TestLambda::new();
    lambda
        .sandbox
        .add_function(lambda.function_with_extension(json!({})));
    let daemon = daemon(&lambda, json!({"do": "daemon"})).await;
    let pid = lambda.echo().await["pid"].as_i64().unwrap();
    let processes = [pid, lambda.note_pid(), daemon];
    for process in processes {
        state_becomes(process, &['T']).await;
    }
    println!("processes {processes:?}");
    std::thread::sleep(Duration::from_secs(600));
}

#[tokio::test]
async fn a_sandbox_that_is_killed_leaves_no_process() {
    let mut sandbox = Command::new(std::env::current_exe().unwrap())
        .args(["descent::a_sandbox_that_is_killed", "--exact"])
        .args(["--nocapture", "--skip", TO_BE_KILLED])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(sandbox.stdout.take().unwrap()).lines();
    let processes: Vec<i64> = lines
        .map_while(Result::ok)
        .find_map(|line| serde_json::from_str(line.strip_prefix("processes ")?).ok())
        .unwrap();
    sandbox.kill().unwrap();
    sandbox.wait().unwrap();
    for process in processes {
        until("the end of the process", || {
            process_state(process).is_none().then_some(())
        })
        .await;
    }
}
