use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A full disk fails every request, and a line for each would bury everything else.
const EVERY: Duration = Duration::from_secs(60);

/// What goes wrong on the service's own side, for its terminal.
#[derive(Debug)]
pub(crate) struct Complaints {
    last: Mutex<Option<Instant>>,
}

impl Complaints {
    pub(crate) const fn new() -> Self {
        Self {
            last: Mutex::new(None),
        }
    }

    /// Writes a line, unless one was written within the last minute.
    pub(crate) fn say(&self, now: Instant, message: &str, to: &mut impl Write) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_none_or(|last| now.duration_since(last) >= EVERY) {
            *last = Some(now);
            // Nobody is left to be told that the terminal is gone.
            let _ = writeln!(
                to,
                "xray-local: a request failed: {message} (said once a minute at most)"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_stays_full_is_said_once_a_minute() {
        let complaints = Complaints::new();
        let begin = Instant::now();
        let mut said = Vec::new();
        for seconds in [0, 1, 59, 60, 61, 119, 120] {
            let now = begin + Duration::from_secs(seconds);
            complaints.say(now, &format!("full at {seconds}"), &mut said);
        }
        let said = String::from_utf8(said).unwrap();
        let times: Vec<_> = said
            .lines()
            .filter_map(|line| line.split("full at ").nth(1)?.split(' ').next())
            .collect();
        assert_eq!(times, ["0", "60", "120"]);
    }
}
