use std::sync::atomic::{AtomicBool, Ordering};

static IS_COLD: AtomicBool = AtomicBool::new(true);

/// Returns whether this invocation is a cold start. Only the first call can return `true`.
///
/// With provisioned concurrency and on Managed Instances no invocation is a cold start, because
/// the environment starts before any request.
pub(super) fn take_cold_start() -> bool {
    IS_COLD.swap(false, Ordering::Relaxed) && {
        let kind = std::env::var("AWS_LAMBDA_INITIALIZATION_TYPE").unwrap_or_default();
        can_start_cold(&kind)
    }
}

/// Returns whether an environment with this `AWS_LAMBDA_INITIALIZATION_TYPE` can start for a
/// request (Lambda Developer Guide, "Defined runtime environment variables").
fn can_start_cold(initialization_type: &str) -> bool {
    !matches!(
        initialization_type,
        "provisioned-concurrency" | "lambda-managed-instances"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_invocation_of_a_process_is_cold() {
        let cold: Vec<bool> = (0..3).map(|_| take_cold_start()).collect();
        assert_eq!(cold, [true, false, false]);
    }

    #[test]
    fn an_environment_that_starts_for_a_request_can_start_cold() {
        // Outside Lambda the variable is not set.
        for kind in ["on-demand", "snap-start", ""] {
            assert!(can_start_cold(kind), "{kind}");
        }
    }

    #[test]
    fn an_environment_that_starts_before_any_request_cannot_start_cold() {
        for kind in ["provisioned-concurrency", "lambda-managed-instances"] {
            assert!(!can_start_cold(kind), "{kind}");
        }
    }
}
