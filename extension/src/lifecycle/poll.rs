use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use super::{Event, ExtensionsApi};
use crate::log::say;

/// The one who decides when `/next` is called, and hears what it answers.
#[derive(Debug)]
pub struct Next {
    ask: UnboundedSender<()>,
    events: UnboundedReceiver<Event>,
}

impl Next {
    /// Calls `/next`: Lambda may freeze the sandbox from here on.
    pub fn call(&self) {
        // The poller outlives this handle, but for a Runtime API that is gone.
        let _ = self.ask.send(());
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
    let (ask, asked) = unbounded_channel();
    let (events, heard) = unbounded_channel();
    let task = tokio::spawn(run(api, asked, events));
    (Next { ask, events: heard }, task)
}

/// The time between two tries of a `/next` that could not be asked.
const RETRY_PAUSE: Duration = Duration::from_millis(50);
/// Tries after which the Runtime API counts as gone.
const TRIES: u32 = 3;

async fn run(
    mut api: ExtensionsApi,
    mut asked: UnboundedReceiver<()>,
    events: UnboundedSender<Event>,
) {
    let mut failed = 0;
    loop {
        // `None`, at once and for ever, when the one who decides is gone.
        asked.recv().await;
        let event = loop {
            match api.next().await {
                Ok(Some(event)) => break event,
                Ok(None) => say("/next answered what is no event; asking again"),
                Err(error) => {
                    failed += 1;
                    if error.is_final() || failed == TRIES {
                        return say(format_args!("no more events: {error}"));
                    }
                }
            }
            tokio::time::sleep(RETRY_PAUSE).await;
        };
        failed = 0;
        let last = matches!(event, Event::Shutdown { .. });
        let _ = events.send(event);
        if last {
            return;
        }
    }
}
