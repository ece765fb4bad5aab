use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::header;

use super::super::api::ApiKind;
use super::super::request::ReceivedRequest;

/// The members `body` and `isBase64Encoded`. An empty body is `None`.
pub(super) fn body(request: &ReceivedRequest, kind: ApiKind) -> (Option<String>, bool) {
    if request.body.is_empty() {
        return (None, false);
    }
    let as_text = match kind {
        // REST APIs pass a body on as text unless its media type is in `binaryMediaTypes`.
        // That would corrupt a body that is not UTF-8. Here such a body is sent in base64, as
        // if its media type were listed.
        ApiKind::Rest => true,
        ApiKind::Http => request
            .header(&header::CONTENT_TYPE)
            .is_none_or(|value| is_text(&value)),
    };
    match std::str::from_utf8(&request.body) {
        Ok(text) if as_text => (Some(text.to_owned()), false),
        _ => (Some(BASE64_STANDARD.encode(&request.body)), true),
    }
}

/// Returns true if HTTP APIs pass a body of this type on as text. They send forms in base64.
fn is_text(content_type: &str) -> bool {
    let media_type = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    media_type.starts_with("text/")
        || [
            "application/json",
            "application/javascript",
            "application/xml",
        ]
        .contains(&media_type.as_str())
        || media_type.ends_with("+json")
        || media_type.ends_with("+xml")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_http_api_passes_on_json_and_text_as_text_but_not_forms_and_images() {
        for text in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "text/csv",
            "application/ld+json",
        ] {
            assert!(is_text(text), "{text}");
        }
        for binary in [
            "application/x-www-form-urlencoded",
            "image/png",
            "application/octet-stream",
            "",
        ] {
            assert!(!is_text(binary), "{binary}");
        }
    }
}
