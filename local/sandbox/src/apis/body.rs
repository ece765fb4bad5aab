use axum::body::Body;
use axum::http::HeaderMap;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;

/// The body of a request to one of the APIs, with or without a length.
pub(crate) struct RequestBody {
    /// The bytes up to the limit.
    pub(crate) bytes: BytesMut,
    /// All bytes that arrived, including those over the limit.
    pub(crate) total: usize,
    pub(crate) trailers: HeaderMap,
    limit: usize,
}

impl RequestBody {
    /// Reads to the end even if the body is too large: a client that still writes does not read
    /// the response.
    ///
    /// # Errors
    /// A message, if the connection closed before the end of the body.
    pub(crate) async fn read(mut body: Body, limit: usize) -> Result<Self, String> {
        let mut read = Self {
            bytes: BytesMut::new(),
            total: 0,
            trailers: HeaderMap::new(),
            limit,
        };
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| format!("the body is incomplete: {error}"))?;
            match frame.into_data() {
                Ok(data) => {
                    read.total += data.len();
                    if !read.is_too_large() {
                        read.bytes.extend_from_slice(&data);
                    }
                }
                Err(frame) => {
                    if let Ok(trailers) = frame.into_trailers() {
                        read.trailers = trailers;
                    }
                }
            }
        }
        Ok(read)
    }

    pub(crate) fn is_too_large(&self) -> bool {
        self.total > self.limit
    }
}

/// Bytes of a request body that is neither a function's response nor its error: a limit of our
/// own, to bound memory.
const MAX_SMALL_BODY_BYTES: usize = 1024 * 1024;

/// # Errors
/// A message, if the body is incomplete or too large.
pub(super) async fn read_small_body(body: Body) -> Result<Bytes, String> {
    let read = RequestBody::read(body, MAX_SMALL_BODY_BYTES).await?;
    if read.is_too_large() {
        return Err(format!(
            "the body has {} bytes: send at most {MAX_SMALL_BODY_BYTES}",
            read.total
        ));
    }
    Ok(read.bytes.freeze())
}
