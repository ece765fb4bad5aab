use axum::body::Body;
use axum::http::HeaderMap;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;

/// The body of a request to one of the APIs, whole or streamed.
pub(crate) struct RequestBody {
    /// Nothing beyond the limit.
    pub(crate) bytes: BytesMut,
    /// Also of what was over the limit and not kept.
    pub(crate) total: usize,
    pub(crate) trailers: HeaderMap,
    limit: usize,
}

impl RequestBody {
    /// Reads to the end even what is too large, so that the caller gets to read the answer.
    ///
    /// # Errors
    /// A sentence, where the body broke off.
    pub(crate) async fn read(mut body: Body, limit: usize) -> Result<Self, String> {
        let mut read = Self {
            bytes: BytesMut::new(),
            total: 0,
            trailers: HeaderMap::new(),
            limit,
        };
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| format!("the body broke off: {error}"))?;
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

/// Bytes of a request body that is not a function's response.
const MAX_SMALL_BODY_BYTES: usize = 1024 * 1024;

pub(super) async fn read_small_body(body: Body) -> Result<Bytes, String> {
    let read = RequestBody::read(body, MAX_SMALL_BODY_BYTES).await?;
    if read.is_too_large() {
        return Err(format!(
            "the body has {} bytes, which is over {MAX_SMALL_BODY_BYTES}",
            read.total
        ));
    }
    Ok(read.bytes.freeze())
}
