use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use hyper::body::Bytes;
use serde::Serialize;
use xray_document::Timestamp;

use crate::buffer::Counts;

/// The records of PutTelemetryRecords: what became of documents since the last record. The daemon
/// sends one each minute on a timer; here it goes out beside a batch, because a frozen sandbox
/// has no timers.
#[derive(Debug, Default)]
pub(super) struct TelemetryRecords(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The time of the last record, at first that of the first batch.
    last: Option<SystemTime>,
    /// The counts of the last record.
    reported: Counts,
    errors: BackendConnectionErrors,
}

/// The pause between two records, as of the daemon (aws-xray-daemon 3.6).
const INTERVAL: Duration = Duration::from_secs(60);

/// The reasons why requests failed (X-Ray API Reference, BackendConnectionErrors).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct BackendConnectionErrors {
    timeout_count: u64,
    connection_refused_count: u64,
    #[serde(rename = "HTTPCode4XXCount")]
    http_code_4xx_count: u64,
    #[serde(rename = "HTTPCode5XXCount")]
    http_code_5xx_count: u64,
    unknown_host_count: u64,
    other_count: u64,
}

/// A failure of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RequestError<'a> {
    /// There was no response in time.
    Timeout,
    /// X-Ray responded with this status.
    Status(u16),
    /// There was no response, for this reason.
    Reason(&'a str),
}

impl TelemetryRecords {
    /// Counts a request that failed.
    pub(super) fn count(&self, error: RequestError<'_>) {
        let errors = &mut self.lock().errors;
        let count = match error {
            RequestError::Timeout => &mut errors.timeout_count,
            RequestError::Status(400..=499) => &mut errors.http_code_4xx_count,
            RequestError::Status(500..) => &mut errors.http_code_5xx_count,
            RequestError::Reason(reason) if reason.contains("Connection refused") => {
                &mut errors.connection_refused_count
            }
            // The error of the resolver has no type of its own.
            RequestError::Reason(reason) if reason.contains("dns error") => {
                &mut errors.unknown_host_count
            }
            RequestError::Reason(_) => &mut errors.other_count,
            RequestError::Status(_) => return,
        };
        *count += 1;
    }

    /// Returns the body of a request if the last record is a minute old. The first is due a minute
    /// after the first batch, so that no cold start sends one.
    pub(super) fn due(&self, counts: Counts, now: SystemTime) -> Option<Bytes> {
        let mut state = self.lock();
        let Some(last) = state.last else {
            state.last = Some(now);
            return None;
        };
        // If the clock was put back, the pause begins again.
        let Ok(pause) = now.duration_since(last) else {
            state.last = Some(now);
            return None;
        };
        if pause < INTERVAL {
            return None;
        }
        let reported = std::mem::replace(&mut state.reported, counts);
        let record = Record {
            timestamp: Timestamp::from(now).as_seconds(),
            segments_received_count: counts.received - reported.received,
            segments_sent_count: counts.sent - reported.sent,
            segments_spillover_count: counts.dropped - reported.dropped,
            segments_rejected_count: counts.rejected - reported.rejected,
            backend_connection_errors: std::mem::take(&mut state.errors),
        };
        state.last = Some(now);
        let body = Body {
            telemetry_records: [record],
        };
        serde_json::to_vec(&body).ok().map(Bytes::from)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // A panic can only make counts wrong.
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Body {
    telemetry_records: [Record; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Record {
    timestamp: f64,
    segments_received_count: u64,
    segments_sent_count: u64,
    segments_spillover_count: u64,
    segments_rejected_count: u64,
    backend_connection_errors: BackendConnectionErrors,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const COUNTS: Counts = Counts {
        received: 10,
        sent: 6,
        rejected: 1,
        dropped: 2,
    };

    fn record(records: &TelemetryRecords, counts: Counts, now: SystemTime) -> Option<Value> {
        let body: Value = serde_json::from_slice(&records.due(counts, now)?).unwrap();
        assert_eq!(body.as_object().unwrap().len(), 1);
        Some(body["TelemetryRecords"][0].clone())
    }

    #[test]
    fn a_record_is_due_once_a_minute_and_counts_what_the_last_one_did_not() {
        let records = TelemetryRecords::default();
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_733_337_522);
        let second = Duration::from_secs(1);
        assert_eq!(record(&records, Counts::default(), start), None);
        assert_eq!(record(&records, COUNTS, start + 59 * second), None);
        let first = record(&records, COUNTS, start + 60 * second).unwrap();
        assert_eq!(
            first,
            json!({
                "Timestamp": 1_733_337_582.0,
                "SegmentsReceivedCount": 10,
                "SegmentsSentCount": 6,
                "SegmentsSpilloverCount": 2,
                "SegmentsRejectedCount": 1,
                "BackendConnectionErrors": {
                    "TimeoutCount": 0, "ConnectionRefusedCount": 0, "HTTPCode4XXCount": 0,
                    "HTTPCode5XXCount": 0, "UnknownHostCount": 0, "OtherCount": 0,
                },
            })
        );
        assert_eq!(record(&records, COUNTS, start + 90 * second), None);
        let counts = Counts {
            received: 15,
            sent: 12,
            ..COUNTS
        };
        let second = record(&records, counts, start + 120 * second).unwrap();
        assert_eq!(second["SegmentsReceivedCount"], 5);
        assert_eq!(second["SegmentsSentCount"], 6);
        assert_eq!(second["SegmentsSpilloverCount"], 0);
    }

    #[test]
    fn each_failed_request_has_its_count() {
        let records = TelemetryRecords::default();
        let start = SystemTime::UNIX_EPOCH;
        records.due(Counts::default(), start);
        for error in [
            RequestError::Timeout,
            RequestError::Status(403),
            RequestError::Status(429),
            RequestError::Status(503),
            RequestError::Status(200),
            RequestError::Reason("cannot reach X-Ray: Connection refused (os error 111)"),
            RequestError::Reason("cannot reach X-Ray: client error (Connect): dns error"),
            RequestError::Reason("cannot reach X-Ray: the certificate has expired"),
        ] {
            records.count(error);
        }
        let record = record(&records, Counts::default(), start + INTERVAL).unwrap();
        assert_eq!(
            record["BackendConnectionErrors"],
            json!({
                "TimeoutCount": 1, "ConnectionRefusedCount": 1, "HTTPCode4XXCount": 2,
                "HTTPCode5XXCount": 1, "UnknownHostCount": 1, "OtherCount": 1,
            })
        );
    }

    #[test]
    fn a_clock_that_was_put_back_delays_the_next_record() {
        let records = TelemetryRecords::default();
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(10_000);
        records.due(COUNTS, start);
        let earlier = start - Duration::from_secs(5_000);
        assert_eq!(record(&records, COUNTS, earlier), None);
        assert!(record(&records, COUNTS, earlier + INTERVAL).is_some());
    }
}
