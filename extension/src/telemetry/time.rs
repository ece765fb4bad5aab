use xray_document::Timestamp;

/// Reads the platform's times, `2026-01-10T09:00:00.120Z`: UTC, with any number of
/// decimals. `None` for every other form.
pub fn timestamp(text: &str) -> Option<Timestamp> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let mut date = date.splitn(3, '-').map(digits);
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let mut time = time.splitn(3, ':').map(digits);
    let (hour, minute, second) = (time.next()??, time.next()??, time.next()??);
    let in_range = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    if !in_range {
        return None;
    }
    let micros: String = fraction.chars().chain("000000".chars()).take(6).collect();
    let seconds = ((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    Some(Timestamp::from_micros(
        seconds * 1_000_000 + digits(&micros)?,
    ))
}

/// Days from 1970-01-01, by counting years from March so that a leap day is a year's last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days_before_month = (153 * month + 2) / 5;
    365 * year + year / 4 - year / 100 + year / 400 + days_before_month + day - 719_469
}

fn digits(text: &str) -> Option<i64> {
    let plain = !text.is_empty() && text.len() <= 6 && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_times_are_read_to_the_microsecond() {
        for (text, micros) in [
            ("1970-01-01T00:00:00.000Z", 0),
            ("2000-02-29T12:00:00Z", 951_825_600_000_000),
            ("2024-12-04T18:38:42.136204Z", 1_733_337_522_136_204),
            ("2026-11-22T12:07:32.976Z", 1_795_349_252_976_000),
            ("2026-03-01T00:00:00.1234567891Z", 1_772_323_200_123_456),
        ] {
            assert_eq!(
                timestamp(text),
                Some(Timestamp::from_micros(micros)),
                "{text}"
            );
        }
    }

    #[test]
    fn other_forms_are_none() {
        for text in [
            "",
            "now",
            "2026-01-10",
            "2026-01-10T09:00:00",
            "2026-13-10T09:00:00Z",
            "2026-01-10T09:00:00.-1Z",
            "2026-01-10T09:00:00+01:00",
        ] {
            assert_eq!(timestamp(text), None, "{text}");
        }
    }
}
