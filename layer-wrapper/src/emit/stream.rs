use std::io::{ErrorKind, Write as _};
use std::net::SocketAddr;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{self, UnixStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use xray_document::stream_name;

use super::datagrams::Datagrams;
use super::stats;

/// A stream to our extension. The kernel loses nothing of it: if the extension has no CPU time
/// to read, the kernel's buffer (212,992 bytes by default) becomes full, and the rest waits in a
/// queue. A thread writes the queue, so that no caller waits. It exists only while the queue is
/// not empty.
#[derive(Debug)]
pub(super) struct Stream {
    /// Not blocking, except while `queue` is being written.
    socket: UnixStream,
    queue: Arc<Mutex<Queue>>,
    /// Documents since the stream was opened, with dropped ones.
    documents: u64,
}

/// The extension has closed the stream.
#[derive(Debug)]
pub(super) struct Closed;

/// Maximum number of bytes in the queue before further documents are dropped: several of the
/// largest traces that X-Ray keeps (500 KB), and 3 % of the smallest function's memory (128 MB).
/// The extension buffers as many bytes by default.
const MAX_QUEUED_BYTES: usize = 4 * 1024 * 1024;

/// Maximum number of bytes of signals beyond [`MAX_QUEUED_BYTES`]: some hundred signals. A later
/// signal has the number of all documents, so it replaces those that were left out.
const MAX_SIGNAL_BYTES: usize = 64 * 1024;

/// Bytes of the stack of the thread, which calls nothing but `write`.
const STACK_BYTES: usize = 64 * 1024;

/// Frames that wait for the kernel.
#[derive(Debug, Default)]
struct Queue {
    frames: Vec<u8>,
    documents: usize,
    /// Bytes that the thread has taken from `frames` and is writing.
    in_flight_bytes: usize,
    state: State,
    /// True if the system has no thread left.
    #[cfg(test)]
    without_threads: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Callers write to the socket.
    #[default]
    Direct,
    /// The thread writes the queue, and callers only add to it.
    Queued,
    Closed,
}

impl Stream {
    /// Opens a stream to the extension that listens on this UDP address. `None` if no extension
    /// accepts streams. Does not wait, because the kernel accepts a stream for the extension. It
    /// would wait only behind thousands of streams that the extension has not accepted yet.
    pub(super) fn open(daemon: SocketAddr) -> Option<Self> {
        let name = net::SocketAddr::from_abstract_name(stream_name(daemon)).ok()?;
        let socket = UnixStream::connect_addr(&name).ok()?;
        socket.set_nonblocking(true).ok()?;
        Some(Self {
            socket,
            queue: Arc::default(),
            documents: 0,
        })
    }

    /// Sends documents, then the signal that the invocation `done` has ended. Counts each
    /// document as sent or dropped.
    ///
    /// # Errors
    /// The stream is closed. Nothing was sent or counted, and `documents` is as before.
    pub(super) fn send(
        &mut self,
        documents: &mut Datagrams,
        done: Option<&str>,
    ) -> Result<(), Closed> {
        let mut queue = lock(&self.queue);
        if queue.state == State::Direct && !queue.frames.is_empty() {
            // The last call could not start the thread.
            start_thread(&self.socket, &self.queue, &mut queue);
            if queue.state == State::Direct {
                queue.write_to(&mut self.socket);
            }
        }
        let sent = self.documents + documents.documents() as u64;
        let waits = queue.state == State::Queued || !queue.frames.is_empty();
        if waits {
            let room = MAX_QUEUED_BYTES.saturating_sub(queue.bytes());
            stats::DROPPED.add(documents.shrink_to(room));
        }
        let end = documents.frames().len();
        if let Some(request_id) = done {
            documents.push_done(request_id, sent);
            let bytes = queue.bytes() + documents.frames().len();
            if waits && bytes > MAX_QUEUED_BYTES + MAX_SIGNAL_BYTES {
                documents.truncate_to(end);
            }
        }
        let written = match queue.state {
            State::Queued => Ok(0),
            State::Direct if queue.frames.is_empty() => write(&mut self.socket, documents.frames()),
            State::Direct => Ok(0),
            State::Closed => Err(Closed),
        };
        match written {
            Ok(bytes) => {
                self.documents = sent;
                let rest = documents.frames().get(bytes..).unwrap_or_default();
                if rest.is_empty() {
                    stats::SENT.add(documents.documents());
                } else {
                    queue.frames.extend_from_slice(rest);
                    queue.documents += documents.documents();
                    start_thread(&self.socket, &self.queue, &mut queue);
                }
                Ok(())
            }
            Err(Closed) => {
                documents.truncate_to(end);
                Err(Closed)
            }
        }
    }
}

/// Writes as much as the kernel's buffer can hold. Returns the number of bytes.
fn write(socket: &mut UnixStream, frames: &[u8]) -> Result<usize, Closed> {
    loop {
        match socket.write(frames) {
            Ok(bytes) => return Ok(bytes),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(0),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return Err(Closed),
        }
    }
}

/// Starts the thread that writes the queue, unless it runs. If the system has no thread left,
/// the next call tries again.
fn start_thread(socket: &UnixStream, shared: &Arc<Mutex<Queue>>, queue: &mut Queue) {
    if queue.state != State::Direct {
        return;
    }
    // The copy shares the setting "not blocking" with the original, which nobody else uses now.
    #[cfg(test)]
    if queue.without_threads {
        return;
    }
    let Ok(copy) = socket.try_clone() else { return };
    if copy.set_nonblocking(false).is_err() {
        return;
    }
    let shared = Arc::clone(shared);
    let thread = thread::Builder::new()
        .name("xray-lambda".to_owned())
        .stack_size(STACK_BYTES)
        .spawn(move || write_queue(copy, &shared));
    if thread.is_ok() {
        queue.state = State::Queued;
    } else if socket.set_nonblocking(true).is_err() {
        queue.close();
    }
}

/// Writes the queue until it is empty.
fn write_queue(mut socket: UnixStream, shared: &Mutex<Queue>) {
    loop {
        let (frames, documents) = {
            let mut queue = lock(shared);
            if queue.frames.is_empty() {
                match socket.set_nonblocking(true) {
                    Ok(()) => queue.state = State::Direct,
                    Err(_) => queue.close(),
                }
                return;
            }
            queue.take()
        };
        let written = socket.write_all(&frames);
        let mut queue = lock(shared);
        queue.in_flight_bytes = 0;
        if written.is_err() {
            stats::DROPPED.add(documents);
            queue.close();
            return;
        }
        stats::SENT.add(documents);
    }
}

impl Queue {
    fn bytes(&self) -> usize {
        self.frames.len() + self.in_flight_bytes
    }

    /// Writes as much as the kernel's buffer can hold, because no thread could start.
    fn write_to(&mut self, socket: &mut UnixStream) {
        match write(socket, &self.frames) {
            Ok(bytes) => {
                self.frames.drain(..bytes);
                if self.frames.is_empty() {
                    stats::SENT.add(std::mem::take(&mut self.documents));
                }
            }
            Err(Closed) => self.close(),
        }
    }

    /// Takes all frames, to write them. Returns them and their number of documents.
    fn take(&mut self) -> (Vec<u8>, usize) {
        let frames = std::mem::take(&mut self.frames);
        self.in_flight_bytes = frames.len();
        (frames, std::mem::take(&mut self.documents))
    }

    /// Drops all frames, because the extension has ended.
    fn close(&mut self) {
        self.state = State::Closed;
        let (_, documents) = self.take();
        self.in_flight_bytes = 0;
        stats::DROPPED.add(documents);
    }
}

fn lock(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    // Nothing under the lock panics, and each step leaves the queue whole.
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use xray_document::{Datagram, first_frame, frame_bytes};

    use super::*;

    /// A stream of a system that has no thread left, and its other end.
    fn without_threads() -> (Stream, UnixStream) {
        let (socket, extension) = UnixStream::pair().unwrap();
        socket.set_nonblocking(true).unwrap();
        extension.set_nonblocking(true).unwrap();
        let queue = Queue {
            without_threads: true,
            ..Queue::default()
        };
        let stream = Stream {
            socket,
            queue: Arc::new(Mutex::new(queue)),
            documents: 0,
        };
        (stream, extension)
    }

    fn documents(count: usize) -> Datagrams {
        let mut datagrams = Datagrams::default();
        for _ in 0..count {
            datagrams.push_document(|out| out.extend_from_slice(&[b'x'; 60_000]));
        }
        datagrams
    }

    #[test]
    fn without_a_thread_the_stream_queues_no_more_than_its_limit() {
        let (mut stream, _extension) = without_threads();
        for _ in 0..2_000 {
            stream.send(&mut documents(1), Some("r-1")).unwrap();
            let bytes = lock(&stream.queue).bytes();
            assert!(bytes <= MAX_QUEUED_BYTES + MAX_SIGNAL_BYTES, "{bytes}");
        }
        assert_eq!(stream.documents, 2_000, "with dropped ones");
    }

    #[test]
    fn without_a_thread_each_call_writes_what_the_stream_can_hold() {
        let (mut stream, mut extension) = without_threads();
        stream.send(&mut documents(20), Some("r-1")).unwrap();
        assert!(!lock(&stream.queue).frames.is_empty());
        let (mut bytes, mut calls) = (Vec::new(), 0);
        while !lock(&stream.queue).frames.is_empty() {
            let _ = extension.read_to_end(&mut bytes);
            stream.send(&mut documents(0), None).unwrap();
            calls += 1;
            assert!(calls < 1_000);
        }
        let _ = extension.read_to_end(&mut bytes);
        let (mut rest, mut signals, mut read) = (bytes.as_slice(), 0, 0);
        while let Some(datagram) = first_frame(rest).unwrap() {
            let is_signal = matches!(Datagram::parse(datagram), Ok(Datagram::Done { .. }));
            signals += usize::from(is_signal);
            read += usize::from(!is_signal);
            rest = &rest[frame_bytes(datagram)..];
        }
        assert_eq!((read, signals, rest.len()), (20, 1, 0));
    }
}
