//! Sends documents to the extension or the daemon without waiting, and counts lost ones.

mod datagrams;
mod destination;
pub(crate) mod stats;
#[cfg(target_os = "linux")]
mod stream;
#[cfg(not(target_os = "linux"))]
#[path = "no_stream.rs"]
mod stream;
mod udp;

use std::sync::{Mutex, PoisonError};

pub(crate) use datagrams::Datagrams;
pub(crate) use destination::Destination;
pub use stats::{Stats, stats};
use stream::{Closed, Stream};
use udp::Udp;

/// A stream to our extension, or the daemon's UDP socket. It is opened at the first document or
/// signal, so it costs nothing at start.
#[derive(Debug)]
pub(crate) struct Emitter {
    destination: Destination,
    channel: Mutex<Option<Channel>>,
}

#[derive(Debug)]
enum Channel {
    Stream(Stream),
    Udp(Udp),
}

impl Emitter {
    pub(crate) const fn new(destination: Destination) -> Self {
        Self {
            destination,
            channel: Mutex::new(None),
        }
    }

    /// Sends documents, and counts each as sent or dropped.
    pub(crate) fn send(&self, documents: Datagrams) {
        self.send_all(documents, None);
    }

    /// Sends the last documents of an invocation, and the signal that it is done if the receiver
    /// understands that.
    pub(crate) fn finish(&self, documents: Datagrams, request_id: &str) {
        let done = self.destination.accepts_signals.then_some(request_id);
        self.send_all(documents, done);
    }

    fn send_all(&self, mut documents: Datagrams, done: Option<&str>) {
        if documents.documents() == 0 && done.is_none() {
            return;
        }
        // Nothing under the lock waits or panics.
        let mut channel = self.channel.lock().unwrap_or_else(PoisonError::into_inner);
        let open = || Channel::open(self.destination);
        let channel = channel.get_or_insert_with(open);
        if channel.send(&mut documents, done).is_err() {
            *channel = open();
            if channel.send(&mut documents, done).is_err() {
                // The extension ends again and again.
                stats::DROPPED.add(documents.documents());
            }
        }
    }
}

impl Channel {
    /// Opens a stream if our extension accepts one, else a UDP socket. An older extension and
    /// the X-Ray daemon accept none.
    fn open(destination: Destination) -> Self {
        let stream = destination
            .accepts_signals
            .then(|| Stream::open(destination.address))
            .flatten();
        stream.map_or_else(|| Self::Udp(Udp::open(destination.address)), Self::Stream)
    }

    fn send(&mut self, documents: &mut Datagrams, done: Option<&str>) -> Result<(), Closed> {
        match self {
            Self::Stream(stream) => stream.send(documents, done),
            Self::Udp(udp) => {
                udp.send(documents, done);
                Ok(())
            }
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::net::{SocketAddr, UnixListener};

    use super::*;

    #[test]
    fn only_a_destination_on_loopback_is_asked_for_a_stream() {
        for (address, is_stream) in [("127.0.0.1:9", true), ("169.254.79.129:9", false)] {
            let address = address.parse().unwrap();
            let name = SocketAddr::from_abstract_name(xray_document::stream_name(address));
            let _listener = UnixListener::bind_addr(&name.unwrap()).unwrap();
            let channel = Channel::open(Destination::new(address));
            assert_eq!(
                matches!(channel, Channel::Stream(_)),
                is_stream,
                "{address}"
            );
        }
    }
}
