/// The most bytes of the event of a synchronous invocation (Lambda quotas: 6 MB).
///
/// The source is Lambda's error message, "Request must be smaller than 6291456 bytes for the
/// InvokeFunction operation". Like AWS's Lambda Test Tool (aws-lambda-dotnet,
/// `LambdaRuntimeApi.cs`), which sends the same message, we accept an event of exactly this size.
pub const MAX_REQUEST_BYTES: usize = 6_291_456;

/// The most bytes of a function's response to a synchronous invocation: 100 more than of the
/// event (Lambda's error message: "Response payload size exceeded maximum allowed payload size
/// (6291556 bytes).").
pub const MAX_RESPONSE_BYTES: usize = 6_291_556;

/// The most bytes of the event of an asynchronous invocation (Lambda quotas: 1 MB).
pub const MAX_ASYNC_REQUEST_BYTES: usize = 1024 * 1024;
