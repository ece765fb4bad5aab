use std::io::Read;

use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_ENCODING;
use axum::http::{HeaderMap, StatusCode};
use flate2::read::MultiGzDecoder;
use xray_local_listener::BodyError;

use crate::error::ApiError;

/// Bytes of a request, before and after decompression: 256 documents of the
/// largest size fit. Our choice: the API's model has no limit, and the X-Ray daemon sends at
/// most 50 documents per request.
const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;

const SUPPORTED_ENCODINGS: [&str; 4] = ["", "identity", "gzip", "x-gzip"];

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Reads the whole body.
pub(crate) async fn read(body: Body) -> Result<Bytes, ApiError> {
    let body = xray_local_listener::read_body(body, MAX_BODY_BYTES).await;
    body.map_err(|error| match error {
        BodyError::TooLarge => too_large(),
        BodyError::Incomplete(_) => ApiError::serialization(error.to_string()),
    })
}

/// Rejects unsupported encodings, whose bytes would else be reported as broken JSON.
pub(crate) fn check_encoding(headers: &HeaderMap) -> Result<(), ApiError> {
    for value in headers.get_all(CONTENT_ENCODING) {
        let value = String::from_utf8_lossy(value.as_bytes());
        let unsupported = value.split(',').map(str::trim).find(|name| {
            !SUPPORTED_ENCODINGS
                .iter()
                .any(|supported| supported.eq_ignore_ascii_case(name))
        });
        if let Some(name) = unsupported {
            return Err(ApiError::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "UnsupportedMediaTypeException",
                format!("Content-Encoding {name} is not supported: send gzip, or none"),
            ));
        }
    }
    Ok(())
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
        "the request is larger than {} MB: send fewer documents at a time",
        MAX_BODY_BYTES / (1024 * 1024)
    );
    ApiError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "RequestEntityTooLargeException",
        message,
    )
}
