use std::collections::HashSet;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;

use tokio::net::UdpSocket;
use tokio::task::JoinHandle;
use xray_daemon_socket::{dropped_datagrams, enlarge_receive_buffer};
use xray_document::limits::DAEMON_RECEIVE_BUFFER_BYTES;
use xray_document::{Datagram, DatagramError};
use xray_local_store::Store;

/// The size of the socket's receive buffer: enough for a burst of some thousand segments.
const RECEIVE_BUFFER_BYTES: usize = 8 * 1024 * 1024;

/// The most bytes of documents that wait in memory while the store writes. Further datagrams
/// wait in the socket, and the kernel drops those that do not fit there.
const MAX_WAITING_BYTES: usize = 16 * 1024 * 1024;

/// The datagrams and documents that a [`daemon`] received, by their outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DaemonCounts {
    /// Datagrams that the kernel dropped because the socket's buffer was full. Always 0 on
    /// systems other than Linux, which do not report the count.
    pub dropped: u64,
    /// Datagrams that arrived. Empty ones are ignored, as the X-Ray daemon does.
    pub received: u64,
    /// Documents that the store accepted.
    pub stored: u64,
    /// Malformed datagrams, invalid documents, and documents that could not be written.
    pub rejected: u64,
    /// Signals of the wrapper to the layer, which the daemon ignores.
    pub signals: u64,
}

/// Receives documents on `socket` as the X-Ray daemon does, and puts them into `store`:
/// for functions without the layer, and for other programs that use an X-Ray SDK.
///
/// Asks the kernel for a receive buffer of 8 MiB. Documents that wait in the socket are
/// stored together. Rejected and dropped datagrams are counted, and each reason is passed to
/// `log` once, as one line that may quote the datagram. `log` must not block.
///
/// Runs until `shutdown` completes. Datagrams that arrived before that are still stored.
pub async fn daemon(
    socket: UdpSocket,
    store: Arc<Store>,
    log: impl Fn(&str) + Sync,
    shutdown: impl Future<Output = ()>,
) -> DaemonCounts {
    enlarge_receive_buffer(&socket, RECEIVE_BUFFER_BYTES);
    let mut shutdown = pin!(shutdown);
    let mut state = DaemonState::new(&log);
    let mut buffer = vec![0; DAEMON_RECEIVE_BUFFER_BYTES];
    let mut writing: Option<JoinHandle<BatchResult>> = None;
    loop {
        let may_receive = state.waiting_bytes < MAX_WAITING_BYTES;
        tokio::select! {
            () = &mut shutdown => break,
            received = socket.recv(&mut buffer), if may_receive => {
                // An error is an ICMP message about some earlier datagram: nothing is lost.
                if let Ok(bytes) = received {
                    state.receive(&buffer[..bytes]);
                }
                state.receive_all(|buffer| socket.try_recv(buffer), &mut buffer);
            }
            result = finished(&mut writing), if writing.is_some() => {
                writing = None;
                state.count_batch(result);
                state.count_dropped(dropped_datagrams(&socket));
            }
        }
        if writing.is_none() {
            writing = state.write_waiting(&store);
        }
    }
    while let Some(batch) = writing.take().or_else(|| state.write_waiting(&store)) {
        state.count_batch(batch.await.unwrap_or_default());
    }
    state.count_dropped(dropped_datagrams(&socket));
    // tokio may not know yet of the last datagrams, so this reads the socket without it.
    // It reads one batch only: a sender that continues must not delay the shutdown.
    if let Ok(socket) = socket.into_std() {
        state.receive_all(|buffer| socket.recv(buffer), &mut buffer);
    }
    if let Some(batch) = state.write_waiting(&store) {
        state.count_batch(batch.await.unwrap_or_default());
    }
    state.counts
}

async fn finished(writing: &mut Option<JoinHandle<BatchResult>>) -> BatchResult {
    match writing {
        Some(batch) => batch.await.unwrap_or_default(),
        None => std::future::pending().await,
    }
}

