use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use http::{StatusCode, header};

/// Answers only requests whose `Host` is a loopback name or address.
///
/// A web page can make its own name resolve to 127.0.0.1 and then call whatever listens
/// there as if it were its own origin (DNS rebinding); the name stays in `Host`.
pub fn loopback_only(router: Router) -> Router {
    router.layer(from_fn(guard))
}

async fn guard(request: Request, next: Next) -> Response {
    let header = request.headers().get_all(header::HOST);
    let hosts = header.iter().map(|host| host.to_str().unwrap_or("?"));
    let mut hosts = hosts.chain(request.uri().authority().map(http::uri::Authority::as_str));
    // A request without any host is not a browser's.
    let Some(foreign) = hosts.find(|host| !is_loopback(host)) else {
        return next.run(request).await;
    };
    let message = serde_json::json!({
        "message": format!("{foreign} is not this machine: call localhost, or listen for other machines with --host 0.0.0.0")
    });
    let mut response = Response::new(Body::from(message.to_string()));
    *response.status_mut() = StatusCode::FORBIDDEN;
    let json = http::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _port)) => {
            return address
                .parse()
                .is_ok_and(|ip: Ipv6Addr| is_loopback_ip(ip.into()));
        }
        None => host.rsplit_once(':').map_or(host, |(name, _port)| name),
    };
    if let Ok(address) = name.parse::<Ipv4Addr>() {
        return address.is_loopback();
    }
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

fn is_loopback_ip(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_loopback(),
        IpAddr::V6(address) => {
            address.is_loopback()
                || address
                    .to_ipv4_mapped()
                    .is_some_and(|address| address.is_loopback())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_names_and_addresses_are_loopback() {
        for host in [
            "localhost",
            "LOCALHOST:3000",
            "localhost.",
            "api.localhost:1",
            "127.0.0.1:3000",
            "127.9.9.9",
            "[::1]:3000",
            "[::1]",
            "[::ffff:127.0.0.1]:3000",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "",
            "?",
            "example.com",
            "localhost.example.com:3000",
            "127.0.0.1.example.com",
            "10.0.0.1:3000",
            "notlocalhost",
            "[::2]:3000",
            "0.0.0.0",
            "[",
            "a@b:c",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
