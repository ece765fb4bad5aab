use std::time::Duration;

use tokio::time::sleep;

use super::api::{ApiError, ExtensionsApi};

/// The most requests if Lambda does not respond.
const MAX_ATTEMPTS: u32 = 3;
/// The pause between two requests.
const RETRY_DELAY: Duration = Duration::from_millis(50);

/// Registers the extension for SHUTDOWN, and for INVOKE unless on Managed Instances. Returns
/// whether it will receive INVOKE. `name` must be the name of the program's file.
///
/// # Errors
/// Lambda rejected the registration, or did not respond to three requests.
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
