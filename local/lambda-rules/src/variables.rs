/// Environment variables that only Lambda may set. Lambda rejects a function configuration that
/// sets one.
///
/// The sources are the Lambda Developer Guide, "Defined runtime environment variables", and, for
/// the variables that only newer environments have, AWS's Runtime Interface Emulator.
pub const RESERVED_VARIABLES: [&str; 20] = [
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_LAMBDA_MAX_CONCURRENCY",
    "AWS_LAMBDA_METADATA_API",
    "LAMBDA_TASK_ROOT",
    "LAMBDA_RUNTIME_DIR",
];

/// Returns `true` if only Lambda may set the variable `name`: one of [`RESERVED_VARIABLES`], or a
/// name that begins with `_`. A function configuration cannot set such a name, because each name
/// must match `[a-zA-Z][a-zA-Z0-9_]+` (Lambda API reference, `Environment`, `Variables`).
pub fn is_reserved_variable(name: &str) -> bool {
    name.starts_with('_') || RESERVED_VARIABLES.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_lambda_and_names_that_begin_with_an_underscore_are_reserved() {
        for name in ["AWS_REGION", "AWS_LAMBDA_METADATA_API", "_X_AMZN_NEW"] {
            assert!(is_reserved_variable(name), "{name}");
        }
        for name in ["AWS_XRAY_DAEMON_ADDRESS", "TABLE_NAME", "AWS_REGION_2"] {
            assert!(!is_reserved_variable(name), "{name}");
        }
    }
}
