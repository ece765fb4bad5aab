use std::process::ExitCode;

use anyhow::Context;
use xray_document::{Timestamp, TraceId};
use xray_local_store::{Store, SummaryQuery, TimeRange};

use super::print;
use crate::arguments::Trace;
use crate::desk::open_existing;
use crate::view::{self, Paint};

/// `xray-local trace ID`
pub(crate) fn trace(arguments: &Trace) -> anyhow::Result<ExitCode> {
    let store = open_existing(&arguments.data)?;
    let directory = arguments.data.directory()?;
    let id = match &arguments.id {
        Some(id) => id.parse().with_context(|| format!("\"{id}\""))?,
        None => newest(&store)?
            .with_context(|| format!("there is no trace in {} yet", directory.display()))?,
    };
    let trace = store.traces(&[id])?.pop().with_context(|| {
        format!(
            "there is no trace {id} in {}; `xray-local traces` lists those there are",
            directory.display()
        )
    })?;
    if arguments.json {
        let json = xray_local_api::trace_json(&trace);
        print(&format!("{}\n", serde_json::to_string_pretty(&json)?))?;
    } else {
        print(&view::tree(&trace, Paint::stdout()))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn newest(store: &Store) -> anyhow::Result<Option<TraceId>> {
    let query = SummaryQuery {
        start: Timestamp::from_micros(0),
        end: Timestamp::now() + std::time::Duration::from_secs(60),
        range: TimeRange::Event,
        limit: 1,
        after: None,
    };
    Ok(store
        .summaries(&query)?
        .summaries
        .first()
        .map(|summary| summary.id))
}
