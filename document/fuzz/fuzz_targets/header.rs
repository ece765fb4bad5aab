#![no_main]
//! Any text reads as a header, and a header reads back as it was written.

use libfuzzer_sys::fuzz_target;
use xray_document::{SegmentId, TraceHeader, TraceId};

fuzz_target!(|text: &str| {
    let header = TraceHeader::parse(text);
    let written = header.to_string();
    assert_eq!(TraceHeader::parse(&written), header);
    assert!(written.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
    if let Some(header) = TraceHeader::from_traceparent(text) {
        let written = header
            .to_traceparent()
            .expect("a traceparent has a root and a parent");
        assert_eq!(TraceHeader::from_traceparent(&written), Some(header));
    }
    if let Ok(id) = text.parse::<TraceId>() {
        assert!(id.to_string().eq_ignore_ascii_case(text));
    }
    if let Ok(id) = text.parse::<SegmentId>() {
        assert!(id.to_string().eq_ignore_ascii_case(text));
    }
});
