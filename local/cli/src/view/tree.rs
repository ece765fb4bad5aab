use std::fmt::Write;

use xray_document::Timestamp;
use xray_local_store::Trace;

use super::node::{Node, roots};
use super::paint::{Paint, Style};
use super::time::{clock, duration};
use crate::escape::escape;

const BAR_CHARS: usize = 28;
const MAX_NAME_CHARS: usize = 52;
const MAX_DETAIL_CHARS: usize = 44;

/// A trace as a tree. Each line has the name, the kind, the duration, a bar that shows the
/// time within the trace, marks and annotations. Each colour has a mark in words too.
pub(crate) fn tree(trace: &Trace, paint: Paint) -> String {
    let roots = roots(trace);
    let mut rows = Vec::new();
    for root in &roots {
        collect(root, "", "", &mut rows);
    }
    let extents = roots.iter().map(Node::extent);
    let whole = extents.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
    let Some(whole) = whole else {
        return format!("Trace {} has no segments yet.\n", trace.id);
    };

    let name_width = rows
        .iter()
        .map(|row| row.name.chars().count())
        .max()
        .unwrap_or(0);
    let detail_width = rows
        .iter()
        .map(|row| row.detail.chars().count())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "{} {}  {} UTC  {}{}",
        paint.with(Style::Dim, "Trace"),
        paint.with(Style::Bold, &trace.id.to_string()),
        clock(whole.0),
        duration(whole.1.since(whole.0)),
        if trace.limit_exceeded {
            "  (over X-Ray's size limit: incomplete)"
        } else {
            ""
        },
    );
    for row in &rows {
        let line = row.line(whole, name_width, detail_width, paint);
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

struct Row<'a> {
    /// The branches and the name.
    name: String,
    detail: String,
    node: &'a Node,
}

fn collect<'a>(node: &'a Node, branch: &str, beneath: &str, rows: &mut Vec<Row<'a>>) {
    let name = format!("{branch}{}", node.name);
    rows.push(Row {
        name: shorten(&name, MAX_NAME_CHARS),
        detail: shorten(&node.detail, MAX_DETAIL_CHARS),
        node,
    });
    for (index, child) in node.children.iter().enumerate() {
        let (corner, rail) = if index + 1 == node.children.len() {
            ("└─ ", "   ")
        } else {
            ("├─ ", "│  ")
        };
        collect(
            child,
            &format!("{beneath}{corner}"),
            &format!("{beneath}{rail}"),
            rows,
        );
    }
}

impl Row<'_> {
    fn line(
        &self,
        whole: (Timestamp, Timestamp),
        name: usize,
        detail: usize,
        paint: Paint,
    ) -> String {
        let node = self.node;
        let time = node
            .end
            .map_or_else(|| "…".to_owned(), |end| duration(end.since(node.start)));
        let style = self.style();
        format!(
            "  {}  {}  {time:>8}  {}  {}",
            pad(&self.name, name),
            paint.with(Style::Dim, &pad(&self.detail, detail)),
            paint.with(style, &bar(node, whole)),
            self.marks(paint).join("  "),
        )
    }

    fn style(&self) -> Style {
        match self.node {
            node if node.fault => Style::Red,
            node if node.throttle => Style::Purple,
            node if node.error => Style::Yellow,
            node if node.is_cold_start() => Style::Cyan,
            _ => Style::Green,
        }
    }

    fn marks(&self, paint: Paint) -> Vec<String> {
        let node = self.node;
        let mut marks = Vec::new();
        if let Some(status) = node.status {
            marks.push(paint.with(self.style(), &status.to_string()));
        }
        let flags = [
            (node.fault, "fault", Style::Red),
            (node.throttle, "throttle", Style::Purple),
            (node.error, "error", Style::Yellow),
            (node.is_cold_start(), "cold start", Style::Cyan),
            (node.end.is_none(), "in progress", Style::Dim),
        ];
        let flags = flags.into_iter().filter(|(set, ..)| *set);
        marks.extend(flags.map(|(_, mark, style)| paint.with(style, mark)));
        marks.extend(node.cause.as_deref().map(|cause| shorten(cause, 60)));
        // Annotations of AWS are measurements. The reader looks for the user's own.
        let annotations = node
            .annotations
            .iter()
            .filter(|(key, _)| !key.starts_with("aws:"));
        marks.extend(
            annotations.map(|(key, value)| {
                paint.dim(&shorten(&format!("{key}={value}"), MAX_DETAIL_CHARS))
            }),
        );
        marks
    }
}

