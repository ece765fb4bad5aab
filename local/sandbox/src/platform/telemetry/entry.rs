use serde_json::{Value, json};
use xray_document::Timestamp;

use super::subscription::Schema;
use crate::platform::category::TelemetryCategory;
use crate::platform::telemetry_record::TelemetryRecord;

/// One event for the subscribers. Each subscriber's schema renders it.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    time: Timestamp,
    pub(super) category: TelemetryCategory,
    /// `type`
    kind: &'static str,
    record: Value,
    /// The original line, if `record` is the JSON object that it holds.
    text: Option<String>,
}

impl Entry {
    pub(super) fn platform(record: TelemetryRecord) -> Self {
        Self {
            time: Timestamp::now(),
            category: TelemetryCategory::Platform,
            kind: record.kind,
            record: Value::Object(record.members),
            text: None,
        }
    }

    pub(super) fn line(category: TelemetryCategory, line: &str, object: Option<Value>) -> Self {
        let text = object.is_some().then(|| line.to_owned());
        let record = object.unwrap_or_else(|| line.into());
        Self {
            time: Timestamp::now(),
            category,
            kind: category.as_str(),
            record,
            text,
        }
    }

    /// The event as JSON. Before schema 2022-12-13 every line is a string.
    pub(super) fn render(&self, schema: Schema) -> String {
        let text = self.text.as_ref().filter(|_| schema == Schema::V2022_07_01);
        let record = text.map_or_else(|| self.record.to_string(), |text| json!(text).to_string());
        format!(
            r#"{{"time":"{}","type":"{}","record":{record}}}"#,
            self.time.to_iso8601(),
            self.kind
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_json_line_is_a_string_in_the_first_schema_only() {
        let entry = Entry::line(
            TelemetryCategory::Function,
            r#"{"a":1}"#,
            Some(json!({"a": 1})),
        );
        let record = |schema| {
            serde_json::from_str::<Value>(&entry.render(schema)).unwrap()["record"].clone()
        };
        assert_eq!(record(Schema::V2022_07_01), json!(r#"{"a":1}"#));
        assert_eq!(record(Schema::V2022_12_13), json!({"a": 1}));
    }
}
