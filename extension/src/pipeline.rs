use xray_document::Timestamp;

use crate::export::Exporters;
use crate::keep::{Decided, Keep, Verdict};
use crate::policy::Policy;
use crate::raw_document::RawDocument;
use crate::telemetry::InvocationOutcome;
use crate::{Level, Log, LogLine};

/// The stages after intake: policy → keep → buffer → export.
#[derive(Debug)]
pub struct Pipeline {
    policy: Box<dyn Policy>,
    keep: Box<dyn Keep>,
    pub(crate) exporters: Exporters,
}

impl Pipeline {
    /// Connects the stages.
    pub fn new(policy: Box<dyn Policy>, keep: Box<dyn Keep>, exporters: Exporters) -> Self {
        Self {
            policy,
            keep,
            exporters,
        }
    }

    /// Passes a document through policy and keep to every buffer. Returns whether a document was
    /// buffered.
    pub(crate) fn accept(&mut self, document: RawDocument, log: &mut Log) -> bool {
        let Some(document) = self.policy.apply(document, log) else {
            self.exporters.count_filtered();
            return false;
        };
        match self.keep.accept(document, log) {
            Verdict::Kept(document) => {
                self.exporters.push(&document, log);
                true
            }
            Verdict::Filtered => {
                self.exporters.count_filtered();
                false
            }
            Verdict::Waits(decided) => {
                self.exporters.count_waiting();
                self.settle(&decided, log)
            }
        }
    }

    /// Passes an INVOKE, with its trace header, to the keep stage. Returns whether a document
    /// was buffered.
    pub(crate) fn invocation_started(&mut self, header: &str, log: &mut Log) -> bool {
        let decided = self.keep.invocation_started(header, log);
        self.settle(&decided, log)
    }

    /// Passes the outcome of an invocation, after its documents, to the keep stage. Returns
    /// whether a document was buffered.
    pub(crate) fn invocation_ended(&mut self, outcome: &InvocationOutcome, log: &mut Log) -> bool {
        let decided = self.keep.invocation_ended(outcome, Timestamp::now(), log);
        self.settle(&decided, log)
    }

    /// Returns whether the keep stage awaits the outcome of an invocation.
    pub(crate) fn awaits_outcome(&self) -> bool {
        self.keep.awaits_outcome()
    }

    /// Buffers all documents that wait in the keep stage, because the environment ends.
    pub(crate) fn shut_down(&mut self, log: &mut Log) {
        let decided = self.keep.shut_down();
        self.settle(&decided, log);
    }

    /// One line for each of policy and keep that has something to say.
    pub(crate) fn summaries(&self) -> impl Iterator<Item = LogLine> {
        let summaries = self.policy.summary().into_iter().chain(self.keep.summary());
        summaries.map(|summary| LogLine::new(Level::Info, summary))
    }

    fn settle(&mut self, decided: &Decided, log: &mut Log) -> bool {
        for document in &decided.kept {
            self.exporters.push_waiting(document, log);
        }
        if decided.filtered > 0 {
            self.exporters.filter_waiting(decided.filtered);
        }
        !decided.kept.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use xray_document::{SegmentId, TraceId};

    use super::*;
    use crate::export::Exporter;
    use crate::export::file::File;
    use crate::keep::{ConfiguredKeep, KeepAll};
    use crate::policy::AllowAll;

    /// Filters out the document with this id.
    #[derive(Debug)]
    struct Without(SegmentId);

    impl Policy for Without {
        fn apply(&mut self, document: RawDocument, _: &mut Log) -> Option<RawDocument> {
            (document.id != self.0).then_some(document)
        }
    }

    impl Keep for Without {
        fn accept(&mut self, document: RawDocument, _: &mut Log) -> Verdict {
            if document.id == self.0 {
                Verdict::Filtered
            } else {
                Verdict::Kept(document)
            }
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
        let mut pipeline = Pipeline::new(
            Box::new(Without(first)),
            Box::new(Without(third)),
            exporters(),
        );
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
        let mut pipeline = Pipeline::new(Box::new(AllowAll), Box::new(KeepAll), exporters());
        assert_eq!(accepted(&mut pipeline), [1, 2, 3, 4]);
    }
    const HEADERS: [&str; 3] = ["", ";Sampled=1", ";Sampled=0"];

    proptest! {
        #[test]
        fn the_ledgers_balance_at_any_instant_while_documents_wait(
            steps in proptest::collection::vec((0..10_u8, 0..4_u64, any::<bool>()), 1..120),
            max_bytes in prop_oneof![Just(1 << 20), 0..2_000_usize],
            sampled in any::<bool>(),
        ) {
            let rules = format!(
                r#"{{"fixed_rate": 0, "reservoir_size": 0, "cold_starts": false, "apply_to_sampled": {sampled}}}"#
            );
            let keep = ConfiguredKeep::new(rules, true, true, max_bytes);
            let mut pipeline = Pipeline::new(Box::new(AllowAll), Box::new(keep), exporters());
            let log = &mut Log::default();
            let mut received = 0;
            for (step, number, flag) in steps {
                let id = format!("1-6750a1b2-0000000000000000{number:08x}");
                let trace_id: TraceId = id.parse().unwrap();
                match step {
                    0..6 => {
                        received += 1;
                        let segment = SegmentId::from_u64(received);
                        pipeline.accept(RawDocument::new(Some(trace_id), segment, false, "{}"), log);
                    }
                    6 | 7 => {
                        let sampled = HEADERS[usize::from(step - 6) + usize::from(flag)];
                        pipeline.invocation_started(&format!("Root={id}{sampled}"), log);
                    }
                    8 => {
                        let outcome = InvocationOutcome {
                            trace_id,
                            is_sampled: false,
                            fault: flag,
                            duration: Some(Duration::from_millis(number)),
                            cold_start: false,
                        };
                        pipeline.invocation_ended(&outcome, log);
                    }
                    _ if number == 0 && flag => pipeline.shut_down(log),
                    _ => {}
                }
                for (_, ledger) in pipeline.exporters.ledgers() {
                    prop_assert!(ledger.balances());
                    prop_assert_eq!(ledger.received(), received);
                    prop_assert_eq!(ledger.buffered() + ledger.filtered(), received);
                }
            }
            // Every document that is not filtered out reaches the buffers.
            pipeline.shut_down(log);
            pipeline.exporters.drop_remaining(log);
            for (_, ledger) in pipeline.exporters.ledgers() {
                prop_assert_eq!((ledger.buffered(), ledger.dropped() + ledger.filtered()), (0, received));
            }
        }
    }
}