/// A bar at the node's time within the trace, at least one character wide.
fn bar(node: &Node, (start, end): (Timestamp, Timestamp)) -> String {
    let total = end.since(start).as_secs_f64().max(1e-6);
    let column = |time: Timestamp| {
        let share = time.since(start).as_secs_f64() / total;
        ((share * BAR_CHARS as f64).round() as usize).min(BAR_CHARS)
    };
    let from = column(node.start).min(BAR_CHARS - 1);
    let to = column(node.end.unwrap_or(end)).max(from + 1);
    format!(
        "|{}{}{}|",
        " ".repeat(from),
        "█".repeat(to - from),
        " ".repeat(BAR_CHARS - to)
    )
}

fn pad(text: &str, width: usize) -> String {
    format!("{text:<width$}")
}

fn shorten(text: &str, width: usize) -> String {
    // An error's message may have several lines.
    let text = text.replace(['\n', '\t'], " ");
    let text = escape(&text, &[]);
    if text.chars().count() <= width {
        return text.into_owned();
    }
    text.chars()
        .take(width - 1)
        .chain(std::iter::once('…'))
        .collect()
}

#[cfg(test)]
mod tests {
    use xray_document::{Document, Segment, Subsegment, TraceId};
    use xray_local_store::TraceSegment;

    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_micros(1_733_337_522_000_000 + ms * 1000)
    }

    fn id(digit: u64) -> xray_document::SegmentId {
        xray_document::SegmentId::from_u64(digit)
    }

    fn trace(segments: Vec<Segment>) -> Trace {
        let segment = |segment: Segment| TraceSegment {
            id: segment.id,
            document: Document::Segment(Box::new(segment)),
        };
        Trace {
            id: TraceId::from_u128(0x6750_a1b2 << 96 | 7),
            duration: 0.1,
            limit_exceeded: false,
            segments: segments.into_iter().map(segment).collect(),
        }
    }

    fn segment(name: &str, digit: u64, parent: Option<u64>, from: i64, to: i64) -> Segment {
        let mut segment = Segment::new(name, TraceId::from_u128(7), id(digit), at(from));
        segment.parent_id = parent.map(id);
        segment.end_time = Some(at(to));
        segment
    }

    fn call(name: &str, digit: u64, from: i64, to: i64) -> Subsegment {
        let mut subsegment = Subsegment::new(name, id(digit), at(from));
        subsegment.end_time = Some(at(to));
        subsegment
    }

    #[test]
    fn a_called_segment_is_under_its_call_and_the_bar_shows_its_time() {
        let mut caller = segment("web", 1, None, 0, 100);
        caller.subsegments.push(call("orders", 2, 50, 100));
        let mut callee = segment("orders", 3, Some(2), 75, 100);
        callee.fault = true;
        let shown = tree(&trace(vec![callee, caller]), Paint::plain());
        let expected = "\
Trace 1-6750a1b2-000000000000000000000007  2024-12-04 18:38:42 UTC  100 ms
  web               100 ms  |████████████████████████████|
  └─ orders        50.0 ms  |              ██████████████|
     └─ orders     25.0 ms  |                     ███████|  fault
";
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_cycle_of_parents_is_shown_and_ends() {
        let shown = tree(
            &trace(vec![
                segment("a", 1, Some(2), 0, 1),
                segment("b", 2, Some(1), 0, 1),
            ]),
            Paint::plain(),
        );
        assert!(shown.contains("  b ") && shown.contains("└─ a"), "{shown}");
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        let mut evil = segment("a\u{1b}[31mb", 1, None, 0, 1);
        evil.annotations
            .insert("k".to_owned(), "\u{1b}[2Jevil\nline".into());
        let shown = tree(&trace(vec![evil]), Paint::plain());
        assert!(
            !shown.contains('\u{1b}') && shown.lines().count() == 2,
            "{shown}"
        );
    }
}
