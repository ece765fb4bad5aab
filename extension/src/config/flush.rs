//! The time at which documents are sent.

use std::time::Duration;

use super::variable::{Variable, Variables};
use crate::flush::Strategy;

pub(super) const FLUSH_STRATEGY: Variable = Variable {
    name: "XRAY_LAMBDA_FLUSH_STRATEGY",
    default: "adaptive",
    description: "The time at which documents are sent. `end`: before the invocation ends, which is billed. `next`: while the next invocation runs. `background:MILLISECONDS`: in this period. `adaptive`: `end`, but in dense traffic beside the invocations, which then wait for nothing",
};

pub(super) const FLUSH_TIMEOUT_MS: Variable = Variable {
    name: "XRAY_LAMBDA_FLUSH_TIMEOUT_MS",
    default: "2000",
    description: "The longest time, in milliseconds, that sending may delay the end of an invocation, within the function's deadline; with `0` nothing is delayed",
};

/// The strategy. A wrong value becomes a warning, and the default is used.
pub(super) fn flush_strategy(get: Variables<'_>, warnings: &mut Vec<String>) -> Strategy {
    let Variable { name, default, .. } = FLUSH_STRATEGY;
    let Some(value) = get(name) else {
        return Strategy::default();
    };
    Strategy::parse(&value).unwrap_or_else(|| {
        warnings.push(format!(
            "{name}: \"{}\" is not a flush strategy; use {}, with 1 to 60000 ms; using {default} instead",
            value.escape_debug(),
            Strategy::FORMS.join(", ")
        ));
        Strategy::default()
    })
}

pub(super) fn flush_timeout(get: Variables<'_>, warnings: &mut Vec<String>) -> Duration {
    Duration::from_millis(FLUSH_TIMEOUT_MS.number(get, warnings) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_strategy_gives_a_warning_and_the_default() {
        let strategy = |value: Option<&str>| {
            let mut warnings = Vec::new();
            let get = |_: &str| value.map(str::to_owned);
            (flush_strategy(&get, &mut warnings), warnings)
        };
        assert_eq!(strategy(None), (Strategy::Adaptive, Vec::new()));
        assert_eq!(strategy(Some("end")), (Strategy::End, Vec::new()));
        assert_eq!(
            strategy(Some(FLUSH_STRATEGY.default)),
            (Strategy::default(), Vec::new())
        );
        let (used, warnings) = strategy(Some("background"));
        assert_eq!(used, Strategy::Adaptive);
        let [warning] = warnings.as_slice() else {
            panic!("{warnings:?}")
        };
        assert!(
            warning.starts_with(FLUSH_STRATEGY.name) && warning.contains("background:MILLISECONDS"),
            "{warning}"
        );
    }
}
