use std::io::Read;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::header::CONTENT_ENCODING;
use axum::http::{HeaderMap, StatusCode};
use flate2::read::MultiGzDecoder;

use crate::error::ApiError;

/// Bytes of a request, before and after decompression: 256 documents of the greatest
/// size. (The API's model names no limit; the daemon sends 50 documents at most.)
pub(crate) const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;

const READ_ENCODINGS: [&str; 4] = ["", "identity", "gzip", "x-gzip"];

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Reads a request's body whole.
pub(crate) async fn read(body: Body) -> Result<Bytes, ApiError> {
    to_bytes(body, MAX_BODY_BYTES).await.map_err(|error| {
        use std::error::Error;
        let too_long = error
            .source()
            .is_some_and(|source| source.to_string().contains("limit"));
        if too_long {
            return too_large();
        }
        ApiError::serialization(format!("the request's body broke off: {error}"))
    })
}

/// Refuses a body in an encoding that is not read here: it would be taken for broken JSON.
pub(crate) fn check_encoding(headers: &HeaderMap) -> Result<(), ApiError> {
    for value in headers.get_all(CONTENT_ENCODING) {
        let value = String::from_utf8_lossy(value.as_bytes());
        let unknown = value.split(',').map(str::trim).find(|name| {
            !READ_ENCODINGS
                .iter()
                .any(|known| known.eq_ignore_ascii_case(name))
        });
        if let Some(name) = unknown {
            return Err(ApiError::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "UnsupportedMediaTypeException",
                format!("Content-Encoding {name} is not supported: send gzip, or none"),
            ));
        }
    }
    Ok(())
}

/// Decompresses a body that begins as gzip does, whatever its `Content-Encoding` says:
/// there are clients that name gzip over plain JSON (rotel).
pub(crate) fn decompress(body: Bytes) -> Result<Bytes, ApiError> {
    if !body.starts_with(&GZIP_MAGIC) {
        return Ok(body);
    }
    let mut plain = Vec::new();
    // One byte more than the limit tells a body that is too long from one that fits.
    let mut decoder = MultiGzDecoder::new(&body[..]).take(MAX_BODY_BYTES as u64 + 1);
    decoder.read_to_end(&mut plain).map_err(|error| {
        ApiError::serialization(format!("the request's body is broken gzip: {error}"))
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
