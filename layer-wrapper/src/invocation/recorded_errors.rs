use xray_document::SegmentId;

use crate::failure::{Cause, Failure};

/// Maximum number of errors remembered: enough for a `join_all` whose errors all propagate.
const MAX_REMEMBERED: usize = 16;

/// The errors that were recorded, so that an error that propagates through several
/// subsegments is written once and then referred to.
#[derive(Debug, Default)]
pub(super) struct RecordedErrors {
    /// The oldest comes first.
    list: Vec<RecordedError>,
}

#[derive(Debug)]
struct RecordedError {
    /// The subsegment that the error has reached: the one that recorded it and, after that
    /// one has ended, its parent. Siblings therefore never see each other's errors.
    subsegment: SegmentId,
    fingerprint: u64,
    exception: SegmentId,
}

impl RecordedErrors {
    /// Returns a reference if a descendant of the subsegment recorded the same error, else
    /// the error's exceptions.
    pub(super) fn cause_of(&mut self, id: SegmentId, failure: Failure) -> Option<Cause> {
        let exception = failure.first()?.id;
        let fingerprint = failure.fingerprint;
        let same =
            |known: &&RecordedError| known.subsegment == id && known.fingerprint == fingerprint;
        if let Some(known) = self.list.iter().rev().find(same) {
            return Some(Cause::Reference(known.exception));
        }
        if self.list.len() >= MAX_REMEMBERED {
            self.list.remove(0);
        }
        self.list.push(RecordedError {
            subsegment: id,
            fingerprint,
            exception,
        });
        Some(Cause::Exceptions(failure.exceptions))
    }

    /// Moves the errors of an ended subsegment to its parent, which they reach next.
    pub(super) fn move_to_parent(&mut self, id: SegmentId, parent: SegmentId) {
        for error in &mut self.list {
            if error.subsegment == id {
                error.subsegment = parent;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_reference(errors: &mut RecordedErrors, id: u64, failure: Failure) -> bool {
        let cause = errors.cause_of(SegmentId::from_u64(id), failure).unwrap();
        matches!(cause, Cause::Reference(_))
    }

    #[test]
    fn only_an_enclosing_subsegment_refers_to_an_error() {
        let failure = || Failure::new("Timeout", "timed out");
        let mut errors = RecordedErrors::default();
        assert!(!is_reference(&mut errors, 2, failure()));
        assert!(!is_reference(&mut errors, 3, failure()));
        errors.move_to_parent(SegmentId::from_u64(2), SegmentId::from_u64(1));
        assert!(!is_reference(&mut errors, 4, failure()));
        assert!(is_reference(&mut errors, 1, failure()));
        assert!(!is_reference(
            &mut errors,
            1,
            Failure::new("Io", "timed out")
        ));
    }

    #[test]
    fn no_more_than_a_few_errors_are_remembered() {
        let mut errors = RecordedErrors::default();
        for id in 0..1_000 {
            assert!(!is_reference(&mut errors, id, Failure::new("Error", "")));
        }
        assert_eq!(errors.list.len(), MAX_REMEMBERED);
    }
}
