use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use super::api::ExtensionsApi;
use super::event::Event;
use crate::log::{Log, write_line};

/// Calls `/next` and receives its events, through the task of [`poll`].
#[derive(Debug)]
pub struct Next {
    calls: UnboundedSender<()>,
    events: UnboundedReceiver<Event>,
}

impl Next {
    /// Calls `/next`. From now on Lambda may freeze the sandbox.
    pub fn call(&self) {
        // This fails only if the task has ended. `event` then returns `None`.
        let _ = self.calls.send(());
    }

    /// Waits for the event of the last call; `None` if no event can arrive any more.
    pub async fn event(&mut self) -> Option<Event> {
        self.events.recv().await
    }
}

/// Starts the task that calls `/next`. It ends after SHUTDOWN, or when the Runtime API is
/// gone.
///
/// A bug in the extension must not stop the function. If the owner of [`Next`] panics, the
/// task calls `/next` by itself and at once, and the function runs as without an extension.
pub fn poll(api: ExtensionsApi) -> (Next, JoinHandle<()>) {
    let (calls, call_queue) = unbounded_channel();
    let (event_sender, events) = unbounded_channel();
    let task = tokio::spawn(run(api, call_queue, event_sender));
    (Next { calls, events }, task)
}

/// The pause after the first failed call of `/next`. It doubles with each further failure.
const FIRST_RETRY_DELAY: Duration = Duration::from_millis(50);
/// The longest pause between two calls.
const MAX_RETRY_DELAY: Duration = Duration::from_secs(1);
/// The time after which the Runtime API counts as gone. If an extension exits, Lambda ends the
/// environment, so it exits only if the environment has ended already.
const MAX_OUTAGE: Duration = Duration::from_secs(30);

async fn run(
    mut api: ExtensionsApi,
    mut calls: UnboundedReceiver<()>,
    events: UnboundedSender<Event>,
) {
    let mut log = Log::default();
    loop {
        // Returns `None` at once if the owner of `Next` is gone.
        calls.recv().await;
        let (mut retry_delay, mut outage) = (FIRST_RETRY_DELAY, Duration::ZERO);
        let event = loop {
            match api.next().await {
                Ok(Some(event)) => break event,
                Ok(None) => log.once("the response of /next is not an event; calling it again"),
                Err(error) if error.is_final() || outage >= MAX_OUTAGE => {
                    return write_line(format_args!("no more events: {error}"));
                }
                // Only the pauses count as outage, because a freeze may happen between them.
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
