use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The shortest time between two lines. With a full disk every request fails, and a line for
/// each would hide all other output.
const MIN_INTERVAL: Duration = Duration::from_secs(60);

/// A log of the service's own failures that writes at most one line per minute.
#[derive(Debug)]
pub(crate) struct ThrottledLog {
    last_written: Mutex<Option<Instant>>,
}

impl ThrottledLog {
    pub(crate) const fn new() -> Self {
        Self {
            last_written: Mutex::new(None),
        }
    }

    /// Writes a line, unless the last one is less than a minute older than `now`.
    pub(crate) fn log(&self, now: Instant, message: &str, to: &mut impl Write) {
        let mut last_written = self
            .last_written
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if last_written.is_none_or(|time| now.duration_since(time) >= MIN_INTERVAL) {
            *last_written = Some(now);
            // An error is ignored: a log that fails cannot report it.
            let _ = writeln!(
                to,
                "xray-local: a request failed: {message} (logged once a minute at most)"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_stays_full_is_logged_once_a_minute() {
        let log = ThrottledLog::new();
        let begin = Instant::now();
        let mut written = Vec::new();
        for seconds in [0, 1, 59, 60, 61, 119, 120] {
            let now = begin + Duration::from_secs(seconds);
            log.log(now, &format!("full at {seconds}"), &mut written);
        }
        let written = String::from_utf8(written).unwrap();
        let times: Vec<_> = written
            .lines()
            .filter_map(|line| line.split("full at ").nth(1)?.split(' ').next())
            .collect();
        assert_eq!(times, ["0", "60", "120"]);
    }
}
