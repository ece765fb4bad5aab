use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::time::timeout;

use super::delivery::Delivery;
use super::entry::Entry;
use super::subscription::Subscription;
use crate::platform::category::TelemetryCategory;
use crate::platform::telemetry_record::TelemetryRecord;

/// The Telemetry API's subscribers in one environment.
#[derive(Debug, Default)]
pub(crate) struct Telemetry {
    inner: Mutex<Inner>,
    /// `AWS_LAMBDA_LOG_FORMAT=JSON`: a line that is a JSON object stays one.
    json_lines: bool,
}

#[derive(Debug, Default)]
struct Inner {
    /// All events so far, until init ends: a new subscriber receives them, too.
    history: Vec<Entry>,
    /// Init has ended.
    closed: bool,
    /// By the names of the extensions.
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

    /// Adds a subscriber, or replaces the one with the same name.
    ///
    /// # Errors
    /// [`SubscriptionClosed`] after the end of init.
    pub(crate) fn subscribe(
        &self,
        name: &str,
        subscription: Subscription,
    ) -> Result<(), SubscriptionClosed> {
        let mut inner = self.lock();
        if inner.closed {
            return Err(SubscriptionClosed);
        }
        inner.subscribers.retain(|(known, _)| known != name);
        let delivery = Delivery::start(subscription);
        inner.history.iter().for_each(|entry| delivery.put(entry));
        inner.subscribers.push((name.to_owned(), delivery));
        Ok(())
    }

    /// Ends the time in which extensions can subscribe.
    pub(crate) fn close(&self) {
        let mut inner = self.lock();
        inner.closed = true;
        inner.history = Vec::new();
    }

    /// Stops sending until [`resume`](Self::resume). Waits up to `limit` for batches in flight.
    pub(crate) async fn pause(&self, limit: Duration) {
        wait_for_all(self.each(Delivery::pause), limit).await;
    }

    /// Continues sending after [`pause`](Self::pause).
    pub(crate) fn resume(&self) {
        self.each(Delivery::resume);
    }

    /// Sends everything that waits, and waits up to `limit` for the delivery.
    pub(crate) async fn flush(&self, limit: Duration) {
        wait_for_all(self.each(Delivery::flush), limit).await;
    }

    fn each<T>(&self, call: impl Fn(&Delivery) -> T) -> Vec<T> {
        let inner = self.lock();
        let subscribers = inner.subscribers.iter();
        subscribers.map(|(_, delivery)| call(delivery)).collect()
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

async fn wait_for_all(deliveries: Vec<impl Future<Output = ()>>, limit: Duration) {
    let all = async {
        for delivery in deliveries {
            delivery.await;
        }
    };
    let _ = timeout(limit, all).await;
}

/// Extensions can subscribe only during init.
#[derive(Debug)]
pub(crate) struct SubscriptionClosed;
