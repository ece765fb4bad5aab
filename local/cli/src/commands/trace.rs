use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use xray_document::{Timestamp, TraceId};
use xray_local_store::{Store, SummaryQuery, TimeRange};

use super::output::{print, print_json};
use crate::arguments::Trace;
use crate::trace_store::open_existing_store;
use crate::view::{self, Paint};

/// `xray-local trace ID`
pub(crate) fn trace(arguments: &Trace) -> anyhow::Result<ExitCode> {
    let store = open_existing_store(&arguments.data)?;
    let directory = arguments.data.directory()?;
    let id = match &arguments.id {
        Some(id) => id.parse().with_context(|| format!("\"{id}\""))?,
        None => {
            newest(&store)?.with_context(|| format!("no trace in {} yet", directory.display()))?
        }
    };
    let trace = store.traces(&[id])?.pop().with_context(|| {
        format!(
            "no trace {id} in {}; list the existing ones with `xray-local traces`",
            directory.display()
        )
    })?;
    if arguments.json {
        print_json(&xray_local_api::trace_json(&trace))?;
    } else {
        print(&view::tree(&trace, Paint::stdout()))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn newest(store: &Store) -> anyhow::Result<Option<TraceId>> {
    let query = SummaryQuery {
        start: Timestamp::from_micros(0),
        // The clock of the machine that sent a trace may be ahead of ours.
        end: Timestamp::now() + Duration::from_secs(60),
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
