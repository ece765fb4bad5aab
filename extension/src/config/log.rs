//! What the extension writes about itself.

use super::variable::{Variable, Variables};
use crate::log::{Level, LogSettings};

pub(super) const LOG: Variable = Variable {
    name: "XRAY_LAMBDA_LOG",
    default: "info",
    description: "`warn`: problems only; `info`: also one line at the start, and at the end one for each sink, the policy and the keep rules; `debug`: also each batch. Lines are JSON if the function's log format is JSON",
};

pub(super) const METRICS: Variable = Variable {
    name: "XRAY_LAMBDA_METRICS",
    default: "none",
    description: "`emf` writes documents sent, dropped and rejected and the time held to the log once a minute, in CloudWatch's embedded metric format",
};

/// Reads `XRAY_LAMBDA_LOG`, and the format from Lambda's own variable.
pub(super) fn log_settings(get: Variables<'_>, warnings: &mut Vec<String>) -> LogSettings {
    let level = match choice(LOG, get, &["warn", "info", "debug"], warnings) {
        "warn" => Level::Warn,
        "debug" => Level::Debug,
        _ => Level::Info,
    };
    let format = get("AWS_LAMBDA_LOG_FORMAT");
    LogSettings {
        level,
        json: format.is_some_and(|format| format.eq_ignore_ascii_case("json")),
    }
}

/// Returns whether `XRAY_LAMBDA_METRICS` asks for metrics.
pub(super) fn metrics(get: Variables<'_>, warnings: &mut Vec<String>) -> bool {
    choice(METRICS, get, &["none", "emf"], warnings) == "emf"
}

/// Reads one of `words`. A wrong value becomes a warning, and the default is used.
fn choice(
    variable: Variable,
    get: Variables<'_>,
    words: &[&'static str],
    warnings: &mut Vec<String>,
) -> &'static str {
    let Variable { name, default, .. } = variable;
    let value = get(name);
    let value = value.as_deref().unwrap_or(default).trim();
    let word = words.iter().find(|word| word.eq_ignore_ascii_case(value));
    word.copied().unwrap_or_else(|| {
        warnings.push(format!(
            "{name} is not {}; using {default} instead",
            words.join(" or ")
        ));
        default
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_and_the_format_are_read_and_a_wrong_word_gives_a_warning() {
        let read = |log: &'static str, format: &'static str| {
            let mut warnings = Vec::new();
            let get = move |name: &str| {
                let value = if name == LOG.name { log } else { format };
                Some(value.to_owned())
            };
            (log_settings(&get, &mut warnings), warnings.len())
        };
        let settings = |level, json| LogSettings { level, json };
        assert_eq!(read("debug", "JSON"), (settings(Level::Debug, true), 0));
        assert_eq!(read(" WARN", "Text"), (settings(Level::Warn, false), 0));
        assert_eq!(read("loud", "Text"), (settings(Level::Info, false), 1));
        assert!(metrics(&|_| Some("EMF".to_owned()), &mut Vec::new()));
        assert!(!metrics(&|_| None, &mut Vec::new()));
    }
}
