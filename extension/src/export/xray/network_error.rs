//! The reason why a request has no response, as the log shows it.

use std::error::Error;
use std::fmt::Write;
use std::io;

use rustls::CertificateError;

/// Describes the error and its causes, without the URL, which may contain a password. The text
/// contains no time and no address, so that the log shows equal reasons once.
pub(super) fn reason(service: &str, error: reqwest::Error) -> String {
    let error = error.without_url();
    if let Some(reason) = tls_error(&error).and_then(explain) {
        return format!("cannot reach {service}: {reason}");
    }
    let mut text = format!("cannot reach {service}: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    text
}

/// Finds the error of TLS among the causes.
fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut source = Some(error);
    while let Some(cause) = source {
        if let Some(error) = cause.downcast_ref::<rustls::Error>() {
            return Some(error);
        }
        // `source` of an I/O error skips the error that it contains.
        source = match cause
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            Some(inner) => Some(inner),
            None => cause.source(),
        };
    }
    None
}

/// Explains the errors that a user can mend.
fn explain(error: &rustls::Error) -> Option<&'static str> {
    let rustls::Error::InvalidCertificate(error) = error else {
        return None;
    };
    Some(match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the certificate of the endpoint or of a proxy has expired"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the certificate of the endpoint or of a proxy is not valid yet"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "the certificate is for another host; check the endpoint and the proxy"
        }
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "the certificate's issuer is unknown; set AWS_CA_BUNDLE to a PEM file with it if the endpoint or a proxy has a private CA"
        }
        _ => return None,
    })
}
