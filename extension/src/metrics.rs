//! Metrics for CloudWatch on standard output, in its embedded metric format
//! (`XRAY_LAMBDA_METRICS=emf`). CloudWatch Logs reads them from the function's log, so they need no
//! request and no permission.

use std::io::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::buffer::Ledger;

/// Reports what became of documents since the last report, and how long functions were delayed.
#[derive(Debug)]
pub struct Metrics {
    function_name: String,
    /// For each sink, the counts of the last report.
    reported: Vec<Counts>,
    /// The delays since the last report, in milliseconds.
    held: Vec<f64>,
    written: Option<SystemTime>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counts {
    sent: u64,
    dropped: u64,
    rejected: u64,
}

/// The shortest time between two reports: CloudWatch's standard resolution.
const INTERVAL: Duration = Duration::from_secs(60);

/// The most values of one metric (CloudWatch User Guide, embedded metric format specification).
const MAX_VALUES: usize = 100;

const NAMESPACE: &str = "XRayLambda";

impl Metrics {
    /// Metrics with the dimension `FunctionName`.
    pub fn new(function_name: Option<String>) -> Self {
        Self {
            function_name: function_name.unwrap_or_else(|| "unknown".to_owned()),
            reported: Vec::new(),
            held: Vec::new(),
            written: None,
        }
    }

    /// Counts a delay of `/next`, which is billed.
    pub(crate) fn held(&mut self, time: Duration) {
        if self.held.len() < MAX_VALUES {
            self.held.push(time.as_micros() as f64 / 1_000.0);
        }
    }

    /// Writes a report if the last one is a minute old, or at the end. `ledgers` has the name and
    /// the ledger of each sink.
    pub(crate) fn write<'a>(
        &mut self,
        ledgers: impl Iterator<Item = (&'static str, &'a Ledger)>,
        now: SystemTime,
        is_end: bool,
    ) {
        let written = *self.written.get_or_insert(now);
        // After a jump of the clock to the past, the report is due too.
        let is_due = now
            .duration_since(written)
            .map_or(true, |age| age >= INTERVAL);
        if !is_due && !is_end && self.held.len() < MAX_VALUES {
            return;
        }
        self.written = Some(now);
        let lines: String = self
            .report(ledgers, now)
            .iter()
            .fold(String::new(), |lines, report| {
                lines + &report.to_string() + "\n"
            });
        // One call for whole lines. A closed standard output is ignored.
        let _ = std::io::stdout().lock().write_all(lines.as_bytes());
    }

