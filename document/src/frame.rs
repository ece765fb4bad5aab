//! The stream between our wrapper and our extension: the daemon's datagrams, each after its
//! length. docs/protocol.md describes it.

use std::fmt;
use std::net::SocketAddr;

use crate::limits::DAEMON_RECEIVE_BUFFER_BYTES;

/// Bytes of a frame's length: an unsigned integer, the highest byte first.
const LENGTH_BYTES: usize = 4;

/// Bytes of one frame, its length included. A datagram has at most
/// [`DAEMON_RECEIVE_BUFFER_BYTES`].
pub const MAX_FRAME_BYTES: usize = LENGTH_BYTES + DAEMON_RECEIVE_BUFFER_BYTES;

/// Name of the abstract Unix socket on which the extension that listens on the UDP address
/// `daemon` accepts streams. The number is the version of the stream's format: an extension of
/// another version listens on another name.
pub fn stream_name(daemon: SocketAddr) -> String {
    format!("xray-lambda/1/{daemon}")
}

/// Appends a frame: the length of the datagram that `write` appends, and that datagram.
pub fn write_frame(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; LENGTH_BYTES]);
    write(out);
    let bytes = out.len() - start - LENGTH_BYTES;
    let length = u32::try_from(bytes).unwrap_or(u32::MAX).to_be_bytes();
    if let Some(place) = out.get_mut(start..start + LENGTH_BYTES) {
        place.copy_from_slice(&length);
    }
}

/// Reads the datagram of the first frame in `bytes`. The frame has [`frame_bytes`] bytes.
/// `None` if `bytes` ends before the frame.
///
/// # Errors
/// The frame is longer than [`MAX_FRAME_BYTES`], so the bytes are not of this protocol.
pub fn first_frame(bytes: &[u8]) -> Result<Option<&[u8]>, FrameTooLong> {
    let Some((length, rest)) = bytes.split_first_chunk::<LENGTH_BYTES>() else {
        return Ok(None);
    };
    let length = u32::from_be_bytes(*length) as usize;
    if length > DAEMON_RECEIVE_BUFFER_BYTES {
        return Err(FrameTooLong);
    }
    Ok(rest.get(..length))
}

/// Bytes of the frame of a datagram.
pub const fn frame_bytes(datagram: &[u8]) -> usize {
    LENGTH_BYTES + datagram.len()
}

/// A frame that is longer than [`MAX_FRAME_BYTES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameTooLong;

impl fmt::Display for FrameTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the frame is longer than {MAX_FRAME_BYTES} bytes")
    }
}

impl std::error::Error for FrameTooLong {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn frames_read_back_in_their_order(
            datagrams in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..5),
        ) {
            let mut bytes = Vec::new();
            for datagram in &datagrams {
                write_frame(&mut bytes, |out| out.extend_from_slice(datagram));
            }
            let mut rest = bytes.as_slice();
            for datagram in &datagrams {
                prop_assert_eq!(first_frame(&rest[..rest.len().min(frame_bytes(datagram) - 1)]), Ok(None));
                prop_assert_eq!(first_frame(rest), Ok(Some(datagram.as_slice())));
                rest = &rest[frame_bytes(datagram)..];
            }
            prop_assert_eq!(first_frame(rest), Ok(None));
        }
    }

    #[test]
    fn a_frame_longer_than_a_datagram_is_an_error() {
        let longest = (DAEMON_RECEIVE_BUFFER_BYTES as u32).to_be_bytes();
        assert_eq!(first_frame(&longest), Ok(None));
        let longer = (DAEMON_RECEIVE_BUFFER_BYTES as u32 + 1).to_be_bytes();
        assert_eq!(first_frame(&longer), Err(FrameTooLong));
    }

    #[test]
    fn the_name_of_the_socket_has_the_version_and_the_address() {
        let name = |address: &str| stream_name(address.parse().unwrap());
        assert_eq!(name("127.0.0.1:2000"), "xray-lambda/1/127.0.0.1:2000");
        assert_eq!(name("[::1]:2000"), "xray-lambda/1/[::1]:2000");
    }
}
