use std::sync::Arc;

use crate::FunctionConfig;
use crate::platform::Reporter;
use crate::state::SharedState;

/// The parts of an environment that its APIs use. A clone shares them.
#[derive(Debug, Clone)]
pub(crate) struct ApiContext {
    pub(crate) function: Arc<FunctionConfig>,
    pub(crate) state: SharedState,
    pub(crate) reporter: Arc<Reporter>,
}
