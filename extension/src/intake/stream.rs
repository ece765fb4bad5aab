use std::io::{self, Read};
use std::net::SocketAddr;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net;
use std::task::{Context, Poll};

use tokio::io::Interest;
use tokio::net::{UnixListener, UnixStream};
use xray_document::{FrameTooLong, MAX_FRAME_BYTES, first_frame, frame_bytes, stream_name};

/// Accepts the streams of wrappers, which lose nothing: a wrapper sends no more than the kernel
/// can hold. docs/protocol.md describes them.
#[derive(Debug)]
pub(super) struct Streams {
    /// Reports when `listener` has a connection.
    ready: UnixListener,
    /// The same socket, to accept connections.
    listener: net::UnixListener,
    connections: Vec<Connection>,
}

/// The stream of one wrapper, which has one in each process.
#[derive(Debug)]
pub(super) struct Connection {
    /// Reports when `stream` is readable.
    ready: UnixStream,
    /// The same socket, to read it.
    stream: net::UnixStream,
    /// Bytes that were read, from `next` to `end`. Empty until the first read.
    buffer: Box<[u8]>,
    next: usize,
    end: usize,
    /// Documents that have arrived.
    pub(super) documents: u64,
    is_open: bool,
}

/// Bytes of a connection's buffer: the longest frame, and as much again for one read.
const BUFFER_BYTES: usize = 2 * MAX_FRAME_BYTES;

impl Streams {
    /// Listens for wrappers that send to this UDP address.
    pub(super) fn bind(daemon: SocketAddr) -> io::Result<Self> {
        let name = net::SocketAddr::from_abstract_name(stream_name(daemon))?;
        Self::new(net::UnixListener::bind_addr(&name)?)
    }

    fn new(listener: net::UnixListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self {
            ready: UnixListener::from_std(listener.try_clone()?)?,
            listener,
            connections: Vec::new(),
        })
    }

    /// Accepts waiting connections.
    pub(super) fn accept(&mut self) {
        while let Ok((stream, _)) = self.listener.accept() {
            self.connections.extend(Connection::new(stream).ok());
        }
    }

    /// Accepts waiting connections. Ready if one of them may have bytes to read.
    pub(super) fn poll_readable(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.connections.retain(|connection| connection.is_open);
        while let Poll::Ready(Ok((stream, _))) = self.ready.poll_accept(context) {
            let stream = stream.into_std().and_then(Connection::new);
            self.connections.extend(stream.ok());
        }
        // Each connection must be polled, so that it wakes this task.
        let is_ready = |connection: &Connection| {
            connection.is_open && connection.ready.poll_read_ready(context).is_ready()
        };
        let ready = self.connections.iter().map(is_ready);
        if ready.fold(false, |any, one| any | one) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    /// Returns whether the first part of a frame has arrived on an open stream.
    pub(super) fn awaits_rest(&self) -> bool {
        let awaits_rest =
            |connection: &Connection| connection.is_open && connection.next < connection.end;
        self.connections.iter().any(awaits_rest)
    }

    /// Returns the first result of `read` for a datagram that has arrived.
    pub(super) fn try_read<T>(
        &mut self,
        mut read: impl FnMut(&[u8], &mut u64) -> T,
    ) -> Option<Result<T, FrameTooLong>> {
        self.connections.iter_mut().find_map(|connection| {
            let Connection { documents, .. } = connection;
            let mut count = *documents;
            let datagram = connection.next_datagram()?;
            let result = datagram.map(|datagram| read(datagram, &mut count));
            connection.documents = count;
            Some(result)
        })
    }
}

