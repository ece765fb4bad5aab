use std::fmt;

/// Documents that the wrapper sent and that never arrived, for the log. The numbers are totals
/// since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    /// The kernel dropped them.
    InKernel(u64),
    /// The wrapper dropped them.
    InWrapper(u64),
    /// A signal has an implausible number of documents.
    Implausible,
}

/// The total number of lost documents, which must not fill the log.
#[derive(Debug, Default)]
pub(super) struct Total {
    documents: u64,
    /// The smallest total that the log reports next.
    next_report: u64,
}

impl Total {
    /// Adds lost documents. Returns the total if the log must report it: the first one, and then
    /// each that is at least ten times the last reported one.
    pub(super) fn add(&mut self, documents: u64) -> Option<u64> {
        self.documents = self.documents.saturating_add(documents);
        if documents == 0 || self.documents < self.next_report {
            return None;
        }
        self.next_report = self.documents.saturating_mul(10);
        Some(self.documents)
    }

    pub(super) fn documents(&self) -> u64 {
        self.documents
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InKernel(documents) => write!(
                f,
                "{documents} documents were lost so far on their way from the function: the kernel's receive buffer was full (net.core.rmem_max limits its size)"
            ),
            Self::InWrapper(documents) => write!(
                f,
                "{documents} documents were lost so far in the function: they waited too long for this extension to read them"
            ),
            Self::Implausible => f.write_str(
                "ignored the number of documents in a signal that an invocation is done: it is implausible; no xray-lambda sends such a signal",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_losses_make_few_lines() {
        let mut total = Total::default();
        let reported: Vec<_> = (0..5_000).filter_map(|_| total.add(3)).collect();
        assert_eq!(reported, [3, 30, 300, 3_000]);
        assert_eq!(total.documents(), 15_000);
        assert_eq!(total.add(0), None);
        assert_eq!(total.add(u64::MAX), Some(u64::MAX), "it does not overflow");
    }
}
