//! The Node programs and packages that `tests/setup.sh` installs.

use std::path::PathBuf;

use crate::artifact;

/// The folder `node_modules`, for `NODE_PATH`.
///
/// # Panics
/// If it is missing.
#[must_use]
pub fn modules() -> PathBuf {
    let modules = artifact::repository().join("tests/node/node_modules");
    assert!(
        modules.join(".installed").exists(),
        "{} is missing or incomplete: run tests/setup.sh, which installs the third-party programs",
        modules.display()
    );
    modules
}
