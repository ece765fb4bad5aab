//! What a tracing policy would do to the traces in the store.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use xray_document::{Document, Timestamp};
use xray_local_store::{Store, SummaryQuery, TimeRange, Trace};
use xray_policy::Filter;

/// What a policy would do to recorded traces.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Effect {
    pub(crate) traces: usize,
    /// The segments of these traces, without inferred ones.
    pub(crate) documents: u64,
    /// Documents that the policy would change.
    pub(crate) affected: u64,
    /// The rules that would apply.
    pub(crate) rules: Vec<RuleEffect>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct RuleEffect {
    pub(crate) rule: String,
    /// Documents, or traces for `annotations.required`.
    pub(crate) count: u64,
    /// Places in the documents, without values.
    pub(crate) examples: Vec<String>,
}

/// The most examples of each rule.
const MAX_EXAMPLES: usize = 3;

impl Effect {
    /// Applies the policy to the newest `limit` traces that are younger than `since`.
    pub(crate) fn on(
        store: &Store,
        mut filter: Filter,
        since: Duration,
        limit: u32,
    ) -> anyhow::Result<Self> {
        let mut traces = 0;
        let mut examples: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for_each_trace(store, since, limit, |trace| {
            traces += 1;
            let inferred = |document: &Document| matches!(document, Document::Segment(segment) if segment.inferred);
            let received = trace.segments.iter();
            for segment in received.filter(|segment| !inferred(&segment.document)) {
                filter.apply_with(Some(trace.id), &segment.json(), |finding| {
                    let places = examples.entry(finding.rule.to_owned()).or_default();
                    let place = format!("{} ({} characters)", finding.path, finding.characters);
                    if places.len() < MAX_EXAMPLES && !places.contains(&place) {
                        places.push(place);
                    }
                });
            }
        })?;
        let mut rules: Vec<RuleEffect> = filter
            .counts()
            .into_iter()
            .map(|found| RuleEffect {
                examples: examples.remove(&found.rule).unwrap_or_default(),
                rule: found.rule,
                count: found.count,
            })
            .collect();
        for rule in &mut rules {
            if rule.rule.starts_with("annotations.required") {
                rule.examples = vec!["traces without it".to_owned()];
            }
        }
        let many = filter.keys_with_many_values().into_iter();
        rules.extend(many.map(|(key, values)| RuleEffect {
            rule: format!("annotations.max_distinct_values {key}"),
            count: u64::from(values),
            examples: vec!["distinct values, about".to_owned()],
        }));
        Ok(Self {
            traces,
            documents: filter.documents(),
            affected: filter.affected(),
            rules,
        })
    }
}

/// Reads the traces page by page, the newest first.
fn for_each_trace(
    store: &Store,
    since: Duration,
    limit: u32,
    mut handle: impl FnMut(&Trace),
) -> anyhow::Result<()> {
    const PAGE: usize = 100;
    let now = Timestamp::now();
    let back = i64::try_from(since.as_micros()).unwrap_or(i64::MAX);
    let mut query = SummaryQuery {
        start: Timestamp::from_micros(now.as_micros().saturating_sub(back)),
        // The clock of the machine that sent a trace may be ahead of ours.
        end: now + Duration::from_secs(60),
        range: TimeRange::Event,
        limit: PAGE,
        after: None,
    };
    let mut left = usize::try_from(limit).unwrap_or(usize::MAX);
    while left > 0 {
        query.limit = PAGE.min(left);
        let page = store.summaries(&query)?;
        let ids: Vec<_> = page.summaries.iter().map(|summary| summary.id).collect();
        store.traces(&ids)?.iter().for_each(&mut handle);
        left -= ids.len().min(left);
        match page.next {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
    Ok(())
}
