use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use super::*;

fn script(folder: &Path, name: &str, text: &str, mode: u32) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    path
}

async fn spawn(executable: &Path, lines: LineHandler) -> Result<Process, String> {
    let program = Program {
        role: "runtime",
        function: "orders",
        executable,
        directory: Path::new("/"),
        variables: &BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]),
        reaper: None,
    };
    Process::spawn(&program, lines, |_| ()).await
}

fn discard() -> LineHandler {
    Arc::new(|_| ())
}

fn state_of(process: &Process) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.id())).ok()?;
    stat.rsplit(')').next()?.trim_start().chars().next()
}

async fn wait_until(mut condition: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(
            std::time::Instant::now() < deadline,
            "the condition did not become true within 20 s"
        );
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn every_line_arrives_before_the_exit_and_without_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = script(
        folder.path(),
        "prints",
        "#!/bin/sh\necho one\nprintf 'two\\r\\nthree'\n",
        0o755,
    );
    let seen = Arc::new(Mutex::new(Vec::new()));
    let lines = Arc::clone(&seen);
    let process = spawn(
        &path,
        Arc::new(move |line| lines.lock().unwrap().push(line.to_owned())),
    )
    .await
    .unwrap();
    process.ended().await;
    assert_eq!(*seen.lock().unwrap(), ["one", "two", "three"]);
}

#[tokio::test]
async fn a_stopped_process_continues_after_sigcont() {
    let folder = tempfile::tempdir().unwrap();
    let path = script(
        folder.path(),
        "sleeps",
        "#!/bin/sh\nexec sleep 600\n",
        0o755,
    );
    let process = spawn(&path, discard()).await.unwrap();
    process.signal(Signal::STOP);
    wait_until(|| state_of(&process) == Some('T')).await;
    process.signal(Signal::CONT);
    wait_until(|| state_of(&process) == Some('S')).await;
}

#[tokio::test]
async fn a_dropped_process_dies_with_its_children() {
    let folder = tempfile::tempdir().unwrap();
    let path = script(
        folder.path(),
        "forks",
        "#!/bin/sh\nsleep 600 &\necho $!\nwait\n",
        0o755,
    );
    let child = Arc::new(Mutex::new(String::new()));
    let printed = Arc::clone(&child);
    let process = spawn(
        &path,
        Arc::new(move |line| *printed.lock().unwrap() = line.to_owned()),
    )
    .await
    .unwrap();
    wait_until(|| !child.lock().unwrap().is_empty()).await;
    let child = child.lock().unwrap().clone();
    let alive = |id: &str| {
        // A zombie is dead; its new parent has not reaped it yet.
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        stat.rsplit(')')
            .next()
            .is_some_and(|rest| !rest.trim().is_empty() && !rest.starts_with(" Z"))
    };
    assert!(alive(&child));
    let own = process.id().to_string();
    drop(process);
    wait_until(|| !alive(&child) && !alive(&own)).await;
}

#[tokio::test]
async fn an_executable_that_cannot_start_is_named_with_the_next_step() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let error = spawn(&missing, discard()).await.unwrap_err();
    assert_eq!(
        error,
        format!(
            "the runtime {} of function orders does not exist: build it, or correct its path in the template",
            missing.display()
        )
    );
    let plain = script(folder.path(), "plain", "#!/bin/sh\n", 0o644);
    let error = spawn(&plain, discard()).await.unwrap_err();
    assert!(
        error.ends_with(&format!(
            "is not executable: run `chmod +x {}`",
            plain.display()
        )),
        "{error}"
    );
    let error = spawn(folder.path(), discard()).await.unwrap_err();
    assert!(error.contains("is not a file"), "{error}");
    let odd = script(folder.path(), "odd", "\u{7f}ELF and nothing more", 0o755);
    let error = spawn(&odd, discard()).await.unwrap_err();
    assert!(
        error.contains("is not a program for this machine"),
        "{error}"
    );
    let lost = script(folder.path(), "lost", "#!/no/such/python\n", 0o755);
    let error = spawn(&lost, discard()).await.unwrap_err();
    assert!(
        error.contains("its interpreter /no/such/python does not exist"),
        "{error}"
    );
}

#[test]
fn exits_are_written_as_lambda_writes_them() {
    assert_eq!(Exit::Code(3).to_string(), "exit status 3");
    assert_eq!(Exit::Signal(9).to_string(), "signal: killed");
    assert_eq!(Exit::Signal(31).to_string(), "signal: 31");
}

#[tokio::test]
async fn a_child_that_has_ended_keeps_its_id_until_its_group_is_killed() {
    let mut child = std::process::Command::new("true").spawn().unwrap();
    let id = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    exited_unreaped(id).await;
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
    assert!(stat.contains(") Z "), "not a zombie: {stat}");
    assert!(child.wait().unwrap().success());
}
