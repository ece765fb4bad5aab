use std::fmt;

/// Documents that the wrapper sent and that never arrived, for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    /// The kernel dropped them.
    InKernel(u64),
    /// The wrapper dropped them.
    InWrapper(u64),
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InKernel(documents) => write!(
                f,
                "{documents} documents of an invocation were lost on their way from the function: the kernel's receive buffer was full (net.core.rmem_max limits its size)"
            ),
            Self::InWrapper(documents) => write!(
                f,
                "{documents} documents of an invocation were lost in the function: they waited too long for this extension to read them"
            ),
        }
    }
}
