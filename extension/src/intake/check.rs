use std::fmt;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use xray_document::limits::MAX_DOCUMENT_BYTES;
use xray_document::{SegmentId, Timestamp, TraceId};

/// Looks at a document just closely enough to know that X-Ray will not refuse it for a
/// reason that can be seen here: one pass, nothing copied.
///
/// # Errors
/// See [`Refusal`].
pub fn check(json: &str) -> Result<Checked, Refusal> {
    if json.len() > MAX_DOCUMENT_BYTES {
        return Err(Refusal::TooLarge);
    }
    if ["T1S", "T1U", "M1"]
        .iter()
        .any(|kind| json.starts_with(kind))
    {
        return Err(Refusal::OpenTelemetry);
    }
    let mandatory: Mandatory<'_> = serde_json::from_str(json).map_err(|_| Refusal::NotADocument)?;
    let id = mandatory.id.and_then(read).ok_or(Refusal::Field("id"))?;
    let field = |present: bool, name| {
        if present {
            Ok(())
        } else {
            Err(Refusal::Field(name))
        }
    };
    let trace_id = mandatory
        .trace_id
        .and_then(read)
        .ok_or(Refusal::Field("trace_id"))?;
    field(
        mandatory
            .name
            .is_some_and(|name| name.get().len() > 2 && name.get().starts_with('"')),
        "name",
    )?;
    field(
        mandatory.start_time.and_then(read::<Timestamp>).is_some(),
        "start_time",
    )?;
    if mandatory
        .kind
        .is_some_and(|kind| kind.get() == "\"subsegment\"")
    {
        field(
            mandatory.parent_id.and_then(read::<SegmentId>).is_some(),
            "parent_id",
        )?;
    }
    Ok(Checked {
        trace_id,
        id,
        in_progress: mandatory
            .in_progress
            .is_some_and(|value| value.get() == "true"),
    })
}

/// What is known of a document that passed: what X-Ray knows it by, and whether a complete
/// version will replace it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checked {
    pub trace_id: TraceId,
    pub id: SegmentId,
    pub in_progress: bool,
}

/// Why a datagram's document goes no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    TooLarge,
    /// ADOT's SDKs send spans (`T1S`, `T1U`) and metrics (`M1`) to the daemon's port in
    /// Lambda; X-Ray's API takes neither.
    OpenTelemetry,
    NotADocument,
    /// A mandatory field is missing or is not what it must be.
    Field(&'static str),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => write!(f, "a document over {MAX_DOCUMENT_BYTES} bytes"),
            Self::OpenTelemetry => f.write_str(
                "an OpenTelemetry payload, which X-Ray's PutTraceSegments does not take",
            ),
            Self::NotADocument => f.write_str("a document that is not a JSON object"),
            Self::Field(name) => write!(f, "a document whose {name} is missing or malformed"),
        }
    }
}

impl std::error::Error for Refusal {}

/// The fields without which X-Ray leaves a document unprocessed (X-Ray Developer
/// Guide, segment documents).
#[derive(Deserialize)]
struct Mandatory<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    trace_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    parent_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    name: Option<&'a RawValue>,
    #[serde(borrow, default)]
    start_time: Option<&'a RawValue>,
    #[serde(borrow, default)]
    in_progress: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "type")]
    kind: Option<&'a RawValue>,
}

fn read<T: DeserializeOwned>(raw: &RawValue) -> Option<T> {
    serde_json::from_str(raw.get()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"id":"53995c3f42cd8ad8","name":"a","trace_id":"1-5759e988-bd862e3fe1be46a994272793","start_time":1.5E9,"type":"subsegment","parent_id":"53995c3f42cd8ad9","end_time":1500000001.5,"annotations":{"k":[1]}}"#;

    #[test]
    fn a_good_document_gives_its_ids_and_whether_it_is_complete() {
        let mut checked = Checked {
            trace_id: "1-5759e988-bd862e3fe1be46a994272793".parse().unwrap(),
            id: "53995c3f42cd8ad8".parse().unwrap(),
            in_progress: false,
        };
        assert_eq!(check(GOOD), Ok(checked));
        checked.in_progress = true;
        let in_progress = GOOD.replace(r#""end_time":1500000001.5"#, r#""in_progress":true"#);
        assert_eq!(check(&in_progress), Ok(checked));
    }

    #[test]
    fn the_mandatory_field_at_fault_is_named() {
        for (from, to, refusal) in [
            ("53995c3f42cd8ad8", "x", Refusal::Field("id")),
            ("\"id\"", "\"no\"", Refusal::Field("id")),
            ("1-5759e988-", "1-", Refusal::Field("trace_id")),
            ("\"a\"", "\"\"", Refusal::Field("name")),
            ("1.5E9", "\"now\"", Refusal::Field("start_time")),
            ("53995c3f42cd8ad9", "", Refusal::Field("parent_id")),
            ("{", "[", Refusal::NotADocument),
            ("{", "T1S", Refusal::OpenTelemetry),
        ] {
            assert_eq!(
                check(&GOOD.replacen(from, to, 1)),
                Err(refusal),
                "{from} -> {to}"
            );
        }
        assert_eq!(
            check(&" ".repeat(MAX_DOCUMENT_BYTES + 1)),
            Err(Refusal::TooLarge)
        );
    }

    #[test]
    fn a_lone_segment_needs_no_parent() {
        let segment = GOOD
            .replace("subsegment", "segment")
            .replace("parent_id", "other");
        assert!(check(&segment).is_ok());
    }
}
