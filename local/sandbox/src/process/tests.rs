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

fn nowhere() -> LineHandler {
    Arc::new(|_| ())
}

fn state_of(process: &Process) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.id())).ok()?;
    stat.rsplit(')').next()?.trim_start().chars().next()
}

async fn until(mut holds: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(
            std::time::Instant::now() < deadline,
            "it never came to hold"
        );
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn every_line_arrives_before_the_exit_and_without_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = script(
        folder.path(),
        "talks",
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
    process.gone().await;
    assert_eq!(*seen.lock().unwrap(), ["one", "two", "three"]);
}

#[tokio::test]
async fn a_stopped_process_stands_still_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = script(
        folder.path(),
        "sleeps",
        "#!/bin/sh\nexec sleep 600\n",
        0o755,
    );
    let process = spawn(&path, nowhere()).await.unwrap();
    process.signal(Signal::STOP);
    until(|| state_of(&process) == Some('T')).await;
    process.signal(Signal::CONT);
    until(|| state_of(&process) == Some('S')).await;
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
    let told = Arc::clone(&child);
    let process = spawn(
        &path,
        Arc::new(move |line| *told.lock().unwrap() = line.to_owned()),
    )
    .await
    .unwrap();
    until(|| !child.lock().unwrap().is_empty()).await;
    let child = child.lock().unwrap().clone();
    let alive = |id: &str| {
        // A zombie that its new parent has not reaped yet is dead, too.
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        stat.rsplit(')')
            .next()
            .is_some_and(|rest| !rest.trim().is_empty() && !rest.starts_with(" Z"))
    };
    assert!(alive(&child));
    let own = process.id().to_string();
    drop(process);
    until(|| !alive(&child) && !alive(&own)).await;
}

#[tokio::test]
async fn what_cannot_start_is_named_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let said = spawn(&missing, nowhere()).await.unwrap_err();
    assert_eq!(
        said,
        format!(
            "the runtime {} of function orders does not exist: build it, or correct its path in the template",
            missing.display()
        )
    );
    let plain = script(folder.path(), "plain", "#!/bin/sh\n", 0o644);
    let said = spawn(&plain, nowhere()).await.unwrap_err();
    assert!(
        said.ends_with(&format!(
            "is not executable: run `chmod +x {}`",
            plain.display()
        )),
        "{said}"
    );
    let said = spawn(folder.path(), nowhere()).await.unwrap_err();
    assert!(said.contains("is not a file"), "{said}");
    let odd = script(folder.path(), "odd", "\u{7f}ELF and nothing more", 0o755);
    let said = spawn(&odd, nowhere()).await.unwrap_err();
    assert!(said.contains("is not a program for this machine"), "{said}");
    let lost = script(folder.path(), "lost", "#!/no/such/python\n", 0o755);
    let said = spawn(&lost, nowhere()).await.unwrap_err();
    assert!(
        said.contains("its interpreter /no/such/python does not exist"),
        "{said}"
    );
}

#[test]
fn exits_are_written_as_lambda_writes_them() {
    assert_eq!(Exit::Code(3).to_string(), "exit status 3");
    assert_eq!(Exit::Signal(9).to_string(), "signal: killed");
    assert_eq!(Exit::Signal(31).to_string(), "signal: 31");
}
