use serde_json::Value;
use xray_document::DocumentHead;

use crate::raw_document::RawDocument;

/// What the documents of a trace say that a rule may ask for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Facts {
    /// True if a segment or subsegment has `error`, `fault` or `throttle`.
    pub(super) has_error: bool,
    pub(super) service_names: Vec<String>,
    pub(super) hosts: Vec<String>,
    pub(super) http_methods: Vec<String>,
    pub(super) url_paths: Vec<String>,
    pub(super) annotations: Vec<(String, String)>,
}

impl Facts {
    /// Reads the documents. A document that is nested too deep to be parsed adds no facts but
    /// its errors.
    pub(super) fn of<'d>(documents: impl IntoIterator<Item = &'d RawDocument>) -> Self {
        let mut facts = Self::default();
        for document in documents {
            facts.has_error |= has_error(&document.json);
            if let Ok(json) = serde_json::from_str::<Value>(&document.json) {
                let is_segment =
                    DocumentHead::parse(&document.json).is_ok_and(|head| !head.is_subsegment);
                if let Some(name) = json["name"].as_str().filter(|_| is_segment) {
                    facts.service_names.push(name.to_owned());
                }
                facts.add(&json);
            }
        }
        facts
    }

    fn add(&mut self, entity: &Value) {
        // A call to another service has its own request.
        if entity["namespace"].is_null() {
            let request = &entity["http"]["request"];
            if let Some(method) = request["method"].as_str() {
                self.http_methods.push(method.to_owned());
            }
            if let Some(url) = request["url"].as_str() {
                let (host, path) = host_and_path(url);
                self.hosts.extend(host.map(str::to_owned));
                self.url_paths.push(path.to_owned());
            }
        }
        for (key, value) in entity["annotations"].as_object().into_iter().flatten() {
            let text = match value {
                Value::String(text) => text.clone(),
                value => value.to_string(),
            };
            self.annotations.push((key.clone(), text));
        }
        for subsegment in entity["subsegments"].as_array().into_iter().flatten() {
            self.add(subsegment);
        }
    }
}

/// The host of a URL without its port, and its path.
fn host_and_path(url: &str) -> (Option<&str>, &str) {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    let url = &url[..end];
    let Some((_, rest)) = url.split_once("://") else {
        return (None, url);
    };
    let slash = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(slash);
    let host = authority.rsplit('@').next().unwrap_or(authority);
    let host = host.split(':').next().unwrap_or(host);
    (Some(host), if path.is_empty() { "/" } else { path })
}

/// Returns whether a member `error`, `fault` or `throttle` is true anywhere in the document. One
/// in metadata counts too: a trace too many is better than one too few.
fn has_error(json: &str) -> bool {
    ["\"error\"", "\"fault\"", "\"throttle\""]
        .iter()
        .any(|key| {
            json.match_indices(key).any(|(index, _)| {
                let after = json[index + key.len()..].trim_start();
                let value = after.strip_prefix(':').map(str::trim_start);
                value.is_some_and(|value| value.starts_with("true"))
            })
        })
}

#[cfg(test)]
mod tests {
    use xray_document::SegmentId;

    use super::*;

    fn facts(json: &str) -> Facts {
        Facts::of([&RawDocument::new(None, SegmentId::from_u64(1), false, json)])
    }

    #[test]
    fn the_facts_of_a_request_and_its_annotations_are_read() {
        let facts = facts(
            r#"{"name":"orders","id":"53995c3f42cd8ad8","trace_id":"1-5759e988-bd862e3fe1be46a994272793","start_time":1,
                "http":{"request":{"method":"GET","url":"https://api.example.com:8443/items/1?x=1"}},
                "subsegments":[{"annotations":{"tier":"gold","n":1},"namespace":"remote","http":{"request":{"url":"https://other"}}}]}"#,
        );
        assert_eq!(facts.service_names, ["orders"]);
        assert_eq!(facts.hosts, ["api.example.com"]);
        assert_eq!(facts.http_methods, ["GET"]);
        assert_eq!(facts.url_paths, ["/items/1"]);
        let expected = [("n", "1"), ("tier", "gold")];
        let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(facts.annotations, expected);
        assert!(!facts.has_error);
    }

    #[test]
    fn an_error_of_any_subsegment_is_found() {
        for json in [
            r#"{"fault":true}"#,
            r#"{"subsegments":[{"error" : true}]}"#,
            r#"{"throttle": true}"#,
        ] {
            assert!(facts(json).has_error, "{json}");
        }
        for json in [
            r#"{"fault":false,"name":"\"fault\":true"}"#,
            r#"{"cause":{"exceptions":[]},"name":"error"}"#,
        ] {
            assert!(!facts(json).has_error, "{json}");
        }
    }
}
