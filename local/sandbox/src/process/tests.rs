use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
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

/// Makes [`the_supervisor_of_the_other_tests`] a supervisor.
const AS_SUPERVISOR: &str = "run-as-supervisor";

/// This test program itself, which runs only one test.
fn supervisor_command() -> SupervisorCommand {
    let arguments = [
        "process::tests::the_supervisor_of_the_other_tests",
        "--exact",
        "--nocapture",
        "--skip",
        AS_SUPERVISOR,
    ];
    SupervisorCommand {
        executable: std::env::current_exe().unwrap(),
        arguments: arguments.map(Into::into).to_vec(),
    }
}

fn supervisor() -> Arc<Supervisor> {
    Arc::new(Supervisor::start(&supervisor_command()).unwrap())
}

#[test]
fn the_supervisor_of_the_other_tests() {
    if std::env::args().any(|argument| argument == AS_SUPERVISOR) {
        supervise();
    }
}

async fn spawn(executable: &Path, lines: LineHandler) -> Result<Process, String> {
    spawn_under(&supervisor(), executable, lines, |_| ()).await
}

async fn spawn_under(
    supervisor: &Arc<Supervisor>,
    executable: &Path,
    lines: LineHandler,
    on_exit: impl FnOnce(Exit) + Send + 'static,
) -> Result<Process, String> {
    let program = Program {
        role: "runtime",
        function: "orders",
        executable,
        directory: Path::new("/"),
        variables: &BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]),
    };
    Process::spawn(supervisor, &program, lines, on_exit).await
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
async fn the_children_of_a_process_that_has_ended_are_killed() {
    let folder = tempfile::tempdir().unwrap();
    let text = "#!/bin/sh\nsleep 600 &\necho $!\n";
    let path = script(folder.path(), "forks", text, 0o755);
    let child = Arc::new(Mutex::new(String::new()));
    let printed = Arc::clone(&child);
    let process = spawn(
        &path,
        Arc::new(move |line| *printed.lock().unwrap() = line.to_owned()),
    )
    .await
    .unwrap();
    process.ended().await;
    let child = child.lock().unwrap().clone();
    assert!(!child.is_empty());
    wait_until(|| !Path::new(&format!("/proc/{child}")).exists()).await;
}

#[tokio::test]
async fn the_supervisor_ends_after_the_last_process() {
    let folder = tempfile::tempdir().unwrap();
    let text = "#!/bin/sh\nsetsid sleep 600 &\nexec sleep 600\n";
    let path = script(folder.path(), "sleeps", text, 0o755);
    let supervisor = supervisor();
    let process = spawn_under(&supervisor, &path, discard(), |_| ())
        .await
        .unwrap();
    supervisor.freeze();
    wait_until(|| state_of(&process) == Some('T')).await;
    supervisor.close();
    let ended = async {
        supervisor.ended().await;
        process.ended().await;
    };
    tokio::time::timeout(Duration::from_secs(20), ended)
        .await
        .unwrap();
    assert_eq!(state_of(&process), None);
}

