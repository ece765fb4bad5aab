//! Systems without abstract Unix sockets have no streams: wrappers use UDP.

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use xray_document::FrameTooLong;

/// Never exists.
#[derive(Debug)]
pub(super) enum Streams {}

impl Streams {
    pub(super) fn bind(_: SocketAddr) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn accept(&mut self) {
        match *self {}
    }

    pub(super) fn poll_readable(&mut self, _: &mut Context<'_>) -> Poll<()> {
        match *self {}
    }

    pub(super) fn awaits_rest(&self) -> bool {
        match *self {}
    }

    pub(super) fn try_read<T>(
        &mut self,
        _: impl FnMut(&[u8], &mut u64) -> T,
    ) -> Option<Result<T, FrameTooLong>> {
        match *self {}
    }
}
