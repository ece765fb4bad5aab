use std::pin::pin;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, sleep_until};

use super::client::{Batch, SendError, SubscriberClient};
use super::entry::Entry;
use super::queue::{Dropped, Queue, Step, Taken, backoff};
use super::subscription::{Schema, Subscription};
use crate::platform::category::TelemetryCategory;
use crate::platform::event::PlatformEvent;
use crate::platform::telemetry_record::telemetry_record;

/// The time for a subscriber to acknowledge a batch, without the time in which the environment
/// is frozen. AWS documents no limit.
const ACKNOWLEDGE_TIMEOUT: Duration = Duration::from_secs(5);

/// Attempts to send one batch. After the last one the batch is dropped, and the next batch
/// begins with `platform.logsDropped`.
const MAX_ATTEMPTS: u32 = 6;

/// Delivers events to one subscriber, in order and in batches.
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
        let client = SubscriberClient::new(subscription.destination);
        let task = tokio::spawn(deliver(queue.clone(), client, subscription.schema)).abort_handle();
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

    /// Stops sending. The future ends when no batch is in flight.
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

    /// Sends everything that waits, without waiting for a full batch. The future ends when it
    /// was delivered or dropped.
    pub(super) fn flush(&self) -> impl Future<Output = ()> + Send + use<> {
        self.queue.send_modify(Queue::flush);
        let mut queue = self.queue.subscribe();
        async move {
            let _ = queue.wait_for(Queue::is_empty).await;
        }
    }
}

/// Sends batches when the queue decides.
async fn deliver(queue: watch::Sender<Queue>, mut client: SubscriberClient, schema: Schema) {
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
                let mut taken = Taken::default();
                queue.send_modify(|queue| taken = queue.take());
                send(&queue, &mut client, schema, taken).await;
            }
        }
    }
}

/// Sends one batch, again after each failure.
async fn send(
    queue: &watch::Sender<Queue>,
    client: &mut SubscriberClient,
    schema: Schema,
    taken: Taken,
) {
    let Taken {
        mut events,
        dropped: Dropped { records, bytes },
    } = taken;
    if records > 0 {
        let record = telemetry_record(&PlatformEvent::LogsDropped { records, bytes });
        let event = record.map(|record| Entry::platform(record).render(schema));
        events.splice(..0, event);
    }
    let batch = client.batch(&events);
    for failures in 0..MAX_ATTEMPTS {
        // Before a retry, the environment may have been frozen.
        let mut changes = queue.subscribe();
        if changes.wait_for(|queue| !queue.paused).await.is_err() {
            return;
        }
        if attempt(queue, client, &batch).await.is_ok() {
            queue.send_modify(Queue::delivered);
            return;
        }
        sleep(backoff(failures)).await;
    }
    let bytes = events.iter().map(String::len).sum();
    queue.send_modify(|queue| queue.failed(events.len(), bytes));
}

/// Sends one batch once and waits for its acknowledgement.
async fn attempt(
    queue: &watch::Sender<Queue>,
    client: &mut SubscriberClient,
    batch: &Batch,
) -> Result<(), SendError> {
    let mut pauses = queue.borrow().pauses;
    let mut sending = pin!(client.send(batch));
    loop {
        tokio::select! {
            result = &mut sending => return result,
            () = sleep(ACKNOWLEDGE_TIMEOUT) => {
                let queue = queue.borrow();
                if queue.pauses == pauses && !queue.paused {
                    return Err(SendError::Unacknowledged);
                }
                // A freeze stopped the subscriber, too, so the time begins again.
                pauses = queue.pauses;
            }
        }
    }
}
