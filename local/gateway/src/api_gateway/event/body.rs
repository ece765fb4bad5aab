use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::header;

use super::super::api::ApiKind;
use super::super::request::ReceivedRequest;

/// `body` and `isBase64Encoded`; no body at all where it is empty.
pub(super) fn body(request: &ReceivedRequest, kind: ApiKind) -> (Option<String>, bool) {
    if request.body.is_empty() {
        return (None, false);
    }
    let as_text = match kind {
        // REST APIs send on as text what is not listed as a binary media type. What is not
        // UTF-8 would not survive that; here it is sent as if it were listed.
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

/// What HTTP APIs send on as text. Forms are not among it.
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
    fn an_http_api_takes_json_and_text_for_text_but_no_form_or_image() {
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
