use std::process::ExitCode;

use xray_document::Timestamp;
use xray_local_store::{SummaryQuery, TimeRange};

use super::print;
use crate::arguments::Traces;
use crate::desk::open_existing;
use crate::view::{self, Paint};

/// `xray-local traces`
pub(crate) fn traces(arguments: &Traces) -> anyhow::Result<ExitCode> {
    let store = open_existing(&arguments.data)?;
    let now = Timestamp::now();
    let back = i64::try_from(arguments.since.as_micros()).unwrap_or(i64::MAX);
    let query = SummaryQuery {
        start: Timestamp::from_micros(now.as_micros().saturating_sub(back)),
        // A clock of another machine may be a little ahead.
        end: now + std::time::Duration::from_secs(60),
        range: TimeRange::Event,
        limit: usize::try_from(arguments.limit).unwrap_or(usize::MAX),
        after: None,
    };
    let page = store.summaries(&query)?;
    if arguments.json {
        let summaries: Vec<_> = page
            .summaries
            .iter()
            .map(xray_local_api::summary_json)
            .collect();
        print(&format!("{}\n", serde_json::to_string_pretty(&summaries)?))?;
        return Ok(ExitCode::SUCCESS);
    }
    if page.summaries.is_empty() {
        eprintln!(
            "no traces in {} within the last {}: --since 7d looks further back",
            arguments.data.directory()?.display(),
            humane(arguments.since),
        );
        return Ok(ExitCode::SUCCESS);
    }
    print(&view::list(&page.summaries, Paint::stdout()))?;
    if page.next.is_some() {
        eprintln!("more than {}: --limit N shows more", arguments.limit);
    }
    Ok(ExitCode::SUCCESS)
}

fn humane(duration: std::time::Duration) -> String {
    match duration.as_secs() {
        seconds if seconds.is_multiple_of(86_400) => format!("{} d", seconds / 86_400),
        seconds if seconds.is_multiple_of(3_600) => format!("{} h", seconds / 3_600),
        seconds if seconds.is_multiple_of(60) => format!("{} min", seconds / 60),
        seconds => format!("{seconds} s"),
    }
}
