//! The store in the data directory.

use std::sync::Arc;

use anyhow::{Context, bail};
use xray_local_store::Store;

use crate::arguments::DataOptions;

/// Opens the store, and creates it if the data directory has none.
pub(crate) fn open_store(data: &DataOptions) -> anyhow::Result<Arc<Store>> {
    let directory = data.directory()?;
    let store = Store::open(&directory).with_context(|| {
        format!(
            "cannot open the traces in {}; move the folder away, or choose another with --data DIR",
            directory.display()
        )
    })?;
    Ok(Arc::new(store))
}

/// Opens the store to read traces. A missing folder is then a mistake, not an empty store.
pub(crate) fn open_existing_store(data: &DataOptions) -> anyhow::Result<Arc<Store>> {
    let directory = data.directory()?;
    if !directory.is_dir() {
        bail!(
            "no traces in {}: the folder does not exist; choose another with --data DIR",
            directory.display()
        );
    }
    open_store(data)
}
