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

/// Bytes that may wait in the socket: a burst of some thousand segments.
const RECEIVE_BUFFER_BYTES: usize = 8 * 1024 * 1024;

/// Bytes of documents that wait while the store writes. Beyond it, datagrams wait in the
/// socket, and the kernel drops what does not fit there.
const MAX_WAITING_BYTES: usize = 16 * 1024 * 1024;

/// What a [`daemon`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DaemonCounts {
    /// Datagrams that the kernel dropped, because the socket's buffer was full; 0 where it
    /// does not say (Linux does).
    pub dropped: u64,
    /// Datagrams that arrived.
    pub received: u64,
    /// Documents that the store took.
    pub stored: u64,
    /// Datagrams and documents that were malformed, or that the store could not keep.
    pub rejected: u64,
    /// The wrapper's signals, which are for the layer: nothing is to be done for them here.
    pub signals: u64,
}

/// The X-Ray daemon's UDP socket in front of the same store: for functions without the
/// layer, and for any program with an X-Ray SDK.
///
/// What is waiting in the socket is put into the store together. What is refused is
/// counted, and said on stderr once for each reason, what the kernel dropped included.
/// The socket gets as large a buffer as the kernel allows. Runs until `shutdown` is ready; what
/// had arrived by then is stored.
pub async fn daemon(
    socket: UdpSocket,
    store: Arc<Store>,
    shutdown: impl Future<Output = ()>,
) -> DaemonCounts {
    enlarge_receive_buffer(&socket, RECEIVE_BUFFER_BYTES);
    let mut shutdown = pin!(shutdown);
    let mut intake = Intake::default();
    let mut buffer = vec![0; DAEMON_RECEIVE_BUFFER_BYTES];
    let mut putting: Option<JoinHandle<Put>> = None;
    loop {
        let room = intake.bytes < MAX_WAITING_BYTES;
        tokio::select! {
            () = &mut shutdown => break,
            received = socket.recv(&mut buffer), if room => {
                // An error here is ICMP's word on some earlier datagram of somebody's.
                if let Ok(bytes) = received {
                    intake.take(&buffer[..bytes]);
                }
                intake.drain(|buffer| socket.try_recv(buffer), &mut buffer);
            }
            put = finished(&mut putting), if putting.is_some() => {
                putting = None;
                intake.account(put);
                intake.note_dropped(dropped_datagrams(&socket));
            }
        }
        if putting.is_none() {
            putting = intake.put(&store);
        }
    }
    while let Some(put) = putting.take().or_else(|| intake.put(&store)) {
        intake.account(put.await.unwrap_or_default());
    }
    intake.note_dropped(dropped_datagrams(&socket));
    // Asked directly: tokio may not have heard yet of what arrived last. Once, so that a
    // sender that goes on does not keep us.
    if let Ok(socket) = socket.into_std() {
        intake.drain(|buffer| socket.recv(buffer), &mut buffer);
    }
    if let Some(put) = intake.put(&store) {
        intake.account(put.await.unwrap_or_default());
    }
    intake.counts
}

/// What became of one batch: how many documents were stored, and why others were not.
#[derive(Default)]
struct Put {
    documents: u64,
    stored: u64,
    /// Each with the sentence that is said of it.
    reasons: Vec<(String, String)>,
}

async fn finished(putting: &mut Option<JoinHandle<Put>>) -> Put {
    match putting {
        Some(putting) => putting.await.unwrap_or_default(),
        None => std::future::pending().await,
    }
}

/// What has arrived and is not stored yet.
#[derive(Default)]
struct Intake {
    counts: DaemonCounts,
    documents: Vec<String>,
    bytes: usize,
    said: HashSet<String>,
}

impl Intake {
    /// Takes what is in the socket already; `receive` does not wait for more.
    fn drain(&mut self, receive: impl Fn(&mut [u8]) -> io::Result<usize>, buffer: &mut [u8]) {
        while self.bytes < MAX_WAITING_BYTES {
            let Ok(bytes) = receive(buffer) else { return };
            self.take(&buffer[..bytes]);
        }
    }

    fn take(&mut self, datagram: &[u8]) {
        // The daemon ignores an empty datagram.
        if datagram.is_empty() {
            return;
        }
        self.counts.received += 1;
        match Datagram::parse(datagram) {
            Ok(Datagram::Document(json)) => {
                self.bytes += json.len();
                self.documents.push(json.to_owned());
            }
            Ok(Datagram::Done { .. }) => self.counts.signals += 1,
            Err(error) => self.reject(error),
        }
    }

    fn reject(&mut self, error: DatagramError) {
        self.counts.rejected += 1;
        self.say(
            format!("{error:?}"),
            &format!("a datagram is refused: {error}"),
        );
    }

    fn put(&mut self, store: &Arc<Store>) -> Option<JoinHandle<Put>> {
        if self.documents.is_empty() {
            return None;
        }
        self.bytes = 0;
        let documents = std::mem::take(&mut self.documents);
        let store = Arc::clone(store);
        Some(tokio::task::spawn_blocking(move || put(&store, &documents)))
    }

    fn account(&mut self, put: Put) {
        self.counts.stored += put.stored;
        self.counts.rejected += put.documents - put.stored;
        put.reasons
            .into_iter()
            .for_each(|(reason, sentence)| self.say(reason, &sentence));
    }

    fn note_dropped(&mut self, dropped: Option<u64>) {
        let Some(dropped) = dropped.filter(|&dropped| dropped > self.counts.dropped) else {
            return;
        };
        self.counts.dropped = dropped;
        self.say(
            "dropped".to_owned(),
            &format!(
                "{dropped} datagrams came faster than they could be read and were dropped by the kernel: raise the sysctl net.core.rmem_max"
            ),
        );
    }

    /// Once for each reason.
    fn say(&mut self, reason: String, sentence: &str) {
        if self.said.insert(reason) {
            eprintln!("xray-local: {sentence} (others like it are only counted)");
        }
    }
}

fn put(store: &Store, documents: &[String]) -> Put {
    let texts: Vec<&str> = documents.iter().map(String::as_str).collect();
    let mut put = Put {
        documents: documents.len() as u64,
        ..Put::default()
    };
    match store.put_json(&texts) {
        Ok(taken) => {
            for taken in taken {
                match taken {
                    Ok(()) => put.stored += 1,
                    Err(error) => {
                        let reason = format!("{:?}", error.code);
                        if !put.reasons.iter().any(|(known, _)| *known == reason) {
                            put.reasons.push((reason, error.to_string()));
                        }
                    }
                }
            }
        }
        Err(error) => put.reasons.push(("disk".to_owned(), error.to_string())),
    }
    put
}
