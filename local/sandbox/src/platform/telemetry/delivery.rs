use std::pin::pin;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, sleep_until};

use super::client::{PostError, SubscriberClient};
use super::entry::Entry;
use super::queue::{Queue, Step, backoff};
use super::subscription::{Schema, Subscription};
use crate::platform::category::TelemetryCategory;
use crate::platform::event::PlatformEvent;
use crate::platform::telemetry_record::telemetry_record;

/// How long a subscriber may take to acknowledge a batch. The guide names no limit;
/// time frozen does not count.
const ACKNOWLEDGE: Duration = Duration::from_secs(5);

/// Tries of one batch before it is dropped and `platform.logsDropped` says so.
const ATTEMPTS: u32 = 6;

/// What one subscriber gets, in order, in batches.
#[derive(Debug)]
pub(super) struct Delivery {
    schema: Schema,
    types: Vec<TelemetryCategory>,
    queue: watch::Sender<Queue>,
    task: AbortHandle,
}

impl Drop for Delivery {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Delivery {
    pub(super) fn start(subscription: Subscription) -> Self {
        let (queue, _) = watch::channel(Queue::new(subscription.buffering));
        let listener = SubscriberClient::new(subscription.destination);
        let task =
            tokio::spawn(deliver(queue.clone(), listener, subscription.schema)).abort_handle();
        Self {
            schema: subscription.schema,
            types: subscription.types,
            queue,
            task,
        }
    }

    pub(super) fn put(&self, entry: &Entry) {
        if self.types.contains(&entry.category) {
            let event = entry.render(self.schema);
            self.queue
                .send_modify(|queue| queue.put(event, Instant::now()));
        }
    }

    /// Holds everything back; the future ends when no delivery is under way.
    pub(super) fn pause(&self) -> impl Future<Output = ()> + Send + use<> {
        self.queue.send_modify(Queue::pause);
        let mut queue = self.queue.subscribe();
        async move {
            let _ = queue.wait_for(|queue| !queue.in_flight).await;
        }
    }

    pub(super) fn resume(&self) {
        self.queue.send_modify(Queue::resume);
    }

    /// Delivers everything at once; the future ends when it is delivered.
    pub(super) fn flush(&self) -> impl Future<Output = ()> + Send + use<> {
        self.queue.send_modify(Queue::flush);
        let mut queue = self.queue.subscribe();
        async move {
            let _ = queue.wait_for(Queue::is_empty).await;
        }
    }
}

async fn deliver(queue: watch::Sender<Queue>, mut listener: SubscriberClient, schema: Schema) {
    let mut changes = queue.subscribe();
    loop {
        let step = changes.borrow_and_update().step(Instant::now());
        match step {
            Step::Wait => {
                if changes.changed().await.is_err() {
                    return;
                }
            }
            Step::WaitUntil(due) => tokio::select! {
                () = sleep_until(due) => {}
                changed = changes.changed() => if changed.is_err() { return },
            },
            Step::Send => {
                let mut batch = (Vec::new(), (0, 0));
                queue.send_modify(|queue| batch = queue.take());
                send(&queue, &mut listener, schema, batch).await;
            }
        }
    }
}

async fn send(
    queue: &watch::Sender<Queue>,
    listener: &mut SubscriberClient,
    schema: Schema,
    (mut events, (records, bytes)): (Vec<String>, (usize, usize)),
) {
    if records > 0 {
        let dropped = telemetry_record(&PlatformEvent::LogsDropped { records, bytes });
        let dropped = dropped.map(|record| Entry::platform(record).render(schema));
        events.splice(..0, dropped);
    }
    let batch = listener.batch(&events);
    for failures in 0..ATTEMPTS {
        // A retry may fall into a freeze.
        let mut changes = queue.subscribe();
        if changes.wait_for(|queue| !queue.paused).await.is_err() {
            return;
        }
        if attempt(queue, listener, &batch).await.is_ok() {
            queue.send_modify(Queue::delivered);
            return;
        }
        sleep(backoff(failures)).await;
    }
    let bytes = events.iter().map(String::len).sum();
    queue.send_modify(|queue| queue.lost(events.len(), bytes));
}

async fn attempt(
    queue: &watch::Sender<Queue>,
    listener: &mut SubscriberClient,
    batch: &super::client::Batch,
) -> Result<(), PostError> {
    let mut pauses = queue.borrow().pauses;
    let mut post = pin!(listener.post(batch));
    loop {
        tokio::select! {
            result = &mut post => return result,
            () = sleep(ACKNOWLEDGE) => {
                let (now, paused) = { let queue = queue.borrow(); (queue.pauses, queue.paused) };
                if now == pauses && !paused {
                    return Err(PostError::Unacknowledged);
                }
                pauses = now;
            }
        }
    }
}
