use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use xray_local_store::Store;

use crate::error::ApiError;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PutTelemetryRecords {
    telemetry_records: Option<Vec<Box<RawValue>>>,
}

#[derive(Serialize)]
pub(crate) struct PutTelemetryRecordsResult {}

/// Stores the records as text, because the API has no operation that reads them.
pub(crate) fn put_telemetry_records(
    store: &Store,
    request: PutTelemetryRecords,
) -> Result<PutTelemetryRecordsResult, ApiError> {
    let records = request
        .telemetry_records
        .ok_or_else(|| ApiError::missing("TelemetryRecords"))?;
    for record in records {
        store.put_telemetry(record.get())?;
    }
    Ok(PutTelemetryRecordsResult {})
}