    /// One object for each sink that has something to report. The first also has the delays.
    fn report<'a>(
        &mut self,
        ledgers: impl Iterator<Item = (&'static str, &'a Ledger)>,
        now: SystemTime,
    ) -> Vec<Value> {
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut held = std::mem::take(&mut self.held);
        let mut reports = Vec::new();
        for (index, (sink, ledger)) in ledgers.enumerate() {
            let counts = Counts {
                sent: ledger.sent(),
                dropped: ledger.lost(),
                rejected: ledger.rejected(),
            };
            if self.reported.len() <= index {
                self.reported.push(Counts::default());
            }
            let last = std::mem::replace(&mut self.reported[index], counts);
            if counts == last && held.is_empty() {
                continue;
            }
            let count = |name| json!({"Name": name, "Unit": "Count"});
            let mut directives = vec![json!({
                "Namespace": NAMESPACE,
                "Dimensions": [["FunctionName", "Sink"]],
                "Metrics": [count("DocumentsSent"), count("DocumentsDropped"), count("DocumentsRejected")],
            })];
            let mut report = json!({
                "FunctionName": self.function_name,
                "Sink": sink,
                "DocumentsSent": counts.sent - last.sent,
                "DocumentsDropped": counts.dropped.saturating_sub(last.dropped),
                "DocumentsRejected": counts.rejected - last.rejected,
            });
            if !held.is_empty() {
                directives.push(json!({
                    "Namespace": NAMESPACE,
                    "Dimensions": [["FunctionName"]],
                    "Metrics": [{"Name": "TimeHeld", "Unit": "Milliseconds"}],
                }));
                report["TimeHeld"] = std::mem::take(&mut held).into();
            }
            report["_aws"] =
                json!({"Timestamp": since.as_millis() as u64, "CloudWatchMetrics": directives});
            reports.push(report);
        }
        reports
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(sent: usize, rejected: usize) -> Ledger {
        let mut ledger = Ledger::default();
        (0..sent + rejected).for_each(|_| ledger.receive());
        ledger.send(sent);
        ledger.reject(rejected);
        ledger
    }

    fn report(metrics: &mut Metrics, ledgers: &[(&'static str, Ledger)]) -> Vec<Value> {
        let ledgers = ledgers.iter().map(|(name, ledger)| (*name, ledger));
        metrics.report(
            ledgers,
            UNIX_EPOCH + Duration::from_millis(1_733_337_522_136),
        )
    }

    /// Checks the fields that CloudWatch requires (CloudWatch User Guide, embedded metric format
    /// specification).
    fn assert_is_valid(report: &Value) {
        let aws = &report["_aws"];
        assert!(aws["Timestamp"].is_u64(), "{report}");
        let directives = aws["CloudWatchMetrics"].as_array().unwrap();
        assert!(!directives.is_empty());
        for directive in directives {
            let namespace = directive["Namespace"].as_str().unwrap();
            assert!(!namespace.is_empty() && !namespace.starts_with("AWS/"));
            for set in directive["Dimensions"].as_array().unwrap() {
                let set = set.as_array().unwrap();
                assert!(!set.is_empty() && set.len() <= 30);
                for name in set {
                    let value = report[name.as_str().unwrap()].as_str().unwrap();
                    assert!((1..=1_024).contains(&value.len()));
                }
            }
            for metric in directive["Metrics"].as_array().unwrap() {
                assert!(["Count", "Milliseconds"].contains(&metric["Unit"].as_str().unwrap()));
                match &report[metric["Name"].as_str().unwrap()] {
                    Value::Number(_) => {}
                    Value::Array(values) => {
                        assert!(!values.is_empty() && values.len() <= MAX_VALUES);
                        assert!(values.iter().all(Value::is_number));
                    }
                    value => panic!("{value} is not a value of {metric}"),
                }
            }
        }
    }

    #[test]
    fn a_report_has_the_fields_of_the_embedded_metric_format() {
        let mut metrics = Metrics::new(Some("orders".to_owned()));
        (0..200).for_each(|_| metrics.held(Duration::from_micros(12_500)));
        let reports = report(
            &mut metrics,
            &[("X-Ray", ledger(3, 1)), ("the file", ledger(4, 0))],
        );
        reports.iter().for_each(assert_is_valid);
        assert_eq!(reports[0]["DocumentsSent"], 3);
        assert_eq!(reports[0]["DocumentsRejected"], 1);
        assert_eq!(reports[0]["TimeHeld"][0], 12.5);
        assert_eq!(reports[1]["Sink"], "the file");
        assert!(reports[1].get("TimeHeld").is_none(), "counted once");
    }

    #[test]
    fn a_report_has_what_happened_since_the_last_one() {
        let mut metrics = Metrics::new(None);
        assert_eq!(
            report(&mut metrics, &[("X-Ray", ledger(0, 0))]),
            Vec::<Value>::new()
        );
        assert_eq!(report(&mut metrics, &[("X-Ray", ledger(3, 1))]).len(), 1);
        let reports = report(&mut metrics, &[("X-Ray", ledger(5, 1))]);
        assert_eq!(reports[0]["DocumentsSent"], 2);
        assert_eq!(reports[0]["DocumentsRejected"], 0);
        assert!(report(&mut metrics, &[("X-Ray", ledger(5, 1))]).is_empty());
    }
}
