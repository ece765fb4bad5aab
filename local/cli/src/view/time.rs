use std::time::Duration;

use xray_document::Timestamp;

/// A duration with three significant digits: `41.2 ms`, `1.20 s`.
pub(super) fn duration(duration: Duration) -> String {
    let ms = duration.as_secs_f64() * 1e3;
    match ms {
        ..10.0 => format!("{ms:.2} ms"),
        ..100.0 => format!("{ms:.1} ms"),
        ..1000.0 => format!("{ms:.0} ms"),
        _ => format!("{:.2} s", ms / 1e3),
    }
}

/// A time in UTC, which is also the X-Ray console's default. Local time would need a time
/// zone database.
pub(super) fn clock(time: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(time.as_micros()).map_or_else(
        |_| "?".to_owned(),
        |time| time.strftime("%Y-%m-%d %H:%M:%S").to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_keep_three_digits() {
        let shown = [90, 1_500, 41_240, 812_400, 1_204_000]
            .map(|micros| duration(Duration::from_micros(micros)));
        assert_eq!(shown, ["0.09 ms", "1.50 ms", "41.2 ms", "812 ms", "1.20 s"]);
    }
}
