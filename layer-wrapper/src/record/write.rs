//! Writes the members of a subsegment as JSON.
//!
//! The wrapper writes its JSON itself, for two reasons:
//!
//! - **Cost.** A subsegment is written when it ends, while the handler waits. The writer
//!   borrows each field and appends to the invocation's buffer, so it builds no intermediate
//!   tree and allocates no strings for ids, times and keys. `xray_document::Document::to_json`
//!   would need an owned `Subsegment` and clone it. In an experiment with one AWS call's
//!   subsegment, code like this took 190 ns and `serde_json::Value` 1.95 µs. `make bench`
//!   measures a whole subsegment.
//! - **Fragments.** The writer leaves out the braces and `subsegments`. The document packer
//!   then embeds a finished child into its parent by copying bytes. A derived `Serialize`
//!   would need the whole tree until the end of the invocation.
//!
//! Users' metadata values are serialized by `serde_json`. `xray-document`, which uses serde,
//! reads the result back in the tests.

use std::borrow::Cow;

use xray_document::limits::MAX_NAME_CHARS;
use xray_document::{AnnotationValue, Namespace, SegmentId, Timestamp, sanitize_name};

use super::details::{AwsValue, Details, Http, RareFields};
use super::json;
use super::metadata::Metadata;
use crate::failure::{Cause, Exception};
use crate::text::truncate_chars;

/// Characters that remain of an exception's message if the document must shrink.
const SHORT_MESSAGE_CHARS: usize = 250;

/// Bytes around a metadata value: the quotes of its key, a colon and a comma.
const VALUE_BYTES: usize = 4;

/// Maximum number of bytes of the mark `truncated`.
const MARK_BYTES: usize = 64;

/// Bytes of a subsegment without metadata, to grow the buffer at most once for it.
const TYPICAL_BYTES: usize = 256;

/// Writes the members of a finished subsegment. The caller adds the braces, `subsegments`
/// and, at the root of a document, `type`, `trace_id` and `parent_id`.
fn fragment(out: &mut Vec<u8>, id: SegmentId, start: Timestamp, end: Timestamp, details: &Details) {
    head(out, id, start, &details.name);
    json::key!(out, "end_time");
    json::timestamp(out, end.max(start));
    members(out, details);
}

/// Writes the members of a subsegment that has only begun, like [`fragment`].
pub(crate) fn in_progress(out: &mut Vec<u8>, id: SegmentId, start: Timestamp, details: &Details) {
    head(out, id, start, &details.name);
    json::key!(out, "in_progress");
    out.extend_from_slice(b"true");
    members(out, details);
}

/// Writes the members of a finished subsegment in at most `limit` bytes. Returns whether
/// that needed truncation.
///
/// Truncation removes the largest metadata first, then the causes of the error, then
/// everything except ids, times, name, namespace and error flags. The subsegment then has the
/// mark `truncated`.
pub(crate) fn fragment_within(
    out: &mut Vec<u8>,
    limit: usize,
    id: SegmentId,
    start: Timestamp,
    end: Timestamp,
    details: &mut Details,
) -> bool {
    let from = out.len();
    out.reserve(TYPICAL_BYTES);
    let mut truncated = false;
    loop {
        fragment(out, id, start, end, details);
        let excess = (out.len() - from).saturating_sub(limit);
        if excess == 0 {
            return truncated;
        }
        out.truncate(from);
        shrink(details, excess);
        truncated = true;
    }
}

/// Removes something, towards a document that is smaller by `excess` bytes. Each step leaves
/// less, so repeating it ends.
fn shrink(details: &mut Details, excess: usize) {
    let rare = details.rare();
    if drop_largest(&mut rare.metadata, excess + MARK_BYTES) {
        // This is enough in most cases.
    } else if let Some(Cause::Exceptions(exceptions)) = &mut rare.cause
        && exceptions
            .iter()
            .any(|e| e.cause.is_some() || e.message.len() > 4 * SHORT_MESSAGE_CHARS)
    {
        exceptions.truncate(1);
        for exception in exceptions {
            exception.cause = None;
            truncate_chars(&mut exception.message, SHORT_MESSAGE_CHARS);
        }
    } else {
        let name = std::mem::take(&mut details.name);
        let kept = Details::new(name);
        *details = Details {
            namespace: details.namespace,
            flags: details.flags,
            ..kept
        };
    }
    details.mark("truncated");
}

