use xray_document::SegmentId;

use crate::failure::{Cause, Failure};

/// Errors that are remembered: a few of a `join_all`, each on its way up.
const MAX_REMEMBERED: usize = 16;

/// The errors that were recorded, so that the same one is not recorded again as it rises
/// through the subsegments around it.
#[derive(Debug, Default)]
pub(super) struct RecordedErrors {
    /// The latest last.
    list: Vec<RecordedError>,
}

#[derive(Debug)]
struct RecordedError {
    /// How far it may have come: where it was recorded, and once that has ended, its
    /// parent. Siblings never see each other's.
    subsegment: SegmentId,
    fingerprint: u64,
    exception: SegmentId,
}

impl RecordedErrors {
    /// A reference where the same error was recorded further in, and its exceptions
    /// where it was not.
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

    /// A subsegment has ended: what failed in it can only be seen further out.
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
    fn an_error_is_referred_to_by_what_encloses_it_only() {
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
