/// The limits of one batch. Each sink sets its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    /// The most documents.
    pub documents: usize,
    /// The most bytes of documents, as JSON.
    pub bytes: usize,
}
