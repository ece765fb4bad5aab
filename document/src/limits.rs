//! Every limit that AWS sets, with its unit and where it is written.

/// Bytes of one segment document, JSON as sent ("Segment document size", AWS
/// General Reference, X-Ray quotas: 64 KB).
pub const MAX_DOCUMENT_BYTES: usize = 64 * 1024;

/// Bytes of a datagram that the daemon reads, header line included (aws-xray-daemon:
/// its receive buffer).
pub const DAEMON_RECEIVE_BUFFER_BYTES: usize = 64 * 1024;

/// Bytes that a UDP datagram over IPv4 can carry: 65,535 less 8 for UDP and 20 for IP.
pub const MAX_DATAGRAM_BYTES: usize = 65_507;

/// Characters of a segment's or subsegment's name (X-Ray Developer Guide, segment documents).
pub const MAX_NAME_CHARS: usize = 200;

/// Characters of any other string unless noted otherwise (X-Ray Developer Guide, segment documents).
pub const MAX_STRING_CHARS: usize = 250;

/// Indexed annotations of one trace (AWS General Reference, X-Ray quotas).
pub const MAX_ANNOTATIONS_PER_TRACE: usize = 50;

/// Documents of one `PutTraceSegments` call, as the daemon sends them. The API's
/// model names no maximum.
pub const MAX_DOCUMENTS_PER_PUT: usize = 50;

/// Trace ids of one `BatchGetTraces` call (the service answers
/// `Exceeding maximum query size: 5` to more).
pub const MAX_TRACE_IDS_PER_BATCH_GET: usize = 5;

/// Bytes of a trace before X-Ray answers `Trace Size Exceeded`: 500 KB when it
/// arrives quickly (AWS General Reference; 100 KB when it trickles in).
pub const MAX_TRACE_BYTES: usize = 500 * 1024;

/// Seconds that X-Ray keeps a trace: 30 days (AWS General Reference).
pub const RETENTION_SECONDS: u64 = 30 * 24 * 60 * 60;

/// Bytes of unknown trace header fields that are kept and sent on (aws-xray-sdk-node).
pub const MAX_HEADER_EXTRA_BYTES: usize = 256;

/// Traces that a segment may link to (X-Ray Developer Guide, trace linking).
pub const MAX_LINKS_PER_SEGMENT: usize = 20;

/// Stack frames of an exception that the official SDKs keep (aws-xray-sdk-java, -dotnet).
pub const MAX_STACK_FRAMES: usize = 50;
