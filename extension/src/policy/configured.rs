use xray_policy::{Applied, Filter, Mode};

use super::Policy;
use crate::Log;
use crate::config::POLICY;
use crate::raw_document::RawDocument;
use crate::settings_file;

/// The policy of `XRAY_LAMBDA_POLICY`. It is read when the first document arrives, which is
/// after the first call of `/next`.
#[derive(Debug)]
pub struct ConfiguredPolicy {
    state: State,
}

#[derive(Debug)]
enum State {
    /// The value of the variable.
    Unread(String),
    Ready(Box<Filter>),
    /// The policy is wrong, but its mode is `audit`: it would change nothing.
    WrongAudit,
    /// The policy is wrong. What it should have stopped is unknown, so nothing leaves.
    Wrong,
}

impl ConfiguredPolicy {
    /// `value` is a policy in JSON, or the path of its file.
    pub fn new(value: String) -> Self {
        Self {
            state: State::Unread(value),
        }
    }
}

impl Policy for ConfiguredPolicy {
    fn apply(&mut self, document: RawDocument, log: &mut Log) -> Option<RawDocument> {
        if let State::Unread(value) = &self.state {
            self.state = read(value, log);
        }
        match &mut self.state {
            State::Ready(filter) => match filter.apply(document.trace_id, &document.json) {
                Applied::Unchanged => Some(document),
                Applied::Changed(json) => Some(RawDocument {
                    json: json.into(),
                    ..document
                }),
                Applied::Rejected => None,
            },
            State::WrongAudit => Some(document),
            State::Unread(_) | State::Wrong => None,
        }
    }

    fn summary(&self) -> Option<String> {
        match &self.state {
            State::Ready(filter) if filter.has_findings() => Some(filter.to_string()),
            _ => None,
        }
    }
}

fn read(value: &str, log: &mut Log) -> State {
    const NEXT_STEP: &str = "check it with `xray-local policy check`";
    let settings = match settings_file::read(POLICY.name, value) {
        Ok(settings) => settings,
        Err(error) => {
            log.once(format_args!("{error}; nothing is sent until it is right"));
            return State::Wrong;
        }
    };
    let error = match xray_policy::Policy::parse(&settings.text) {
        Ok(policy) => return State::Ready(Box::new(Filter::new(policy))),
        Err(error) => error,
    };
    let place = settings.place.escape_debug();
    let more = match error.problems.len() {
        0 | 1 => String::new(),
        problems => format!(" (and {} more)", problems - 1),
    };
    let problem = error.problems.first().map(ToString::to_string);
    let problem = problem.unwrap_or_default();
    match error.mode {
        Some(Mode::Audit) => {
            log.once(format_args!(
                "{place}:{problem}{more}; the policy is not applied, and its mode is audit, so documents are sent unchanged; {NEXT_STEP}"
            ));
            State::WrongAudit
        }
        Some(Mode::Enforce) | None => {
            log.once(format_args!(
                "{place}:{problem}{more}; nothing is sent until it is right; {NEXT_STEP}"
            ));
            State::Wrong
        }
    }
}

#[cfg(test)]
mod tests {
    use xray_document::SegmentId;

    use super::*;

    fn apply(policy: &mut ConfiguredPolicy, json: &str) -> Option<String> {
        let document = RawDocument::new(None, SegmentId::from_u64(1), false, json);
        let applied = policy.apply(document, &mut Log::default());
        applied.map(|document| document.json.to_string())
    }

    const DOCUMENT: &str = r#"{"name":"n","user":"u"}"#;

    #[test]
    fn a_policy_in_the_variable_or_in_a_file_is_applied() {
        let policy = r#"{"mode":"enforce","forbidden":["user"]}"#;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("xray-policy.json");
        std::fs::write(&path, policy).unwrap();
        for value in [policy.to_owned(), path.to_str().unwrap().to_owned()] {
            let mut policy = ConfiguredPolicy::new(value);
            assert_eq!(policy.summary(), None);
            assert_eq!(
                apply(&mut policy, DOCUMENT).as_deref(),
                Some(r#"{"name":"n"}"#)
            );
            assert_eq!(
                policy.summary().unwrap(),
                "policy (enforce): 1 of 1 documents changed: forbidden user 1"
            );
        }
    }

    #[test]
    fn with_a_wrong_policy_nothing_leaves_unless_its_mode_is_audit() {
        for (value, leaves) in [
            ("/nonexistent/policy.json", false),
            ("{", false),
            ("{}", false),
            (r#"{"mode":"enforce","forbiden":["user"]}"#, false),
            (r#"{"mode":"audit","forbiden":["user"]}"#, true),
        ] {
            let mut policy = ConfiguredPolicy::new(value.to_owned());
            let expected = leaves.then_some(DOCUMENT);
            assert_eq!(apply(&mut policy, DOCUMENT).as_deref(), expected, "{value}");
            assert_eq!(policy.summary(), None);
        }
    }
}
