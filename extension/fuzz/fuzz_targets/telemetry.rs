#![no_main]
//! Any body of the Telemetry API is read without a panic, and an event that cannot be read does
//! not affect others.

use libfuzzer_sys::fuzz_target;
use platform_event::PlatformEvent;

#[allow(dead_code)] // Only the extension uses some of it.
#[path = "../../src/telemetry/failure.rs"]
mod failure;
#[allow(dead_code)]
#[path = "../../src/telemetry/platform_event.rs"]
mod platform_event;

fuzz_target!(|body: &[u8]| {
    let events = PlatformEvent::parse_batch(body);
    if events.is_empty() {
        return;
    }
    let start = body.trim_ascii_end().strip_suffix(b"]");
    let start = start.expect("a batch is an array");
    let longer = [start, br#",{"type":"unknown","record":[]}]"#].concat();
    assert_eq!(PlatformEvent::parse_batch(&longer), events);
    for event in &events {
        event.is_failure_of_function();
    }
});
