use std::sync::Arc;

use crate::FunctionConfig;
use crate::platform::Reporter;
use crate::state::SharedState;

/// The part of an environment that its APIs use.
#[derive(Debug, Clone)]
pub(crate) struct ApiContext {
    pub(crate) function: Arc<FunctionConfig>,
    pub(crate) state: SharedState,
    pub(crate) reporter: Arc<Reporter>,
}