/// Removes the largest values until `bytes` bytes are saved, and keeps this crate's marks.
/// Returns whether it removed a value.
fn drop_largest(metadata: &mut Vec<Metadata>, bytes: usize) -> bool {
    let mut sizes: Vec<(usize, usize)> = metadata
        .iter()
        .enumerate()
        .filter(|(_, value)| !value.is_mark())
        .map(|(place, value)| (value.key.len() + value.json.len() + VALUE_BYTES, place))
        .collect();
    sizes.sort_unstable_by(|one, other| other.cmp(one));
    let mut saved = 0;
    let mut dropped = Vec::new();
    for (size, place) in sizes {
        if saved >= bytes {
            break;
        }
        saved += size;
        dropped.push(place);
    }
    dropped.sort_unstable();
    let any = !dropped.is_empty();
    let mut place = 0;
    metadata.retain(|_| {
        place += 1;
        dropped.binary_search(&(place - 1)).is_err()
    });
    any
}

fn head(out: &mut Vec<u8>, id: SegmentId, start: Timestamp, name: &str) {
    out.extend_from_slice(b"\"name\":");
    self::name(out, name);
    json::key!(out, "id");
    json::id(out, id);
    json::key!(out, "start_time");
    json::timestamp(out, start);
}

fn name(out: &mut Vec<u8>, name: &str) {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b" _.:/%&#=+-@".contains(&b);
    if !name.trim().is_empty() && name.len() <= MAX_NAME_CHARS && name.bytes().all(plain) {
        out.push(b'"');
        out.extend_from_slice(name.as_bytes());
        out.push(b'"');
    } else {
        json::string(out, &sanitize_name(name));
    }
}

fn members(out: &mut Vec<u8>, details: &Details) {
    if let Some(namespace) = details.namespace {
        json::key!(out, "namespace");
        json::string(
            out,
            match namespace {
                Namespace::Aws => "aws",
                Namespace::Remote => "remote",
            },
        );
    }
    let flags = details.flags;
    let flags: [(bool, &[u8]); 3] = [
        (flags.error, b",\"error\":true"),
        (flags.throttle, b",\"throttle\":true"),
        (flags.fault, b",\"fault\":true"),
    ];
    for (_, member) in flags.into_iter().filter(|(set, _)| *set) {
        out.extend_from_slice(member);
    }
    if !details.annotations.is_empty() {
        json::key!(out, "annotations");
        object(out, &details.annotations, |out, (key, value)| {
            json::string(out, key);
            out.push(b':');
            annotation(out, value);
        });
    }
    if let Some(rare) = &details.rare {
        rare_fields(out, rare);
    }
}

fn rare_fields(out: &mut Vec<u8>, rare: &RareFields) {
    if let Some(cause) = &rare.cause {
        self::cause(out, cause);
    }
    if let Some(http) = &rare.http {
        self::http(out, http);
    }
    if !rare.aws.is_empty() {
        json::key!(out, "aws");
        object(out, &rare.aws, |out, (key, value)| {
            json::string(out, key);
            out.push(b':');
            aws_value(out, value);
        });
    }
    if !rare.metadata.is_empty() {
        json::key!(out, "metadata");
        metadata(out, &rare.metadata);
    }
}

fn cause(out: &mut Vec<u8>, cause: &Cause) {
    json::key!(out, "cause");
    match cause {
        Cause::Reference(id) => json::id(out, *id),
        Cause::Exceptions(exceptions) => {
            out.extend_from_slice(b"{\"exceptions\":[");
            separated(out, exceptions, exception);
            out.extend_from_slice(b"]}");
        }
    }
}

fn exception(out: &mut Vec<u8>, exception: &Exception) {
    out.extend_from_slice(b"{\"id\":");
    json::id(out, exception.id);
    json::key!(out, "message");
    json::string(out, &exception.message);
    json::key!(out, "type");
    json::string(out, &exception.kind);
    if exception.remote {
        json::key!(out, "remote");
        out.extend_from_slice(b"true");
    }
    if let Some(cause) = exception.cause {
        json::key!(out, "cause");
        json::id(out, cause);
    }
    out.push(b'}');
}

