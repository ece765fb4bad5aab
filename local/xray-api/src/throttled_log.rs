use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The shortest time between two lines. A full disk fails every request, and a line for
/// each would hide all other output.
const MIN_INTERVAL: Duration = Duration::from_secs(60);

/// A log of the service's own failures that drops lines which follow too soon.
#[derive(Debug)]
pub(crate) struct ThrottledLog {
    last: Mutex<Option<Instant>>,
}

impl ThrottledLog {
    pub(crate) const fn new() -> Self {
        Self {
            last: Mutex::new(None),
        }
    }

    /// Writes a line, unless the last one is less than a minute old.
    pub(crate) fn log(&self, now: Instant, message: &str, to: &mut impl Write) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_none_or(|last| now.duration_since(last) >= MIN_INTERVAL) {
            *last = Some(now);
            // An error cannot be reported: stderr itself is closed.
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
