use std::sync::atomic::{AtomicBool, Ordering};

static IS_COLD: AtomicBool = AtomicBool::new(true);

/// Returns whether this invocation is a cold start, and clears the flag.
///
/// Only the first invocation of the process can be one. With provisioned concurrency and on
/// Managed Instances none is, because the environment starts before any request.
pub(super) fn take_flag() -> bool {
    IS_COLD.swap(false, Ordering::Relaxed) && {
        let kind = std::env::var("AWS_LAMBDA_INITIALIZATION_TYPE").unwrap_or_default();
        is_started_on_demand(&kind)
    }
}

fn is_started_on_demand(initialization_type: &str) -> bool {
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
        let cold: Vec<bool> = (0..3).map(|_| take_flag()).collect();
        assert_eq!(cold, [true, false, false]);
    }

    #[test]
    fn a_provisioned_environment_has_no_cold_start() {
        assert!(
            is_started_on_demand("on-demand")
                && is_started_on_demand("snap-start")
                && is_started_on_demand("")
        );
        assert!(!is_started_on_demand("provisioned-concurrency"));
    }
}
