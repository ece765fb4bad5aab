/// Bytes of the payload, and of the response, of a synchronous invocation (Lambda quotas: 6 MB;
/// Lambda's error message says 6,291,556).
pub const MAX_PAYLOAD_BYTES: usize = 6_291_556;

/// Bytes of the payload of an asynchronous invocation (Lambda quotas: 1 MB).
pub const MAX_EVENT_BYTES: usize = 1024 * 1024;
