//! The AWS credentials that functions get, and the sentence that says which.

use std::process::{Command, Output};

use rustix::fs::{FileType, Mode};
use serde_json::Value;

use crate::project::Project;

const ID: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const TOKEN: &str = "IQoJb3JpZ2luX2VjEXAMPLETOKEN";

const CONFIG: &str = "\
[default]
region = ap-south-1
[profile dev]
region = eu-central-1
[profile \"two words\"]
aws_access_key_id = AKIAI44QH8DHBEXAMPLE
aws_secret_access_key = secret-of-two-words
[profile sso]
sso_session = company
sso_account_id = 123456789012
[profile role]
role_arn = arn:aws:iam::123456789012:role/admin
source_profile = dev
[profile empty]
region = eu-west-1
";

/// The credentials file: the profile `dev` has all of [`ID`], [`SECRET`] and [`TOKEN`].
fn credentials_file() -> String {
    format!(
        "[dev]\naws_access_key_id = {ID}\naws_secret_access_key = {SECRET}\n\
         aws_session_token={TOKEN}\n[role]\naws_access_key_id = X\naws_secret_access_key = X\n"
    )
}

fn project() -> Project {
    let project = Project::new();
    project.write("home/.aws/config", CONFIG);
    project.write("home/.aws/credentials", &credentials_file());
    project
}

fn with_keys(command: &mut Command) -> &mut Command {
    command
        .env("AWS_ACCESS_KEY_ID", ID)
        .env("AWS_SECRET_ACCESS_KEY", SECRET)
        .env("AWS_SESSION_TOKEN", TOKEN)
}

/// The function's variables, and the log. The log never has a secret.
fn variables(output: &Output) -> (Value, String) {
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{log}");
    assert!(!log.contains(SECRET) && !log.contains(TOKEN), "{log}");
    assert!(!log.contains(ID), "{log}");
    (serde_json::from_slice(&output.stdout).unwrap(), log)
}

fn assert_keys(variables: &Value) {
    assert_eq!(variables["AWS_ACCESS_KEY_ID"], ID);
    assert_eq!(variables["AWS_SECRET_ACCESS_KEY"], SECRET);
    assert_eq!(variables["AWS_SESSION_TOKEN"], TOKEN);
}

fn assert_stand_ins(variables: &Value) {
    assert_eq!(variables["AWS_ACCESS_KEY_ID"], "local");
    assert_eq!(variables["AWS_SECRET_ACCESS_KEY"], "local");
    assert!(variables.get("AWS_SESSION_TOKEN").is_none(), "{variables}");
}

/// Asserts that `sentence` is in the log once, before the function starts.
fn assert_said_at_start(log: &str, sentence: &str) {
    let (before, _) = log.split_once("START RequestId").unwrap();
    assert_eq!(before.matches(sentence).count(), 1, "{log}");
    assert_eq!(log.matches("functions get").count(), 1, "{log}");
}

#[test]
fn functions_get_the_callers_keys_and_the_start_says_so() {
    let project = project();
    let output = with_keys(&mut project.command(&["invoke"]))
        .output()
        .unwrap();
    let (variables, log) = variables(&output);
    assert_keys(&variables);
    assert_eq!(variables["AWS_REGION"], "us-east-1");
    assert_said_at_start(
        &log,
        "functions get your AWS credentials from environment variables (access key …MPLE, region us-east-1); --credentials none gives stand-ins",
    );
}

#[test]
fn none_gives_stand_ins_and_says_nothing() {
    let project = project();
    let mut command = project.command(&["invoke", "--credentials", "none"]);
    let output = with_keys(&mut command).env("AWS_PROFILE", "dev").output();
    let (variables, log) = variables(&output.unwrap());
    assert_stand_ins(&variables);
    assert_eq!(variables["AWS_REGION"], "us-east-1");
    assert!(!log.contains("functions get"), "{log}");
}

#[test]
fn a_profile_gives_its_keys_and_its_region() {
    let project = project();
    let said = "functions get the AWS credentials of profile dev (access key …MPLE, region eu-central-1); --credentials none gives stand-ins";
    for arguments in [
        &["invoke", "--credentials", "profile:dev"][..],
        &["invoke", "--profile", "dev"],
    ] {
        let mut command = project.command(arguments);
        // A chosen profile wins over keys in the environment.
        command
            .env("AWS_ACCESS_KEY_ID", "other")
            .env("AWS_SECRET_ACCESS_KEY", "other");
        let (variables, log) = variables(&command.output().unwrap());
        assert_keys(&variables);
        assert_eq!(variables["AWS_REGION"], "eu-central-1");
        assert_said_at_start(&log, said);
    }
    let mut command = project.command(&["invoke"]);
    let (variables, log) = variables(&command.env("AWS_PROFILE", "dev").output().unwrap());
    assert_keys(&variables);
    assert_said_at_start(&log, said);
}

#[test]
fn the_callers_region_wins_over_the_profiles() {
    let project = project();
    let by_flag = project.run(&["invoke", "--profile", "dev", "--region", "eu-north-1"]);
    assert_eq!(variables(&by_flag).0["AWS_REGION"], "eu-north-1");
    let mut command = project.command(&["invoke", "--profile", "dev"]);
    let by_variable = command.env("AWS_REGION", "eu-north-1").output().unwrap();
    assert_eq!(variables(&by_variable).0["AWS_REGION"], "eu-north-1");
}

#[test]
fn a_profile_with_spaces_is_found_in_the_config_file() {
    let project = project();
    let output = project.run(&["invoke", "--profile", "two words"]);
    let (variables, _) = variables(&output);
    assert_eq!(variables["AWS_SECRET_ACCESS_KEY"], "secret-of-two-words");
}

#[test]
fn the_variables_that_name_the_files_are_honoured() {
    let project = project();
    project.write(
        "elsewhere/credentials",
        "[x]\naws_access_key_id=IDX\naws_secret_access_key=S\n",
    );
    project.write("home/config", "[profile x]\nregion = sa-east-1\n");
    let mut command = project.command(&["invoke", "--profile", "x"]);
    command
        .env("AWS_SHARED_CREDENTIALS_FILE", "elsewhere/credentials")
        .env("AWS_CONFIG_FILE", "~/config");
    let (variables, _) = variables(&command.output().unwrap());
    assert_eq!(variables["AWS_ACCESS_KEY_ID"], "IDX");
    assert_eq!(variables["AWS_REGION"], "sa-east-1");
}

#[test]
fn a_chosen_profile_without_keys_is_an_error_with_the_next_step() {
    let project = project();
    for (profile, reason) in [
        (
            "sso",
            "profile sso has sso_session, which xray-local does not follow; export its credentials for --credentials caller: eval \"$(aws configure export-credentials --profile sso --format env)\"",
        ),
        // The keys of the same name belong to the user, not to the role.
        ("role", "profile role has role_arn"),
        (
            "empty",
            "profile empty does not have both aws_access_key_id and aws_secret_access_key",
        ),
        ("nobody", "profile nobody is neither in"),
    ] {
        let output = project.run(&["invoke", "--credentials", &format!("profile:{profile}")]);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(
            error.starts_with(&format!("xray-local: {reason}")),
            "{error}"
        );
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_callers_profile_without_keys_gives_stand_ins_and_the_reason() {
    let project = project();
    for (profile, reason) in [
        (
            "sso",
            "profile sso has sso_session, which xray-local does not follow; export its credentials",
        ),
        ("nobody", "profile nobody is neither in"),
        ("", "profile default does not have both"),
    ] {
        let mut command = project.command(&["invoke"]);
        let output = command.env("AWS_PROFILE", profile).output().unwrap();
        let (variables, log) = variables(&output);
        assert_stand_ins(&variables);
        // The region belongs to credentials that the functions do not have.
        assert_eq!(variables["AWS_REGION"], "us-east-1");
        let said = "functions get stand-in credentials: the environment has no keys, and ";
        assert_said_at_start(&log, &format!("{said}{reason}"));
    }
}

#[test]
fn a_pipe_in_place_of_a_file_does_not_stop_the_start() {
    let project = project();
    let pipe = project.path().join("pipe");
    let mode = Mode::RUSR | Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, FileType::Fifo, mode, 0).unwrap();
    for variable in ["AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"] {
        let mut command = project.command(&["invoke"]);
        let output = command.env(variable, &pipe).output().unwrap();
        let (variables, log) = variables(&output);
        assert_stand_ins(&variables);
        assert_said_at_start(&log, "pipe is not a regular file, and is not read");
        let mut command = project.command(&["invoke", "--profile", "dev"]);
        let output = command.env(variable, &pipe).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
    }
}

#[test]
fn the_null_device_is_an_empty_file() {
    let project = project();
    let mut command = project.command(&["invoke", "--profile", "dev"]);
    let output = command.env("AWS_CONFIG_FILE", "/dev/null").output();
    assert_keys(&variables(&output.unwrap()).0);
}

#[test]
fn a_short_access_key_is_not_shown() {
    let project = project();
    let mut command = project.command(&["invoke"]);
    command
        .env("AWS_ACCESS_KEY_ID", "hunter2")
        .env("AWS_SECRET_ACCESS_KEY", SECRET);
    let (_, log) = variables(&command.output().unwrap());
    assert!(!log.contains("ter2"), "{log}");
    assert_said_at_start(&log, "from environment variables (region us-east-1);");
}

#[test]
fn a_region_that_is_no_label_of_a_host_name_is_an_error() {
    let project = project();
    let config = "[profile dev]\nregion = eu west\n";
    for (arguments, variable) in [
        (&["invoke", "--region", "eu west"][..], ("", "")),
        (&["invoke"], ("AWS_REGION", "evil.example/")),
        (
            &["invoke", "--profile", "dev"],
            ("AWS_CONFIG_FILE", "other"),
        ),
    ] {
        project.write("other", config);
        let mut command = project.command(arguments);
        if !variable.0.is_empty() {
            command.env(variable.0, variable.1);
        }
        let output = command.output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "{error}");
        let expected = "expected letters, digits and hyphens, such as eu-west-1";
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_command_keeps_the_callers_credentials_and_else_gets_stand_ins() {
    let run = |project: &Project, profile: &str| {
        let mut command = project.command(&["run", "--", "env"]);
        let output = command.env("AWS_PROFILE", profile).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    // The command reads the profile by itself.
    let variables = run(&project(), "sso");
    assert!(!variables.contains("AWS_ACCESS_KEY_ID"), "{variables}");
    let variables = run(&Project::new(), "");
    assert!(
        variables.contains("AWS_ACCESS_KEY_ID=local\n"),
        "{variables}"
    );
}

#[test]
fn every_command_that_runs_functions_has_the_options() {
    let project = Project::new();
    for command in ["invoke", "start-api", "start-lambda"] {
        let help = String::from_utf8(project.run(&[command, "--help"]).stdout).unwrap();
        assert!(help.contains("--credentials <CREDENTIALS>"), "{help}");
        assert!(help.contains("--profile <NAME>"), "{help}");
    }
}
