//! Keep rules, in the words of X-Ray's sampling rules (X-Ray API reference, `SamplingRule`).

use std::time::Duration;

use xray_document::{Timestamp, TraceId};
use xray_policy::matches_wildcard;
use xray_policy::source::{Fields, Node, Problem, Problems, Value};

use super::facts::Facts;
use super::quantile::Quantile;
use crate::telemetry::{InvocationOutcome, Reservoir};

/// The rules of `XRAY_LAMBDA_KEEP`, and what they need to remember.
#[derive(Debug)]
pub(super) struct Rules {
    errors: bool,
    slower_than: SlowerThan,
    cold_starts: bool,
    /// True if the rules also apply to traces that the caller or Lambda has sampled.
    pub(super) apply_to_sampled: bool,
    rules: Vec<Rule>,
    default: Share,
    durations: Quantile,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum SlowerThan {
    Duration(Duration),
    /// This percentile of the function's own durations so far.
    Percentile(u32),
}

/// A share of the traces that match.
#[derive(Debug)]
struct Rule {
    priority: u32,
    criteria: Vec<(Criterion, String)>,
    /// Annotations: a key, and a pattern of its value.
    attributes: Vec<(String, String)>,
    share: Share,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Criterion {
    ServiceName,
    Host,
    HttpMethod,
    UrlPath,
}

const CRITERIA: [(&str, Criterion); 4] = [
    ("service_name", Criterion::ServiceName),
    ("host", Criterion::Host),
    ("http_method", Criterion::HttpMethod),
    ("url_path", Criterion::UrlPath),
];

/// Traces that are kept: the first ones of each second, and a share of the others.
#[derive(Debug)]
struct Share {
    reservoir_size: usize,
    fixed_rate: f64,
    reservoir: Reservoir,
}

/// The reason for a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    Error,
    Slow,
    ColdStart,
    Reservoir,
    FixedRate,
    /// No rule keeps the trace.
    Unwanted,
}

impl Reason {
    pub(super) const ALL: [(Self, &'static str); 5] = [
        (Self::Error, "errors"),
        (Self::Slow, "slow"),
        (Self::ColdStart, "cold starts"),
        (Self::Reservoir, "by reservoir"),
        (Self::FixedRate, "by rate"),
    ];

    /// Returns whether the trace is kept.
    pub(super) fn keeps(self) -> bool {
        self != Self::Unwanted
    }
}

/// The default of `slower_than`.
const DEFAULT_PERCENTILE: u32 = 99;

/// Default of X-Ray's own rule (X-Ray Developer Guide, "Configuring sampling rules").
const DEFAULT_FIXED_RATE: f64 = 0.05;
const DEFAULT_RESERVOIR_SIZE: usize = 1;

/// The longest invocation, in milliseconds.
const MAX_MS: f64 = 900_000.0;

impl Rules {
    /// Reads rules in JSON. `docs/policy.md` describes them.
    pub(super) fn parse(text: &str) -> Result<Self, Vec<Problem>> {
        let node = Node::parse(text).map_err(|problem| vec![problem])?;
        let mut problems = Problems::new(text);
        let known = [
            "apply_to_sampled",
            "cold_starts",
            "description",
            "errors",
            "fixed_rate",
            "reservoir_size",
            "rules",
            "slower_than",
        ];
        let fields = Fields::check(&node, "the rule set", &known, &mut problems);
        fields.string("description", &mut problems);
        let mut rules: Vec<Rule> = fields
            .elements("rules", &mut problems)
            .iter()
            .enumerate()
            .map(|(index, node)| rule(node, index, &mut problems))
            .collect();
        rules.sort_by_key(|rule| rule.priority);
        let rules = Self {
            errors: fields.boolean("errors", true, &mut problems),
            slower_than: slower_than(&fields, &mut problems),
            cold_starts: fields.boolean("cold_starts", true, &mut problems),
            apply_to_sampled: fields.boolean("apply_to_sampled", false, &mut problems),
            rules,
            default: share(
                &fields,
                DEFAULT_FIXED_RATE,
                DEFAULT_RESERVOIR_SIZE,
                &mut problems,
            ),
            durations: Quantile::default(),
        };
        if problems.is_empty() {
            Ok(rules)
        } else {
            Err(problems.into_sorted())
        }
    }

