//! The requests of a page of another site, and of a page whose name leads to this machine.

use std::net::SocketAddr;

use crate::http::{Request, Response};
use crate::program::Program;

/// The headers of requests that no listener answers.
pub const FOREIGN: [&[(&str, &str)]; 8] = [
    // DNS rebinding: the page's own name leads to 127.0.0.1.
    &[("Host", "evil.example:3000")],
    &[("Host", "127.0.0.1"), ("Host", "evil.example")],
    &[("Host", "evil.example"), ("Host", "127.0.0.1")],
    // A `fetch` or a form of another site. Neither needs a preflight for `text/plain`.
    &[
        ("Origin", "https://evil.example"),
        ("Content-Type", "text/plain"),
    ],
    &[("Origin", "null"), ("Content-Type", "text/plain")],
    &[
        ("Origin", "http://127.0.0.1"),
        ("Origin", "https://evil.example"),
    ],
    // An image or a frame of another site.
    &[
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Mode", "no-cors"),
        ("Sec-Fetch-Dest", "image"),
    ],
    &[
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Mode", "navigate"),
        ("Sec-Fetch-Dest", "iframe"),
    ],
];

/// Checks that each foreign request is rejected, and gets no header that lets a page read the
/// response. `request` is one that the listener answers.
pub fn assert_guarded(address: SocketAddr, request: &Request) {
    for headers in FOREIGN {
        let response = request.clone().headers(headers).send(address);
        assert_rejected(&response, headers);
    }
    let preflight = Request::preflight("/", "https://evil.example").send(address);
    assert_rejected(&preflight, &[("preflight", "https://evil.example")]);
    let response = request.send(address);
    assert_eq!(response.status(), 200, "{response:?}");
}

fn assert_rejected(response: &Response, headers: &[(&str, &str)]) {
    assert_eq!(response.status(), 403, "{headers:?}: {response:?}");
    assert!(
        response.cors_headers().is_empty(),
        "{headers:?}: {response:?}"
    );
}

#[test]
fn foreign_requests_do_not_reach_the_x_ray_api() {
    let program = Program::serve();
    let put = Request::post("/TraceSegments", r#"{"TraceSegmentDocuments":[]}"#);
    assert_guarded(program.address("X-Ray API"), &put);
    assert_guarded(program.address("X-Ray API"), &Request::get("/"));
}
