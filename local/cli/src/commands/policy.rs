use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use serde::Serialize;
use xray_policy::source::Problem;
use xray_policy::{Filter, Mode};

use super::output::{print, print_json};
use crate::arguments::{Policy, PolicyCheck, PolicyCommand};
use crate::message::say;
use crate::policy_effect::Effect;
use crate::trace_store::open_existing_store;
use crate::view::{self, Paint};

/// `xray-local policy check FILE`
pub(crate) fn policy(arguments: &Policy) -> anyhow::Result<ExitCode> {
    let PolicyCommand::Check(check) = &arguments.command;
    let text = std::fs::read_to_string(&check.file)
        .with_context(|| format!("cannot read the policy {}", check.file.display()))?;
    let policy = match xray_policy::Policy::parse(&text) {
        Ok(policy) => policy,
        Err(error) => {
            report_problems(check, error.mode, &error.problems)?;
            return Ok(ExitCode::FAILURE);
        }
    };
    let effect = if check.traces {
        let store = open_existing_store(&arguments.data)?;
        let filter = Filter::new(policy.clone());
        Some(Effect::on(&store, filter, check.since, check.limit)?)
    } else {
        None
    };
    let file = check.file.display();
    match effect {
        effect if check.json => print_json(&Report {
            file: &check.file,
            mode: Some(policy.mode().name()),
            problems: Vec::new(),
            effect,
        })?,
        None => print(&format!(
            "{file} is a valid policy; its mode is {}\n",
            policy.mode().name()
        ))?,
        Some(effect) => print(&view::policy_effect(&effect, Paint::stdout()))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The result of the command as JSON.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Report<'r> {
    file: &'r Path,
    mode: Option<&'static str>,
    problems: Vec<ReportedProblem<'r>>,
    #[serde(flatten)]
    effect: Option<Effect>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ReportedProblem<'r> {
    line: usize,
    column: usize,
    message: &'r str,
}

fn report_problems(
    check: &PolicyCheck,
    mode: Option<Mode>,
    problems: &[Problem],
) -> anyhow::Result<()> {
    if check.json {
        let problems = problems.iter().map(|problem| ReportedProblem {
            line: problem.line,
            column: problem.column,
            message: &problem.message,
        });
        return print_json(&Report {
            file: &check.file,
            mode: mode.map(Mode::name),
            problems: problems.collect(),
            effect: None,
        });
    }
    for problem in problems {
        say(format_args!("{}:{problem}", check.file.display()));
    }
    Ok(())
}
