use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use super::{Event, ExtensionsApi};
use crate::log::{Log, write_line};

/// The one who decides when `/next` is called, and hears what it answers.
#[derive(Debug)]
pub struct Next {
    calls: UnboundedSender<()>,
    events: UnboundedReceiver<Event>,
}

impl Next {
    /// Calls `/next`: Lambda may freeze the sandbox from here on.
    pub fn call(&self) {
        // The poller outlives this handle, but for a Runtime API that is gone.
        let _ = self.calls.send(());
    }

    /// The event that the call brought; `None` when no more can come.
    pub async fn event(&mut self) -> Option<Event> {
        self.events.recv().await
    }
}

/// Starts the task that owns the connection to the Extensions API. It ends after
/// SHUTDOWN, or when the Runtime API is gone.
///
/// A bug must not end the function: when the holder of [`Next`] has panicked, nobody is
/// left to decide, and the task goes on calling `/next` at once and by itself. The
/// function then runs as if there were no extension.
pub fn poll(api: ExtensionsApi) -> (Next, JoinHandle<()>) {
    let (calls, call_queue) = unbounded_channel();
    let (event_sender, events) = unbounded_channel();
    let task = tokio::spawn(run(api, call_queue, event_sender));
    (Next { calls, events }, task)
}

/// The time before the second try of a `/next` that could not be asked; it doubles.
const FIRST_RETRY_DELAY: Duration = Duration::from_millis(50);
const MAX_RETRY_DELAY: Duration = Duration::from_secs(1);
/// How long the Runtime API may be away. An extension that ends takes its function's
/// environment with it, so it ends only when there is none left to serve.
const MAX_OUTAGE: Duration = Duration::from_secs(30);

async fn run(
    mut api: ExtensionsApi,
    mut calls: UnboundedReceiver<()>,
    events: UnboundedSender<Event>,
) {
    let mut log = Log::default();
    loop {
        // `None`, at once and for ever, when the one who decides is gone.
        calls.recv().await;
        let (mut retry_delay, mut outage) = (FIRST_RETRY_DELAY, Duration::ZERO);
        let event = loop {
            match api.next().await {
                Ok(Some(event)) => break event,
                Ok(None) => log.once("/next answered what is no event; asking again"),
                Err(error) if error.is_final() || outage >= MAX_OUTAGE => {
                    return write_line(format_args!("no more events: {error}"));
                }
                // The time that is slept through, since a freeze is none of it.
                Err(_) => outage += retry_delay,
            }
            tokio::time::sleep(retry_delay).await;
            retry_delay = (2 * retry_delay).min(MAX_RETRY_DELAY);
        };
        let last = matches!(event, Event::Shutdown { .. });
        let _ = events.send(event);
        if last {
            return;
        }
    }
}
