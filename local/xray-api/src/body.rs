use std::io::Read;

use axum::body::Bytes;
use axum::extract::Request;
use axum::http::header::CONTENT_ENCODING;
use axum::http::{HeaderMap, StatusCode};
use flate2::read::MultiGzDecoder;
use tokio::sync::{Semaphore, SemaphorePermit};
use xray_local_listener::{BodyError, BodyReader};

use crate::error::ApiError;

/// The largest body, before and after decompression. Our choice, because the API's model has no
/// limit: far above the 50 documents of 64 KiB that the X-Ray daemon sends at most.
const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;

/// Names of gzip in `Content-Encoding` (RFC 9110, 8.4.1.3).
const GZIP: [&str; 2] = ["gzip", "x-gzip"];

/// Names in `Content-Encoding` that mean no encoding. An empty header means none, too.
const NO_ENCODING: [&str; 2] = ["", "identity"];

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Reads the whole body.
pub(crate) async fn read(request: Request) -> Result<Bytes, ApiError> {
    let reader = BodyReader::of(request.extensions());
    let body = reader.read(request.into_body(), MAX_BODY_BYTES).await;
    body.map_err(|error| match error {
        BodyError::TooLarge => too_large(),
        BodyError::NoMemory => ApiError::no_memory(error.to_string()),
        BodyError::Incomplete(_) => ApiError::serialization(error.to_string()),
    })
}

/// Rejects unsupported encodings, whose bytes would otherwise be reported as broken JSON. These
/// include two encodings one after the other, such as `gzip, gzip`.
pub(crate) fn check_encoding(headers: &HeaderMap) -> Result<(), ApiError> {
    let lines: Vec<_> = headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .collect();
    let value = lines.join(", ");
    let is_one_of =
        |name: &str, known: &[&str]| known.iter().any(|known| known.eq_ignore_ascii_case(name));
    let mut encodings = value
        .split(',')
        .map(str::trim)
        .filter(|name| !is_one_of(name, &NO_ENCODING));
    match (encodings.next(), encodings.next()) {
        (None, _) => Ok(()),
        (Some(only), None) if is_one_of(only, &GZIP) => Ok(()),
        _ => Err(ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "UnsupportedMediaTypeException",
            format!("Content-Encoding {value} is not supported: use gzip, or omit the header"),
        )),
    }
}

/// A few kilobytes of gzip can become [`MAX_BODY_BYTES`], which the listener's limit for all bodies
/// does not count. Shared by all routers of the process.
static DECOMPRESSIONS: Semaphore = Semaphore::const_new(4);

/// Waits until the body can be decompressed, if it must be. The permit belongs to the
/// decompressed bytes.
pub(crate) async fn may_decompress(body: &Bytes) -> Option<SemaphorePermit<'static>> {
    if !body.starts_with(&GZIP_MAGIC) {
        return None;
    }
    // The semaphore is never closed.
    DECOMPRESSIONS.acquire().await.ok()
}

/// Decompresses a body that starts with gzip's magic bytes. `Content-Encoding` does not
/// decide: some clients (rotel) declare gzip and send plain JSON.
pub(crate) fn decompress(body: Bytes) -> Result<Bytes, ApiError> {
    if !body.starts_with(&GZIP_MAGIC) {
        return Ok(body);
    }
    let mut plain = Vec::new();
    // One byte more than the limit shows that the body is too large.
    let mut decoder = MultiGzDecoder::new(&body[..]).take(MAX_BODY_BYTES as u64 + 1);
    decoder.read_to_end(&mut plain).map_err(|error| {
        ApiError::serialization(format!("the request's body is not valid gzip: {error}"))
    })?;
    if plain.len() > MAX_BODY_BYTES {
        return Err(too_large());
    }
    Ok(plain.into())
}

fn too_large() -> ApiError {
    let message = format!(
        "the request is larger than {} MiB: send a smaller one, for example with fewer documents",
        MAX_BODY_BYTES / (1024 * 1024)
    );
    ApiError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "RequestEntityTooLargeException",
        message,
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn only_a_few_bodies_of_gzip_are_decompressed_at_a_time() {
        let gzip = Bytes::from_static(&[0x1f, 0x8b, 0x08]);
        let mut permits = Vec::new();
        for _ in 0..4 {
            permits.push(may_decompress(&gzip).await.unwrap());
        }
        let fifth = timeout(Duration::from_millis(1), may_decompress(&gzip)).await;
        assert!(fifth.is_err());
        assert!(may_decompress(&Bytes::from_static(b"{}")).await.is_none());
        permits.pop();
        assert!(may_decompress(&gzip).await.is_some());
    }
}
