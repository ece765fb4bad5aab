use std::net::SocketAddr;

/// Counts the documents of each UDP sender, to compare them with the number in its signal.
#[derive(Debug, Default)]
pub(super) struct Senders {
    /// The sender of the last datagram comes last.
    known: Vec<Sender>,
    /// True if a sender was removed. A sender that seems new may then be an old one.
    removed_any: bool,
}

#[derive(Debug)]
struct Sender {
    address: SocketAddr,
    documents: u64,
    /// False if documents of the sender may have arrived before it was added.
    is_exact: bool,
}

/// The most senders. A function has one socket of the wrapper; some SDKs open one for each
/// document.
const MAX_SENDERS: usize = 64;

impl Senders {
    /// Counts a document.
    pub(super) fn count(&mut self, address: SocketAddr) {
        let sender = self.last(address);
        sender.documents = sender.documents.saturating_add(1);
    }

    /// Returns how many documents are missing, now that a signal says how many were `sent`. They
    /// are counted, so that the next signal does not report them again.
    pub(super) fn missing(&mut self, address: SocketAddr, sent: u64) -> u64 {
        let sender = self.last(address);
        let missing = sent.saturating_sub(sender.documents);
        sender.documents = sent;
        let was_exact = std::mem::replace(&mut sender.is_exact, true);
        if was_exact { missing } else { 0 }
    }

    /// Moves the sender to the end. Adds it if it is not known.
    fn last(&mut self, address: SocketAddr) -> &mut Sender {
        let is_sender = |sender: &Sender| sender.address == address;
        let index = self.known.iter().rposition(is_sender);
        let sender = match index {
            Some(index) if index + 1 == self.known.len() => None,
            Some(index) => Some(self.known.remove(index)),
            None => {
                if self.known.len() >= MAX_SENDERS {
                    self.known.remove(0);
                    self.removed_any = true;
                }
                Some(Sender {
                    address,
                    documents: 0,
                    is_exact: !self.removed_any,
                })
            }
        };
        self.known.extend(sender);
        let last = self.known.len() - 1;
        &mut self.known[last]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> SocketAddr {
        ([127, 0, 0, 1], port).into()
    }

    #[test]
    fn each_missing_document_is_reported_once_for_its_sender() {
        let mut senders = Senders::default();
        for _ in 0..3 {
            senders.count(address(1));
            senders.count(address(2));
        }
        assert_eq!(senders.missing(address(1), 5), 2);
        assert_eq!(senders.missing(address(2), 3), 0);
        senders.count(address(1));
        assert_eq!(senders.missing(address(1), 6), 0);
        assert_eq!(senders.missing(address(1), 9), 3);
    }

    #[test]
    fn a_sender_that_never_sent_a_document_misses_all_of_them() {
        assert_eq!(Senders::default().missing(address(1), 4), 4);
    }

    #[test]
    fn the_port_of_an_ended_sender_misses_nothing() {
        let mut senders = Senders::default();
        (0..5).for_each(|_| senders.count(address(1)));
        assert_eq!(senders.missing(address(1), 1), 0);
    }

    #[test]
    fn a_forgotten_sender_misses_nothing_until_its_next_signal() {
        let mut senders = Senders::default();
        (0..5).for_each(|_| senders.count(address(1)));
        (100..200).for_each(|port| senders.count(address(port)));
        assert_eq!(senders.known.len(), MAX_SENDERS);
        assert_eq!(senders.missing(address(1), 5), 0);
        senders.count(address(1));
        assert_eq!(senders.missing(address(1), 7), 1);
    }
}
