use std::time::Duration;

/// The limits of a listener's connections. A client that sends nothing must not keep a
/// connection, and many clients must not take all memory and file descriptors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most connections at a time. Further ones wait in the kernel until one ends.
    pub connections: usize,
    /// The longest time to receive a request's headers, counted from the moment the server waits
    /// for them; an idle kept-alive connection ends, too.
    pub header_timeout: Duration,
    /// The longest time between two parts of a request's body.
    pub body_timeout: Duration,
    /// The longest time to receive a body: its first 64 KB, and then the rest.
    pub whole_body_timeout: Duration,
    /// The most bytes of the bodies of all requests, except for the first 64 KB of each that is
    /// not larger. Up to 4 GiB.
    pub body_bytes: usize,
    /// The longest time that a body of more than 64 KB waits for memory.
    pub body_wait: Duration,
}

impl Default for Limits {
    /// 256 connections, 30 s for headers, 30 s between parts of a body and 2 min for the whole,
    /// 128 MB for all bodies and up to 30 s to wait for them: far above the use of one
    /// developer. One listener with all its connections leaves the others most of the 1,024 file
    /// descriptors that a process has by default on Linux.
    fn default() -> Self {
        Self {
            connections: 256,
            header_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(30),
            whole_body_timeout: Duration::from_secs(120),
            body_bytes: 128 * 1024 * 1024,
            body_wait: Duration::from_secs(30),
        }
    }
}
