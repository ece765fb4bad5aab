use std::net::IpAddr;

use hyper::Request;
use hyper::header::{HOST, HeaderName, ORIGIN};
use hyper::http::uri::Authority;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Returns true if a request is one of a web page, or names another host: a page whose name
/// leads to this machine (DNS rebinding). Browsers set these headers, and a page cannot change
/// them. No SDK sends `Origin` or `Sec-Fetch-Site`.
pub(super) fn is_foreign<B>(request: &Request<B>) -> bool {
    let headers = request.headers();
    let mut hosts = headers.get_all(HOST).iter();
    let names_another = hosts.any(|host| !host.to_str().is_ok_and(is_loopback));
    let authority = request.uri().authority().map(Authority::as_str);
    names_another
        || authority.is_some_and(|authority| !is_loopback(authority))
        || headers.contains_key(ORIGIN)
        || headers.contains_key(SEC_FETCH_SITE)
}

/// Returns true if `host`, with or without a port, is this machine: a loopback address,
/// `localhost`, or a name that ends with `.localhost` (RFC 6761, 6.3).
fn is_loopback(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else {
        return false;
    };
    if authority.as_str().contains('@') {
        return false;
    }
    let host = authority.host().to_ascii_lowercase();
    let address = host.trim_matches(['[', ']']).parse();
    host == "localhost"
        || host.ends_with(".localhost")
        || address.is_ok_and(|ip: IpAddr| ip.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(uri: &str, headers: &[(&str, &str)]) -> bool {
        let mut request = Request::post(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        is_foreign(&request.body(()).unwrap())
    }

    #[test]
    fn programs_of_this_machine_pass() {
        assert!(!request("/", &[]));
        for host in [
            "127.0.0.1:2000",
            "localhost:2000",
            "LocalHost",
            "xray.localhost",
            "[::1]:2000",
            "127.1.2.3",
        ] {
            assert!(!request("/", &[("host", host)]), "{host}");
        }
        assert!(!request(
            "http://127.0.0.1:2000/",
            &[("sec-fetch-mode", "cors")]
        ));
    }

    #[test]
    fn pages_and_other_hosts_do_not_pass() {
        for host in [
            "evil.example",
            "evil.example:2000",
            "169.254.79.129:2000",
            "localhost.evil.example",
            "127.0.0.1@evil.example",
            "127.0.0.1.evil.example",
            "",
            "a b",
        ] {
            assert!(request("/", &[("host", host)]), "{host}");
        }
        let local = ("host", "127.0.0.1");
        assert!(request("/", &[local, ("host", "evil.example")]));
        assert!(request("http://evil.example/", &[local]));
        assert!(request("/", &[local, ("origin", "http://127.0.0.1")]));
        assert!(request("/", &[local, ("sec-fetch-site", "cross-site")]));
    }
}
