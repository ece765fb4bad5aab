use std::time::Duration;

use xray_local_store::TraceSummary;

use super::paint::{Paint, Style};
use super::time::{clock, duration};
use crate::escape::escape;

/// A table of traces, one line each, in the order of `summaries`.
pub(crate) fn list(summaries: &[TraceSummary], paint: Paint) -> String {
    let rows: Vec<[String; 6]> = summaries.iter().map(row).collect();
    let titles = ["TIME (UTC)", "TRACE", "TOOK", "STATUS", "REQUEST", "MARKS"].map(str::to_owned);
    let width = |column: usize| {
        let cells = rows
            .iter()
            .chain([&titles])
            .map(|row| row[column].chars().count());
        cells.max().unwrap_or(0)
    };
    let widths: [usize; 6] = std::array::from_fn(width);
    let line = |row: &[String; 6]| {
        let [time, trace, took, status, request, marks] = row;
        let [w0, w1, w2, w3, w4, _] = widths;
        format!("{time:<w0$}  {trace:<w1$}  {took:>w2$}  {status:<w3$}  {request:<w4$}  {marks}")
            .trim_end()
            .to_owned()
    };
    let mut text = paint.with(Style::Dim, &line(&titles));
    text.push('\n');
    for (row, summary) in rows.iter().zip(summaries) {
        let line = line(row);
        let line = match summary {
            summary if summary.has_fault => paint.with(Style::Red, &line),
            summary if summary.has_throttle => paint.with(Style::Purple, &line),
            summary if summary.has_error => paint.with(Style::Yellow, &line),
            _ => line,
        };
        text.push_str(&line);
        text.push('\n');
    }
    text
}

fn row(summary: &TraceSummary) -> [String; 6] {
    let http = &summary.http;
    let entry = summary.entry_point.as_ref().map(|entry| entry.name.clone());
    let request = match (&http.method, &http.url) {
        (Some(method), Some(url)) => format!("{method} {}", path(url)),
        _ => entry.unwrap_or_default(),
    };
    let marks = [
        (summary.has_fault, "fault"),
        (summary.has_throttle, "throttle"),
        (summary.has_error, "error"),
        (summary.cold_start, "cold start"),
        (summary.is_partial, "in progress"),
    ];
    let marks: Vec<_> = marks
        .into_iter()
        .filter(|(set, _)| *set)
        .map(|(_, mark)| mark)
        .collect();
    [
        clock(summary.start_time),
        summary.id.to_string(),
        duration(Duration::try_from_secs_f64(summary.duration).unwrap_or_default()),
        http.status
            .map(|status| status.to_string())
            .unwrap_or_default(),
        escape(&request, &[]).chars().take(60).collect(),
        marks.join(", "),
    ]
}

/// The part of a URL after scheme and host.
fn path(url: &str) -> &str {
    let after = url.split_once("://").map_or(url, |(_, rest)| rest);
    after.find('/').map_or("/", |slash| &after[slash..])
}
