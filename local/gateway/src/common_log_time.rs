use xray_document::{Timestamp, UtcTime};

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// A time in the Common Log Format, as in `requestTime`: `09/Apr/2015:12:34:56 +0000`.
pub(crate) fn common_log_time(time: Timestamp) -> String {
    let UtcTime {
        year,
        month,
        day,
        hour,
        minute,
        second,
        ..
    } = time.utc();
    let month = MONTHS[usize::from(month - 1)];
    format!("{day:02}/{month}/{year:04}:{hour:02}:{minute:02}:{second:02} +0000")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leap_days_year_ends_and_centuries_are_right() {
        for (seconds, text) in [
            (0, "01/Jan/1970:00:00:00 +0000"),
            (951_782_399, "28/Feb/2000:23:59:59 +0000"),
            (951_782_400, "29/Feb/2000:00:00:00 +0000"),
            (1_428_582_896, "09/Apr/2015:12:34:56 +0000"),
            (1_767_225_599, "31/Dec/2025:23:59:59 +0000"),
            (4_107_542_400, "01/Mar/2100:00:00:00 +0000"),
            (-1, "31/Dec/1969:23:59:59 +0000"),
        ] {
            assert_eq!(
                common_log_time(Timestamp::from_micros(seconds * 1_000_000)),
                text
            );
        }
    }
}
