use crate::Log;
use crate::export::Exporters;
use crate::keep::Keep;
use crate::policy::Policy;
use crate::raw_document::RawDocument;

/// The stages after intake: policy → keep → buffer → export.
#[derive(Debug)]
pub struct Pipeline {
    policy: Box<dyn Policy>,
    keep: Box<dyn Keep>,
    pub(crate) exporters: Exporters,
}

impl Pipeline {
    /// Connects the stages.
    pub fn new(policy: impl Policy, keep: impl Keep, exporters: Exporters) -> Self {
        Self {
            policy: Box::new(policy),
            keep: Box::new(keep),
            exporters,
        }
    }

    /// Passes a document through policy and keep to every buffer. Returns whether it was
    /// buffered.
    pub(crate) fn accept(&mut self, document: RawDocument, log: &mut Log) -> bool {
        let allowed = self.policy.apply(document);
        let Some(document) = allowed.filter(|document| self.keep.is_kept(document)) else {
            self.exporters.count_filtered();
            return false;
        };
        self.exporters.push(&document, log);
        true
    }
}

#[cfg(test)]
mod tests {
    use xray_document::SegmentId;

    use super::*;
    use crate::export::Exporter;
    use crate::export::file::File;
    use crate::keep::KeepAll;
    use crate::policy::AllowAll;

    /// Filters out the document with this id.
    #[derive(Debug)]
    struct Without(SegmentId);

    impl Policy for Without {
        fn apply(&mut self, document: RawDocument) -> Option<RawDocument> {
            (document.id != self.0).then_some(document)
        }
    }

    impl Keep for Without {
        fn is_kept(&mut self, document: &RawDocument) -> bool {
            document.id != self.0
        }
    }

    fn exporters() -> Exporters {
        let exporter = || Exporter::new(File::new("/nonexistent".into()), 1 << 20);
        Exporters::new(vec![exporter(), exporter()])
    }

    fn accepted(pipeline: &mut Pipeline) -> Vec<u64> {
        let document = |id| RawDocument::new(None, SegmentId::from_u64(id), false, "{}");
        (1..=4)
            .filter(|&id| pipeline.accept(document(id), &mut Log::default()))
            .collect()
    }

    #[test]
    fn every_sink_counts_documents_that_policy_and_keep_filter_out() {
        let (first, third) = (SegmentId::from_u64(1), SegmentId::from_u64(3));
        let mut pipeline = Pipeline::new(Without(first), Without(third), exporters());
        assert_eq!(accepted(&mut pipeline), [2, 4]);
        for (_, ledger) in pipeline.exporters.ledgers() {
            assert!(ledger.balances());
            assert_eq!(
                (ledger.received(), ledger.filtered(), ledger.buffered()),
                (4, 2, 2)
            );
        }
    }

    #[test]
    fn by_default_every_document_is_buffered() {
        let mut pipeline = Pipeline::new(AllowAll, KeepAll, exporters());
        assert_eq!(accepted(&mut pipeline), [1, 2, 3, 4]);
    }
}
