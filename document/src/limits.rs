//! X-Ray's limits, each with its unit and its source.

/// Bytes of one segment document, as JSON: 64 KB (AWS General Reference, X-Ray quotas,
/// "Segment document size").
pub const MAX_DOCUMENT_BYTES: usize = 64 * 1024;

/// Bytes of one datagram that the daemon reads, header line included (aws-xray-daemon:
/// its receive buffer).
pub const DAEMON_RECEIVE_BUFFER_BYTES: usize = 64 * 1024;

/// Bytes that one UDP datagram can carry over IPv4: 65,535 minus 8 for UDP and 20 for IP.
pub const MAX_DATAGRAM_BYTES: usize = 65_507;

/// Characters of the name of a segment or subsegment (X-Ray Developer Guide, segment
/// documents).
pub const MAX_NAME_CHARS: usize = 200;

/// Characters of every other string, unless its field says otherwise (X-Ray Developer Guide,
/// segment documents).
pub const MAX_STRING_CHARS: usize = 250;

/// Indexed annotations of one trace (AWS General Reference, X-Ray quotas).
pub const MAX_ANNOTATIONS_PER_TRACE: usize = 50;

/// Documents in one `PutTraceSegments` call, as the daemon sends them (aws-xray-daemon). The
/// API's model sets no maximum.
pub const MAX_DOCUMENTS_PER_PUT: usize = 50;

/// Trace ids in one `BatchGetTraces` call. The service answers more of them with
/// `Exceeding maximum query size: 5`.
pub const MAX_TRACE_IDS_PER_BATCH_GET: usize = 5;

/// Bytes of one trace that arrives quickly: 500 KB. A larger trace is answered with
/// `Trace Size Exceeded`. The limit drops to 100 KB for a trace that arrives slowly
/// (AWS General Reference, X-Ray quotas).
pub const MAX_TRACE_BYTES: usize = 500 * 1024;

/// Seconds for which X-Ray keeps a trace: 30 days (AWS General Reference, X-Ray quotas).
pub const RETENTION_SECONDS: u64 = 30 * 24 * 60 * 60;

/// Bytes of unknown trace header fields that are kept and sent on (aws-xray-sdk-node).
pub const MAX_HEADER_EXTRA_BYTES: usize = 256;

/// Traces to which one segment may link (X-Ray Developer Guide, trace linking).
pub const MAX_LINKS_PER_SEGMENT: usize = 20;

/// Stack frames that the official SDKs keep of one exception (aws-xray-sdk-java,
/// aws-xray-sdk-dotnet).
pub const MAX_STACK_FRAMES: usize = 50;
