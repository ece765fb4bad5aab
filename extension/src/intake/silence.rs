/// Notices that nothing ever sends to the extension: the runtime may have another daemon's
/// address than the extension's.
#[derive(Debug, Default)]
pub(super) struct Silence {
    sampled_invocations: u32,
    ended: bool,
}

/// The sampled invocations after which silence is reported. A function need not record a
/// subsegment in each.
pub(super) const MAX_SILENT_INVOCATIONS: u32 = 10;

impl Silence {
    /// A datagram was received.
    pub(super) fn end(&mut self) {
        self.ended = true;
    }

    /// A sampled invocation began. Returns true once: if each of the last ones was silent.
    pub(super) fn invocation(&mut self) -> bool {
        if self.ended {
            return false;
        }
        self.ended = self.sampled_invocations == MAX_SILENT_INVOCATIONS;
        self.sampled_invocations += 1;
        self.ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_reported_once_and_a_datagram_ends_it() {
        let mut silence = Silence::default();
        let reports: Vec<u32> = (0..30).filter(|_| silence.invocation()).collect();
        assert_eq!(reports, [MAX_SILENT_INVOCATIONS]);

        let mut silence = Silence::default();
        assert!((0..5).all(|_| !silence.invocation()));
        silence.end();
        assert!((0..30).all(|_| !silence.invocation()));
    }
}
