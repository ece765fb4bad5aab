use xray_document::{Datagram, first_frame, frame_bytes, write_frame};

/// Datagrams to send together, each as a frame of the stream. A UDP socket sends the contents of
/// the frames.
#[derive(Debug, Default)]
pub(crate) struct Datagrams {
    frames: Vec<u8>,
    documents: usize,
}

impl Datagrams {
    /// One document.
    pub(crate) fn one(bytes: usize, write: impl FnOnce(&mut Vec<u8>)) -> Self {
        let mut datagrams = Self::with_capacity(bytes);
        datagrams.push_document(write);
        datagrams
    }

    /// Reserves memory for this many bytes of frames.
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self {
            frames: Vec::with_capacity(bytes),
            documents: 0,
        }
    }

    /// Adds the datagram of a document, which `write` appends.
    pub(crate) fn push_document(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write_frame(&mut self.frames, write);
        self.documents += 1;
    }

    /// Adds the signal that an invocation is done. No document follows it.
    pub(super) fn push_done(&mut self, request_id: &str, documents: u64) {
        let signal = Datagram::Done {
            request_id,
            documents: Some(documents),
        };
        write_frame(&mut self.frames, |out| signal.write_to(out));
    }

    /// The number of documents.
    pub(super) const fn documents(&self) -> usize {
        self.documents
    }

    /// The frames, in order.
    pub(super) fn frames(&self) -> &[u8] {
        &self.frames
    }

    /// The datagrams, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.frames.as_slice();
        std::iter::from_fn(move || {
            let datagram = first_frame(rest).ok()??;
            rest = rest.get(frame_bytes(datagram)..)?;
            Some(datagram)
        })
    }

    /// Removes what [`push_done`](Self::push_done) added.
    pub(super) fn truncate_to(&mut self, bytes: usize) {
        self.frames.truncate(bytes);
    }

    /// Removes the last documents, so that the frames have at most `bytes` bytes. Returns the
    /// number of removed documents.
    pub(super) fn shrink_to(&mut self, bytes: usize) -> usize {
        if self.frames.len() <= bytes {
            return 0;
        }
        let (mut kept_bytes, mut kept) = (0, 0);
        for datagram in self.iter() {
            if kept_bytes + frame_bytes(datagram) > bytes {
                break;
            }
            kept_bytes += frame_bytes(datagram);
            kept += 1;
        }
        self.frames.truncate(kept_bytes);
        std::mem::replace(&mut self.documents, kept) - kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Datagrams {
        let mut datagrams = Datagrams::default();
        for text in ["first", "second", "third"] {
            datagrams.push_document(|out| out.extend_from_slice(text.as_bytes()));
        }
        datagrams
    }

    #[test]
    fn datagrams_are_read_in_their_order() {
        let texts: Vec<_> = three().iter().map(<[u8]>::to_vec).collect();
        assert_eq!(texts, [&b"first"[..], b"second", b"third"]);
        assert_eq!(three().documents(), 3);
    }

    #[test]
    fn only_whole_documents_that_fit_remain() {
        let first = frame_bytes(b"first");
        let second = first + frame_bytes(b"second");
        for (bytes, kept) in [(0, 0), (first - 1, 0), (first, 1), (second, 2), (999, 3)] {
            let mut datagrams = three();
            assert_eq!(datagrams.shrink_to(bytes), 3 - kept, "{bytes}");
            assert_eq!(
                (datagrams.documents(), datagrams.iter().count()),
                (kept, kept)
            );
        }
    }
}
