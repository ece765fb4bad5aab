use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;

use super::delivery::Delivery;
use super::entry::Entry;
use super::subscription::Subscription;
use crate::platform::category::TelemetryCategory;
use crate::platform::telemetry_record::TelemetryRecord;

/// The telemetry of one environment.
#[derive(Debug, Default)]
pub(crate) struct Telemetry {
    inner: Mutex<Inner>,
    /// `AWS_LAMBDA_LOG_FORMAT=JSON`: lines that are objects stay objects.
    json_lines: bool,
}

#[derive(Debug, Default)]
struct Inner {
    /// Everything since the environment began, while subscribing is possible:
    /// whoever subscribes gets what came before, too.
    history: Vec<Entry>,
    closed: bool,
    subscribers: Vec<(String, Delivery)>,
}

impl Telemetry {
    pub(in crate::platform) fn new(json_lines: bool) -> Self {
        Self {
            inner: Mutex::default(),
            json_lines,
        }
    }

    pub(in crate::platform) fn record(&self, record: TelemetryRecord) {
        self.put(Entry::platform(record));
    }

    pub(in crate::platform) fn line(&self, category: TelemetryCategory, line: &str) {
        let record = Some(line)
            .filter(|line| self.json_lines && line.starts_with('{'))
            .and_then(|line| serde_json::from_str::<serde_json::Map<_, _>>(line).ok());
        self.put(Entry::line(category, line, record.map(Value::Object)));
    }

    /// Adds a subscriber, or replaces the one of the same name.
    ///
    /// # Errors
    /// When init is over.
    pub(crate) fn subscribe(&self, name: &str, subscription: Subscription) -> Result<(), Closed> {
        let mut inner = self.lock();
        if inner.closed {
            return Err(Closed);
        }
        inner.subscribers.retain(|(known, _)| known != name);
        let delivery = Delivery::start(subscription);
        inner.history.iter().for_each(|entry| delivery.put(entry));
        inner.subscribers.push((name.to_owned(), delivery));
        Ok(())
    }

    /// Init is over: nobody else can subscribe.
    pub(crate) fn close(&self) {
        let mut inner = self.lock();
        inner.closed = true;
        inner.history = Vec::new();
    }

    /// Holds back what is buffered while the environment is frozen, and waits up to
    /// `limit` for a delivery under way.
    pub(crate) async fn pause(&self, limit: Duration) {
        let waits: Vec<_> = self
            .lock()
            .subscribers
            .iter()
            .map(|(_, delivery)| delivery.pause())
            .collect();
        let all = async {
            for wait in waits {
                wait.await;
            }
        };
        let _ = tokio::time::timeout(limit, all).await;
    }

    pub(crate) fn resume(&self) {
        self.lock()
            .subscribers
            .iter()
            .for_each(|(_, delivery)| delivery.resume());
    }

    /// Delivers everything that is buffered, whatever the buffering says, within `limit`.
    pub(crate) async fn flush(&self, limit: Duration) {
        let waits: Vec<_> = self
            .lock()
            .subscribers
            .iter()
            .map(|(_, delivery)| delivery.flush())
            .collect();
        let all = async {
            for wait in waits {
                wait.await;
            }
        };
        let _ = tokio::time::timeout(limit, all).await;
    }

    fn put(&self, entry: Entry) {
        let mut inner = self.lock();
        inner
            .subscribers
            .iter()
            .for_each(|(_, delivery)| delivery.put(&entry));
        if !inner.closed {
            inner.history.push(entry);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Subscribing is for init only.
#[derive(Debug)]
pub(crate) struct Closed;
