use std::time::Duration;

use tokio::time::sleep;

use super::{ApiError, ExtensionsApi};

/// Tries of a registration that Lambda did not answer.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(50);

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
    let mut invokes = !managed_instances;
    let mut tries = 1;
    loop {
        match api.register(name, invokes).await {
            Ok(()) => return Ok(invokes),
            Err(error) if invokes && error.forbids_invoke() => invokes = false,
            Err(error) if error.is_final() || tries == TRIES => return Err(error),
            Err(_) => {
                tries += 1;
                sleep(PAUSE).await;
            }
        }
    }
}
