use std::process::ExitCode;
use std::time::Duration;

use xray_document::Timestamp;
use xray_local_store::{SummaryQuery, TimeRange};

use super::output::{print, print_json};
use crate::arguments::Traces;
use crate::message::say;
use crate::trace_store::open_existing_store;
use crate::view::{self, Paint};

/// `xray-local traces`
pub(crate) fn traces(arguments: &Traces) -> anyhow::Result<ExitCode> {
    let store = open_existing_store(&arguments.data)?;
    let page = store.summaries(&query(arguments))?;
    if arguments.json {
        let summaries: Vec<_> = page
            .summaries
            .iter()
            .map(xray_local_api::summary_json)
            .collect();
        print_json(&summaries)?;
        return Ok(ExitCode::SUCCESS);
    }
    if page.summaries.is_empty() {
        say(format_args!(
            "no traces in {} within the last {}; look further back with --since 7d",
            arguments.data.directory()?.display(),
            readable(arguments.since),
        ));
        return Ok(ExitCode::SUCCESS);
    }
    print(&view::list(&page.summaries, Paint::stdout()))?;
    if page.next.is_some() {
        say(format_args!(
            "more than {} traces; show more with --limit N",
            arguments.limit
        ));
    }
    Ok(ExitCode::SUCCESS)
}

fn query(arguments: &Traces) -> SummaryQuery {
    let now = Timestamp::now();
    let back = i64::try_from(arguments.since.as_micros()).unwrap_or(i64::MAX);
    SummaryQuery {
        start: Timestamp::from_micros(now.as_micros().saturating_sub(back)),
        // The clock of the machine that sent a trace may be ahead of ours.
        end: now + Duration::from_secs(60),
        range: TimeRange::Event,
        limit: usize::try_from(arguments.limit).unwrap_or(usize::MAX),
        after: None,
    }
}

/// `7 d`, `6 h`, `15 min`, `30 s`: the largest unit without a remainder.
fn readable(duration: Duration) -> String {
    match duration.as_secs() {
        seconds if seconds.is_multiple_of(86_400) => format!("{} d", seconds / 86_400),
        seconds if seconds.is_multiple_of(3_600) => format!("{} h", seconds / 3_600),
        seconds if seconds.is_multiple_of(60) => format!("{} min", seconds / 60),
        seconds => format!("{seconds} s"),
    }
}