    /// Decides about the trace of an invocation.
    pub(super) fn decide(
        &mut self,
        outcome: &InvocationOutcome,
        facts: &Facts,
        now: Timestamp,
    ) -> Reason {
        let slow = outcome
            .duration
            .is_some_and(|duration| self.is_slow(duration));
        if self.errors && (outcome.fault || facts.has_error) {
            return Reason::Error;
        }
        if slow {
            return Reason::Slow;
        }
        if self.cold_starts && outcome.cold_start {
            return Reason::ColdStart;
        }
        let rule = self.rules.iter_mut().find(|rule| rule.matches(facts));
        let share = rule.map_or(&mut self.default, |rule| &mut rule.share);
        share.decide(outcome.trace_id, now)
    }

    /// Learns the duration of an invocation whose trace is decided without these rules.
    pub(super) fn learn(&mut self, outcome: &InvocationOutcome) {
        if let Some(duration) = outcome.duration {
            self.is_slow(duration);
        }
    }

    fn is_slow(&mut self, duration: Duration) -> bool {
        match self.slower_than {
            SlowerThan::Duration(limit) => duration > limit,
            SlowerThan::Percentile(percent) => {
                let is_over = self.durations.is_over(percent, duration);
                self.durations.add(duration);
                is_over
            }
        }
    }
}

impl Rule {
    fn matches(&self, facts: &Facts) -> bool {
        let criteria = self.criteria.iter().all(|(criterion, pattern)| {
            let known = match criterion {
                Criterion::ServiceName => &facts.service_names,
                Criterion::Host => &facts.hosts,
                Criterion::HttpMethod => &facts.http_methods,
                Criterion::UrlPath => &facts.url_paths,
            };
            pattern == "*" || known.iter().any(|known| matches_wildcard(pattern, known))
        });
        let attributes = self.attributes.iter().all(|(key, pattern)| {
            let mut annotations = facts.annotations.iter();
            annotations.any(|(known, value)| known == key && matches_wildcard(pattern, value))
        });
        criteria && attributes
    }
}

impl Share {
    fn decide(&mut self, trace: TraceId, now: Timestamp) -> Reason {
        if self.reservoir.take(now, self.reservoir_size) {
            Reason::Reservoir
        } else if fraction(trace) < self.fixed_rate {
            Reason::FixedRate
        } else {
            Reason::Unwanted
        }
    }
}

/// A number from 0 to 1 that follows from the trace id, so that every function with the same rate
/// keeps the same traces. The end of an id is random, also of one made from a W3C id.
fn fraction(trace: TraceId) -> f64 {
    const DIGITS: usize = 13;
    let id = trace.to_string();
    let digits = id.get(id.len().saturating_sub(DIGITS)..);
    let number = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
    number.unwrap_or(0) as f64 / (1_u64 << (4 * DIGITS)) as f64
}

fn slower_than(fields: &Fields<'_>, problems: &mut Problems<'_>) -> SlowerThan {
    let default = SlowerThan::Percentile(DEFAULT_PERCENTILE);
    let Some(node) = fields.get("slower_than") else {
        return default;
    };
    match &node.value {
        Value::Number(ms) if (0.0..=MAX_MS).contains(ms) => {
            return SlowerThan::Duration(Duration::from_secs_f64(ms / 1_000.0));
        }
        Value::String(text) => {
            let percent = text
                .strip_prefix('p')
                .and_then(|digits| digits.parse().ok());
            if let Some(percent @ 1..=99) = percent {
                return SlowerThan::Percentile(percent);
            }
        }
        _ => {}
    }
    problems.add(
        node.at,
        "slower_than is not a duration; write milliseconds, such as 500, or a percentile from \"p1\" to \"p99\"",
    );
    default
}

fn share(
    fields: &Fields<'_>,
    fixed_rate: f64,
    reservoir_size: usize,
    problems: &mut Problems<'_>,
) -> Share {
    Share {
        fixed_rate: fields
            .number("fixed_rate", (0.0, 1.0), problems)
            .unwrap_or(fixed_rate),
        reservoir_size: fields
            .whole_number("reservoir_size", (0, 1_000_000), problems)
            .and_then(|size| usize::try_from(size).ok())
            .unwrap_or(reservoir_size),
        reservoir: Reservoir::default(),
    }
}

fn rule(node: &Node, index: usize, problems: &mut Problems<'_>) -> Rule {
    let known = [
        "attributes",
        "fixed_rate",
        "host",
        "http_method",
        "priority",
        "reservoir_size",
        "rule_name",
        "service_name",
        "url_path",
    ];
    let fields = Fields::check(node, "the rule", &known, problems);
    fields.string("rule_name", problems);
    if fields.get("fixed_rate").is_none() {
        problems.add(
            node.at,
            "the rule has no \"fixed_rate\"; add the share of traces to keep, from 0 to 1",
        );
    }
    let criteria = CRITERIA.iter().filter_map(|(name, criterion)| {
        let pattern = fields.string(name, problems)?;
        Some((*criterion, pattern.to_owned()))
    });
    let criteria = criteria.collect();
    // Without priorities, the order of the list counts.
    let priority = fields.whole_number("priority", (1, 9_999), problems);
    Rule {
        priority: priority.unwrap_or(10_000 + u32::try_from(index).unwrap_or(0)),
        criteria,
        attributes: attributes(&fields, problems),
        share: share(&fields, 0.0, 0, problems),
    }
}

fn attributes(fields: &Fields<'_>, problems: &mut Problems<'_>) -> Vec<(String, String)> {
    let Some(node) = fields.get("attributes") else {
        return Vec::new();
    };
    let Value::Object(members) = &node.value else {
        problems.add(
            node.at,
            "attributes is not an object; write {\"tier\": \"gold\"}",
        );
        return Vec::new();
    };
    let mut attributes = Vec::new();
    for member in members {
        match &member.node.value {
            Value::String(pattern) => attributes.push((member.name.clone(), pattern.clone())),
            _ => problems.add(
                member.node.at,
                "the attribute is not a string; write a pattern of its value",
            ),
        }
    }
    attributes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome() -> InvocationOutcome {
        InvocationOutcome {
            trace_id: "1-6750a1b2-00112233445566778899aabb".parse().unwrap(),
            is_sampled: false,
            fault: false,
            duration: Some(Duration::from_millis(10)),
            cold_start: false,
        }
    }

    fn decide(rules: &mut Rules, outcome: &InvocationOutcome) -> Reason {
        rules.decide(outcome, &Facts::default(), Timestamp::now())
    }

    #[test]
    fn errors_slow_ones_and_cold_starts_are_kept_and_others_by_share() {
        let mut rules =
            Rules::parse(r#"{"slower_than": 500, "fixed_rate": 0, "reservoir_size": 0}"#).unwrap();
        let unwanted = outcome();
        for (outcome, reason) in [
            (unwanted, Reason::Unwanted),
            (
                InvocationOutcome {
                    fault: true,
                    ..unwanted
                },
                Reason::Error,
            ),
            (
                InvocationOutcome {
                    duration: Some(Duration::from_millis(501)),
                    ..unwanted
                },
                Reason::Slow,
            ),
            (
                InvocationOutcome {
                    cold_start: true,
                    ..unwanted
                },
                Reason::ColdStart,
            ),
        ] {
            assert_eq!(decide(&mut rules, &outcome), reason);
        }
        let handled = Facts {
            has_error: true,
            ..Facts::default()
        };
        assert_eq!(
            rules.decide(&unwanted, &handled, Timestamp::now()),
            Reason::Error
        );
        let mut off = Rules::parse(
            r#"{"errors": false, "cold_starts": false, "fixed_rate": 0, "reservoir_size": 0}"#,
        )
        .unwrap();
        let failed = InvocationOutcome {
            fault: true,
            cold_start: true,
            ..unwanted
        };
        assert_eq!(decide(&mut off, &failed), Reason::Unwanted);
    }

    #[test]
    fn the_reservoir_keeps_the_first_traces_of_each_second() {
        let mut rules = Rules::parse(r#"{"fixed_rate": 0, "reservoir_size": 2}"#).unwrap();
        let reasons = [0, 100, 200, 999, 1_000, 1_001, 1_002].map(|ms| {
            let now = Timestamp::from_micros(1_733_337_522_000_000 + ms * 1_000);
            rules.decide(&outcome(), &Facts::default(), now).keeps()
        });
        assert_eq!(reasons, [true, true, false, false, true, true, false]);
    }

    #[test]
    fn the_rate_keeps_its_share_of_traces_and_always_the_same_ones() {
        let parse = || Rules::parse(r#"{"fixed_rate": 0.2, "reservoir_size": 0}"#).unwrap();
        let (mut one, mut other) = (parse(), parse());
        let mut kept = 0;
        for _ in 0..10_000 {
            let outcome = InvocationOutcome {
                trace_id: TraceId::random(1_733_337_522),
                ..outcome()
            };
            let reason = decide(&mut one, &outcome);
            assert_eq!(reason, decide(&mut other, &outcome));
            kept += usize::from(reason.keeps());
        }
        assert!((1_700..2_300).contains(&kept), "{kept}");
    }

    #[test]
    fn the_first_rule_that_matches_decides_by_its_share() {
        let mut rules = Rules::parse(
            r#"{"reservoir_size": 0, "fixed_rate": 0, "rules": [
                {"rule_name": "gold", "attributes": {"tier": "g?ld"}, "fixed_rate": 1},
                {"rule_name": "health", "priority": 1, "url_path": "/health*", "http_method": "GET", "fixed_rate": 0}
            ]}"#,
        )
        .unwrap();
        let facts = |path: &str, tier: &str| Facts {
            http_methods: vec!["get".to_owned()],
            url_paths: vec![path.to_owned()],
            annotations: vec![("tier".to_owned(), tier.to_owned())],
            ..Facts::default()
        };
        let now = Timestamp::now();
        for (path, tier, kept) in [
            ("/orders", "gold", true),
            ("/orders", "silver", false),
            ("/healthz", "gold", false),
        ] {
            let reason = rules.decide(&outcome(), &facts(path, tier), now);
            assert_eq!(reason.keeps(), kept, "{path} {tier}");
        }
    }

    #[test]
    fn the_documented_rules_are_right() {
        let docs = include_str!("../../../docs/policy.md");
        let (_, after) = docs.split_once("<!-- keep -->\n```json\n").unwrap();
        let (json, _) = after.split_once("\n```").unwrap();
        let rules = Rules::parse(json).unwrap();
        assert_eq!(rules.rules.len(), 2);
        // The example states the defaults.
        let defaults = Rules::parse("{}").unwrap();
        assert_eq!(
            (
                rules.slower_than,
                rules.default.fixed_rate,
                rules.default.reservoir_size
            ),
            (
                defaults.slower_than,
                defaults.default.fixed_rate,
                defaults.default.reservoir_size
            )
        );
        assert!(defaults.errors && defaults.cold_starts && !defaults.apply_to_sampled);
    }

    #[test]
    fn a_mistake_has_its_place_and_the_next_step() {
        let problems = Rules::parse(
            r#"{"fixed_rat": 1, "slower_than": "p100", "reservoir_size": 0.5,
 "rules": [{"url_path": 1, "attributes": {"a": 1}}]}"#,
        )
        .unwrap_err();
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            problems,
            [
                r#"1:2: the rule set has no setting "fixed_rat"; did you mean "fixed_rate"?"#,
                r#"1:33: slower_than is not a duration; write milliseconds, such as 500, or a percentile from "p1" to "p99""#,
                "1:59: reservoir_size is 0.5; write a whole number from 0 to 1000000",
                r#"2:12: the rule has no "fixed_rate"; add the share of traces to keep, from 0 to 1"#,
                "2:25: url_path is 1; write a string",
                "2:48: the attribute is not a string; write a pattern of its value",
            ]
        );
    }
}