/// The counts, and the documents that are not stored yet.
struct DaemonState<'a> {
    counts: DaemonCounts,
    waiting: Vec<String>,
    waiting_bytes: usize,
    logged_reasons: HashSet<String>,
    log: &'a (dyn Fn(&str) + Sync),
}

impl<'a> DaemonState<'a> {
    fn new(log: &'a (dyn Fn(&str) + Sync)) -> Self {
        Self {
            counts: DaemonCounts::default(),
            waiting: Vec::new(),
            waiting_bytes: 0,
            logged_reasons: HashSet::new(),
            log,
        }
    }

    /// Receives the datagrams that wait in the socket. `receive` must not block.
    fn receive_all(&mut self, receive: impl Fn(&mut [u8]) -> io::Result<usize>, buffer: &mut [u8]) {
        while self.waiting_bytes < MAX_WAITING_BYTES {
            let Ok(bytes) = receive(buffer) else { return };
            self.receive(&buffer[..bytes]);
        }
    }

    fn receive(&mut self, datagram: &[u8]) {
        if datagram.is_empty() {
            return;
        }
        self.counts.received += 1;
        match Datagram::parse(datagram) {
            Ok(Datagram::Document(json)) => {
                self.waiting_bytes += json.len();
                self.waiting.push(json.to_owned());
            }
            Ok(Datagram::Done { .. }) => self.counts.signals += 1,
            Err(error) => self.reject(error),
        }
    }

    fn reject(&mut self, error: DatagramError) {
        self.counts.rejected += 1;
        self.log_once(
            format!("{error:?}"),
            &format!("rejected a datagram: {error}"),
        );
    }

    /// Starts to write the waiting documents. Returns `None` if no document waits.
    fn write_waiting(&mut self, store: &Arc<Store>) -> Option<JoinHandle<BatchResult>> {
        if self.waiting.is_empty() {
            return None;
        }
        self.waiting_bytes = 0;
        let documents = std::mem::take(&mut self.waiting);
        let store = Arc::clone(store);
        Some(tokio::task::spawn_blocking(move || {
            write_batch(&store, &documents)
        }))
    }

    fn count_batch(&mut self, batch: BatchResult) {
        self.counts.stored += batch.stored;
        self.counts.rejected += batch.documents - batch.stored;
        for (reason, message) in batch.reasons {
            self.log_once(reason, &message);
        }
    }

    /// `dropped` is the kernel's count since the socket was opened.
    fn count_dropped(&mut self, dropped: Option<u64>) {
        let Some(dropped) = dropped.filter(|&dropped| dropped > self.counts.dropped) else {
            return;
        };
        self.counts.dropped = dropped;
        self.log_once(
            "dropped".to_owned(),
            &format!(
                "the kernel dropped {dropped} datagrams that arrived faster than they were read: raise the sysctl net.core.rmem_max"
            ),
        );
    }

    fn log_once(&mut self, reason: String, message: &str) {
        if self.logged_reasons.insert(reason) {
            (self.log)(&format!("{message} (further ones are counted, not logged)"));
        }
    }
}

/// The number of stored documents of a batch, and the reasons for the rejected ones.
#[derive(Default)]
struct BatchResult {
    documents: u64,
    stored: u64,
    /// Each distinct reason with the message to log.
    reasons: Vec<(String, String)>,
}

fn write_batch(store: &Store, documents: &[String]) -> BatchResult {
    let texts: Vec<&str> = documents.iter().map(String::as_str).collect();
    let mut batch = BatchResult {
        documents: documents.len() as u64,
        ..BatchResult::default()
    };
    let results = match store.put_json(&texts) {
        Ok(results) => results,
        Err(error) => {
            batch
                .reasons
                .push(("disk".to_owned(), format!("{error:#}")));
            return batch;
        }
    };
    for result in results {
        let Err(error) = result else {
            batch.stored += 1;
            continue;
        };
        let reason = format!("{:?}", error.code);
        if !batch.reasons.iter().any(|(known, _)| *known == reason) {
            let message = format!("rejected a document: {error}");
            batch.reasons.push((reason, message));
        }
    }
    batch
}
