//! Documents on their way: kept within a bound in bytes, counted without a gap, and cut
//! into batches that one PutTraceSegments takes.

mod buffer;
mod ledger;

pub use buffer::{Buffer, Pending};
pub use ledger::Ledger;

/// Bytes of documents in one PutTraceSegments call. The API's model names no limit and
/// fifty documents may come to 3.2 MB, which no flush budget would see through a slow
/// link; half a megabyte goes in one piece (docs/fidelity.md).
pub const MAX_BATCH_BYTES: usize = 512 * 1024;
