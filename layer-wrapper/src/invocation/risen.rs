use xray_document::SegmentId;

use crate::failure::{Cause, Failure};

/// Errors that are remembered: a few of a `join_all`, each on its way up.
const MAX_REMEMBERED: usize = 16;

/// The errors that were recorded, so that the same one is not recorded again as it rises
/// through the subsegments around it.
#[derive(Debug, Default)]
pub(super) struct Risen {
    /// The latest last.
    errors: Vec<Recorded>,
}

#[derive(Debug)]
struct Recorded {
    /// How far it may have come: where it was recorded, and once that has ended, its
    /// parent. Siblings never see each other's.
    at: SegmentId,
    fingerprint: u64,
    exception: SegmentId,
}

impl Risen {
    /// A reference where the same error was recorded further in, and its exceptions
    /// where it was not.
    pub(super) fn cause(&mut self, id: SegmentId, failure: Failure) -> Option<Cause> {
        let exception = failure.first()?.id;
        let fingerprint = failure.fingerprint;
        let same = |known: &&Recorded| known.at == id && known.fingerprint == fingerprint;
        if let Some(known) = self.errors.iter().rev().find(same) {
            return Some(Cause::Reference(known.exception));
        }
        if self.errors.len() >= MAX_REMEMBERED {
            self.errors.remove(0);
        }
        self.errors.push(Recorded {
            at: id,
            fingerprint,
            exception,
        });
        Some(Cause::Exceptions(failure.exceptions))
    }

    /// A subsegment has ended: what failed in it can only be seen further out.
    pub(super) fn rise(&mut self, id: SegmentId, parent: SegmentId) {
        for error in &mut self.errors {
            if error.at == id {
                error.at = parent;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_reference(risen: &mut Risen, id: u64, failure: Failure) -> bool {
        let cause = risen.cause(SegmentId::from_u64(id), failure).unwrap();
        matches!(cause, Cause::Reference(_))
    }

    #[test]
    fn an_error_is_referred_to_by_what_encloses_it_only() {
        let failure = || Failure::new("Timeout", "timed out");
        let mut risen = Risen::default();
        assert!(!is_reference(&mut risen, 2, failure()));
        assert!(!is_reference(&mut risen, 3, failure()));
        risen.rise(SegmentId::from_u64(2), SegmentId::from_u64(1));
        assert!(!is_reference(&mut risen, 4, failure()));
        assert!(is_reference(&mut risen, 1, failure()));
        assert!(!is_reference(
            &mut risen,
            1,
            Failure::new("Io", "timed out")
        ));
    }

    #[test]
    fn no_more_than_a_few_errors_are_remembered() {
        let mut risen = Risen::default();
        for id in 0..1_000 {
            assert!(!is_reference(&mut risen, id, Failure::new("Error", "")));
        }
        assert_eq!(risen.errors.len(), MAX_REMEMBERED);
    }
}
