use std::sync::Mutex;
use std::time::Duration;

/// X-Ray's time to respond. A slow X-Ray is no reason to send documents twice.
#[derive(Debug, Default)]
pub(super) struct Latency(Mutex<Option<Duration>>);

impl Latency {
    /// The time of recent responses; `None` before the first one.
    pub(super) fn recent(&self) -> Option<Duration> {
        *self.lock()
    }

    /// Remembers the time of a response. A shorter one counts half.
    pub(super) fn learn(&self, latency: Duration) {
        let mut recent = self.lock();
        *recent = Some(latency.max(recent.unwrap_or_default() / 2));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Duration>> {
        // A panic cannot leave the value inconsistent.
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_response_is_remembered_for_some_responses() {
        let ms = Duration::from_millis;
        let latency = Latency::default();
        assert_eq!(latency.recent(), None);
        let recent: Vec<_> = [20, 2_500, 20, 20, 20]
            .into_iter()
            .map(|milliseconds| {
                latency.learn(ms(milliseconds));
                latency.recent().unwrap()
            })
            .collect();
        assert_eq!(
            recent,
            [
                ms(20),
                ms(2_500),
                ms(1_250),
                ms(625),
                Duration::from_micros(312_500)
            ]
        );
    }
}
