use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderName, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::error::ApiError;

/// Under which names the service may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Hosts {
    /// `localhost`, names beneath it, and loopback addresses. A page on the web can make a
    /// browser call this machine, under the page's own name where it rebinds it; this
    /// turns such calls away.
    #[default]
    Loopback,
    /// Any: for a listener that was opened to others on purpose.
    Any,
}

/// Turns a request away that `hosts` does not allow.
pub(crate) async fn check(State(hosts): State<Hosts>, request: Request, next: Next) -> Response {
    if hosts == Hosts::Loopback {
        // HTTP/1.0 has no Host; then there is no browser either.
        if let Some(host) = header(&request, &HOST).filter(|host| !is_loopback(host)) {
            return refusal(&format!("Host {host}"));
        }
        let foreign = |origin: &String| {
            let host = origin
                .split_once("://")
                .map_or(origin.as_str(), |(_, host)| host);
            !is_loopback(host)
        };
        if let Some(origin) = header(&request, &ORIGIN).filter(foreign) {
            return refusal(&format!("Origin {origin}"));
        }
    }
    next.run(request).await
}

fn header(request: &Request, name: &HeaderName) -> Option<String> {
    let value = request.headers().get(name)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn refusal(what: &str) -> Response {
    let message = format!(
        "{what}: only requests to localhost or a loopback address are answered here; \
         to let other machines in, start with --listen and this machine's address"
    );
    ApiError::new(StatusCode::FORBIDDEN, "AccessDeniedException", message).into_response()
}

/// Whether `host`, with or without a port, is this machine only.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let name = name.to_ascii_lowercase();
    let name = name.strip_suffix('.').unwrap_or(&name);
    match name.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => name == "localhost" || name.ends_with(".localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn loopback_hosts_are_told_from_others() {
        for host in [
            "localhost",
            "LocalHost:2001",
            "localhost.",
            "xray.localhost:80",
            "127.0.0.1:2001",
            "127.1.2.3",
            "[::1]:2001",
            "[::1]",
            "[::ffff:127.0.0.1]:1",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "",
            "null",
            "example.com",
            "localhost.example.com",
            "127.0.0.1.example.com",
            "10.0.0.1:2001",
            "[fe80::1]:2001",
            "0.0.0.0:2001",
            "notlocalhost",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