#[tokio::test]
async fn the_next_supervisor_has_started_in_advance_and_is_replaced_if_it_was_killed() {
    let folder = tempfile::tempdir().unwrap();
    let starts = folder.path().join("starts");
    let SupervisorCommand {
        executable,
        arguments,
    } = supervisor_command();
    let text = format!(
        "#!/bin/sh\necho $$ >>{}\nexec {} \"$@\"\n",
        starts.display(),
        executable.display()
    );
    let supervisors = Supervisors::new(Some(SupervisorCommand {
        executable: script(folder.path(), "notes-its-start", &text, 0o755),
        arguments,
    }));
    let started = || -> Vec<i32> {
        let ids = std::fs::read_to_string(&starts).unwrap_or_default();
        ids.lines().map(|id| id.parse().unwrap()).collect()
    };
    let path = script(folder.path(), "asks", "#!/bin/sh\necho $PPID\n", 0o755);
    let parent_of_a_program = async |supervisor| {
        let (lines, mut parent) = tokio::sync::mpsc::unbounded_channel();
        let lines: LineHandler = Arc::new(move |line| lines.send(line.to_owned()).unwrap());
        let supervisor = Arc::new(supervisor);
        let process = spawn_under(&supervisor, &path, lines, |_| ()).await;
        process.unwrap().ended().await;
        parent.recv().await.unwrap().parse::<i32>().unwrap()
    };

    supervisors.prepare();
    supervisors.prepare();
    wait_until(|| !started().is_empty()).await;
    let supervisor = supervisors.take().unwrap();
    assert_eq!(parent_of_a_program(supervisor).await, started()[0]);
    assert_eq!(started().len(), 1);

    supervisors.prepare();
    wait_until(|| started().len() == 2).await;
    let killed = rustix::process::Pid::from_raw(started()[1]).unwrap();
    rustix::process::kill_process(killed, Signal::KILL).unwrap();
    wait_until(|| supervisors.spare_has_ended()).await;
    let supervisor = supervisors.take().unwrap();
    assert_eq!(parent_of_a_program(supervisor).await, started()[2]);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_program_receives_no_socket_of_its_supervisor() {
    let folder = tempfile::tempdir().unwrap();
    let text = "#!/bin/sh\nreadlink /proc/$$/fd/*\n";
    let path = script(folder.path(), "lists", text, 0o755);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let lines = Arc::clone(&seen);
    let lines: LineHandler = Arc::new(move |line| lines.lock().unwrap().push(line.to_owned()));
    let process = spawn(&path, lines).await.unwrap();
    process.ended().await;
    let seen = seen.lock().unwrap();
    assert!(seen.contains(&"/dev/null".to_owned()), "{seen:?}");
    assert!(!seen.iter().any(|file| file.contains("socket")), "{seen:?}");
}

#[tokio::test]
async fn the_death_of_the_supervisor_is_reported_as_the_end_of_its_programs() {
    let folder = tempfile::tempdir().unwrap();
    let text = "#!/bin/sh\nkill -KILL $PPID\nexec sleep 1\n";
    let path = script(folder.path(), "kills", text, 0o755);
    let (sender, exit) = tokio::sync::oneshot::channel();
    let supervisor = supervisor();
    let process = spawn_under(&supervisor, &path, discard(), |exit| {
        let _ = sender.send(exit);
    });
    match process.await {
        // It may die before it reports the start.
        Err(error) => assert!(error.ends_with("(its supervisor has ended)"), "{error}"),
        Ok(_process) => assert_eq!(exit.await.unwrap(), Exit::Signal(9)),
    }
}

#[tokio::test]
async fn a_process_from_outside_cannot_join_the_group_of_a_program() {
    let folder = tempfile::tempdir().unwrap();
    let path = script(
        folder.path(),
        "sleeps",
        "#!/bin/sh\nexec sleep 600\n",
        0o755,
    );
    let process = spawn(&path, discard()).await.unwrap();
    let outsider = std::process::Command::new("sleep")
        .arg("600")
        .process_group(process.id())
        .spawn();
    assert_eq!(
        outsider.unwrap_err().kind(),
        std::io::ErrorKind::PermissionDenied
    );
}

#[cfg(target_os = "linux")]
const IN_NAMESPACE: &str = "run-in-pid-namespace";

/// Runs the next test in a PID namespace, where it may choose ids (proc_sys_kernel(5),
/// `ns_last_pid`) and disturbs no other process.
#[cfg(target_os = "linux")]
#[test]
fn the_id_of_a_reaped_process_is_not_signalled() {
    let unshare = |program: &std::ffi::OsStr| {
        let mut command = std::process::Command::new("unshare");
        command
            .args(["--user", "--map-root-user", "--pid", "--fork"])
            .arg("--mount-proc")
            .arg(program);
        command
    };
    let choose = ["-c", "echo 9 >/proc/sys/kernel/ns_last_pid"];
    let is_possible = unshare("/bin/sh".as_ref()).args(choose).output();
    if !is_possible.is_ok_and(|output| output.status.success()) {
        eprintln!("not checked: this user may not create a PID namespace");
        return;
    }
    let output = unshare(std::env::current_exe().unwrap().as_os_str())
        .args(["process::tests::in_a_namespace_a_reused_id_is_not_signalled"])
        .args(["--exact", "--nocapture", "--skip", IN_NAMESPACE])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn in_a_namespace_a_reused_id_is_not_signalled() {
    if !std::env::args().any(|argument| argument == IN_NAMESPACE) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = script(folder.path(), "ends", "#!/bin/sh\nexit 0\n", 0o755);
    let (reaped, is_reaped) = std::sync::mpsc::channel();
    let (proceed, may_proceed) = std::sync::mpsc::channel();
    let supervisor = supervisor();
    let process = spawn_under(&supervisor, &path, discard(), move |_| {
        reaped.send(()).unwrap();
        may_proceed.recv().unwrap();
    });
    let process = process.await.unwrap();
    is_reaped.recv().unwrap();
    std::fs::write(
        "/proc/sys/kernel/ns_last_pid",
        (process.id() - 1).to_string(),
    )
    .unwrap();
    let mut other = std::process::Command::new("sleep");
    let mut other = other.arg("600").process_group(0).spawn().unwrap();
    assert_eq!(other.id().to_string(), process.id().to_string());
    for signal in [Signal::STOP, Signal::TERM, Signal::KILL] {
        process.signal(signal);
    }
    // Not Tokio's, whose timers may wait for the blocked task.
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(state_of(&process), Some('S'));
    proceed.send(()).unwrap();
    drop(process);
    supervisor.close();
    supervisor.ended().await;
    assert!(other.try_wait().unwrap().is_none());
    other.kill().unwrap();
    other.wait().unwrap();
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
