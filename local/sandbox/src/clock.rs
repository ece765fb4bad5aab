//! The formats in which Lambda writes times.

use std::time::Duration;

use xray_document::Timestamp;

/// `2026/01/10`, as the name of a log stream begins.
pub(crate) fn date_path(time: Timestamp) -> String {
    let utc = time.utc();
    format!("{:04}/{:02}/{:02}", utc.year, utc.month, utc.day)
}

/// Milliseconds with the microseconds as decimals, as the Telemetry API writes durations.
pub(crate) fn millis(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}

/// Milliseconds since the epoch, as Lambda writes deadlines.
pub(crate) fn epoch_millis(time: Timestamp) -> i64 {
    time.as_micros().div_euclid(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_stream_begins_with_the_date() {
        let time = Timestamp::from_micros(1_733_337_522_136_904);
        assert_eq!(date_path(time), "2024/12/04");
    }
}
