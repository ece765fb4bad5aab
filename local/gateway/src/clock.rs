//! Times as API Gateway writes them.

use xray_document::Timestamp;

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// `requestTime`: the Common Log Format's time, `09/Apr/2015:12:34:56 +0000`.
pub(crate) fn common_log_time(time: Timestamp) -> String {
    let seconds = time.as_micros().div_euclid(1_000_000);
    let (day, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, date) = civil(day);
    let month = MONTHS[month];
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{date:02}/{month}/{year:04}:{hour:02}:{minute:02}:{second:02} +0000")
}

/// Year, month from 0, and day of the month from 1, of a day since 1970-01-01 in the
/// Gregorian calendar. Years are counted from March, so that the leap day ends one, in
/// eras of 400 years (146,097 days), which all look alike.
fn civil(day: i64) -> (i64, usize, i64) {
    let day = day + 719_468;
    let (era, of_era) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let date = of_year - (153 * from_march + 2) / 5 + 1;
    let month = (from_march + 2) % 12;
    let year = era * 400 + year_of_era + i64::from(month < 2);
    // `month` is below 12 by the line that made it.
    (year, month as usize, date)
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