impl Connection {
    fn new(stream: net::UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self {
            ready: UnixStream::from_std(stream.try_clone()?)?,
            stream,
            buffer: Box::default(),
            next: 0,
            end: 0,
            documents: 0,
            is_open: true,
        })
    }

    /// Returns the next datagram that has already arrived. After an error the stream is closed,
    /// because the start of the next frame is unknown.
    fn next_datagram(&mut self) -> Option<Result<&[u8], FrameTooLong>> {
        let bytes = loop {
            match first_frame(&self.buffer[self.next..self.end]) {
                Ok(Some(datagram)) => break frame_bytes(datagram),
                Ok(None) => self.read()?,
                Err(error) => {
                    self.close();
                    return Some(Err(error));
                }
            }
        };
        let frame = self.next..self.next + bytes;
        self.next = frame.end;
        let datagram = first_frame(&self.buffer[frame]);
        datagram.transpose()
    }

    /// Reads more bytes. `None` if none has arrived.
    fn read(&mut self) -> Option<()> {
        if self.buffer.is_empty() {
            self.buffer = vec![0; BUFFER_BYTES].into_boxed_slice();
        }
        self.buffer.copy_within(self.next..self.end, 0);
        (self.next, self.end) = (0, self.end - self.next);
        let rest = &mut self.buffer[self.end..];
        let read = read_now(
            |read| self.ready.try_io(Interest::READABLE, read),
            || self.stream.read(rest),
        );
        match read {
            Ok(0) => {
                self.is_open = false;
                None
            }
            Ok(bytes) => {
                self.end += bytes;
                Some(())
            }
            Err(error) => {
                self.is_open = error.kind() == io::ErrorKind::WouldBlock;
                None
            }
        }
    }

    fn close(&mut self) {
        self.is_open = false;
        (self.next, self.end) = (0, 0);
    }
}

/// Reads from a socket that does not block. Asks the kernel even if tokio does not know yet that
/// the socket is readable: tokio learns it only when the task waits. `try_io` is the method of
/// tokio's socket, and `read` reads a copy of the same socket.
fn read_now<T>(
    try_io: impl FnOnce(&mut dyn FnMut() -> io::Result<T>) -> io::Result<T>,
    mut read: impl FnMut() -> io::Result<T>,
) -> io::Result<T> {
    let mut was_ready = false;
    let result = try_io(&mut || {
        was_ready = true;
        read()
    });
    if was_ready { result } else { read() }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// Streams on a free name, and a connection to them.
    fn connected(name: &str) -> (Streams, net::UnixStream) {
        let name = net::SocketAddr::from_abstract_name(format!("{name}/{}", std::process::id()));
        let name = name.unwrap();
        let streams = Streams::new(net::UnixListener::bind_addr(&name).unwrap()).unwrap();
        (streams, net::UnixStream::connect_addr(&name).unwrap())
    }

    async fn next(streams: &mut Streams) -> Result<Vec<u8>, FrameTooLong> {
        loop {
            std::future::poll_fn(|context| streams.poll_readable(context)).await;
            if let Some(read) = streams.try_read(|datagram, _| datagram.to_vec()) {
                return read;
            }
        }
    }

    #[tokio::test]
    async fn frames_are_read_in_order_however_the_bytes_arrive() {
        let (mut streams, mut wrapper) = connected("order");
        let mut bytes = Vec::new();
        let datagrams: Vec<Vec<u8>> = [1, 65_536, 2, 40_000, 0, 60_000]
            .iter()
            .map(|&length| (0..length).map(|byte| (byte % 251) as u8).collect())
            .collect();
        for datagram in &datagrams {
            xray_document::write_frame(&mut bytes, |out| out.extend_from_slice(datagram));
        }
        let writer = std::thread::spawn(move || {
            for chunk in bytes.chunks(7_777) {
                wrapper.write_all(chunk).unwrap();
            }
            wrapper
        });
        for datagram in &datagrams {
            assert!(next(&mut streams).await.as_ref() == Ok(datagram));
        }
        drop(writer.join().unwrap());
    }

    #[tokio::test]
    async fn a_stream_of_another_protocol_is_closed() {
        let (mut streams, mut wrapper) = connected("other");
        wrapper.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        assert_eq!(next(&mut streams).await, Err(FrameTooLong));
        let poll = std::future::poll_fn(|context| Poll::Ready(streams.poll_readable(context)));
        assert!(poll.await.is_pending());
        assert!(streams.connections.is_empty());
    }
}