fn http(out: &mut Vec<u8>, http: &Http) {
    json::key!(out, "http");
    out.push(b'{');
    let has_request = !http.url.is_empty();
    if has_request {
        out.extend_from_slice(b"\"request\":{\"method\":");
        json::string(out, &http.method);
        json::key!(out, "url");
        json::string(out, &http.url);
        if http.traced {
            json::key!(out, "traced");
            out.extend_from_slice(b"true");
        }
        out.push(b'}');
    }
    if let Some(status) = http.status {
        if has_request {
            out.push(b',');
        }
        out.extend_from_slice(b"\"response\":{\"status\":");
        json::integer(out, u64::from(status));
        if let Some(length) = http.content_length {
            json::key!(out, "content_length");
            json::integer(out, length);
        }
        out.push(b'}');
    }
    out.push(b'}');
}

fn aws_value(out: &mut Vec<u8>, value: &AwsValue) {
    match value {
        AwsValue::Text(text) => json::string(out, text),
        AwsValue::Count(count) => json::integer(out, *count),
        AwsValue::Names(names) => {
            out.push(b'[');
            separated(out, names, |out, name| json::string(out, name));
            out.push(b']');
        }
    }
}

fn annotation(out: &mut Vec<u8>, value: &AnnotationValue) {
    match value {
        AnnotationValue::Boolean(true) => out.extend_from_slice(b"true"),
        AnnotationValue::Boolean(false) => out.extend_from_slice(b"false"),
        AnnotationValue::Number(number) => match number.as_u64() {
            Some(number) => json::integer(out, number),
            None => out.extend_from_slice(number.to_string().as_bytes()),
        },
        AnnotationValue::String(text) => json::string(out, text),
    }
}

/// Writes the values grouped by namespace. The namespaces are in the order of their first
/// values.
fn metadata(out: &mut Vec<u8>, metadata: &[Metadata]) {
    let mut namespaces: Vec<&Cow<'static, str>> = Vec::with_capacity(2);
    for entry in metadata {
        if !namespaces.contains(&&entry.namespace) {
            namespaces.push(&entry.namespace);
        }
    }
    object(out, &namespaces, |out, namespace| {
        json::string(out, namespace);
        out.push(b':');
        let own = metadata
            .iter()
            .filter(|entry| entry.namespace == **namespace);
        object(out, own, |out, entry| {
            json::string(out, &entry.key);
            out.push(b':');
            out.extend_from_slice(entry.json.as_bytes());
        });
    });
}

fn object<T>(
    out: &mut Vec<u8>,
    items: impl IntoIterator<Item = T>,
    write: impl Fn(&mut Vec<u8>, T),
) {
    out.push(b'{');
    separated(out, items, write);
    out.push(b'}');
}

fn separated<T>(
    out: &mut Vec<u8>,
    items: impl IntoIterator<Item = T>,
    write: impl Fn(&mut Vec<u8>, T),
) {
    for (place, item) in items.into_iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write(out, item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_of_small_values_are_removed_in_one_step() {
        let mut details = Details::new("many".into());
        for key in 0..5_000 {
            let value = Metadata::new("default".into(), format!("key {key}").into(), &key);
            details.rare().metadata.extend(value);
        }
        let written = |details: &Details| {
            let mut out = Vec::new();
            let id = SegmentId::from_u64(1);
            fragment(
                &mut out,
                id,
                Timestamp::default(),
                Timestamp::default(),
                details,
            );
            out.len()
        };
        let limit = 10_000;
        let excess = written(&details) - limit;
        shrink(&mut details, excess);
        assert!(written(&details) <= limit, "{}", written(&details));
        // No more values are removed than necessary.
        assert!(written(&details) > limit - 100, "{}", written(&details));
    }

    #[test]
    fn a_name_is_written_as_the_document_model_writes_it() {
        for text in [
            "",
            " ",
            "   ",
            "a b",
            " a",
            "a?b",
            "größe",
            &"x".repeat(201),
        ] {
            let mut out = Vec::new();
            name(&mut out, text);
            let written: String = serde_json::from_slice(&out).unwrap();
            assert_eq!(written, sanitize_name(text), "{text:?}");
        }
    }
}
