use std::time::Duration;

use tokio::time::sleep;

use super::{ApiError, ExtensionsApi};

/// Tries of a registration that Lambda did not answer.
const MAX_ATTEMPTS: u32 = 3;
const RETRY_DELAY: Duration = Duration::from_millis(50);

/// Registers the extension `name` for what there is to hear; returns whether that
/// includes INVOKE, which Managed Instances tell no extension.
///
/// # Errors
/// Lambda refused, or did not answer several times.
pub async fn register(
    api: &mut ExtensionsApi,
    name: &str,
    managed_instances: bool,
) -> Result<bool, ApiError> {
    let mut receives_invokes = !managed_instances;
    let mut attempts = 1;
    loop {
        match api.register(name, receives_invokes).await {
            Ok(()) => return Ok(receives_invokes),
            Err(error) if receives_invokes && error.forbids_invoke() => receives_invokes = false,
            Err(error) if error.is_final() || attempts == MAX_ATTEMPTS => return Err(error),
            Err(_) => {
                attempts += 1;
                sleep(RETRY_DELAY).await;
            }
        }
    }
}
