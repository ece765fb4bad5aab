//! The APIs of a template: which pages may call them.

use crate::guard::{FOREIGN, assert_guarded};
use crate::http::Request;
use crate::program::Program;

fn page_post(origin: &str) -> Request {
    Request::post("/", "{}")
        .header("Origin", origin)
        .header("Content-Type", "text/plain")
}

#[test]
fn foreign_requests_run_no_function() {
    let program = Program::start_api(&[]);
    for api in ["closed", "rest", "web"] {
        let address = program.address(api);
        for headers in FOREIGN {
            let response = Request::post("/", "{}").headers(headers).send(address);
            assert_eq!(response.status(), 403, "{api} {headers:?}: {response:?}");
        }
        let response = Request::preflight("/", "https://evil.example").send(address);
        assert_eq!(response.status(), 403, "{api}: {response:?}");
    }
    assert!(!program.function_ran());
    assert_guarded(program.address("closed"), &Request::post("/", "{}"));
    assert!(program.function_ran());
}

#[test]
fn the_templates_cors_lets_the_pages_of_its_origin_call_a_rest_api() {
    let program = Program::start_api(&[]);
    let rest = program.address("rest");
    let preflight = Request::preflight("/", "https://app.example").send(rest);
    assert_eq!(preflight.status(), 200, "{preflight:?}");
    assert_eq!(
        preflight.header("access-control-allow-origin"),
        Some("https://app.example")
    );
    assert_eq!(
        preflight.header("access-control-allow-methods"),
        Some("OPTIONS,POST")
    );
    assert!(!program.function_ran());
    let response = page_post("https://app.example").send(rest);
    assert_eq!((response.status(), response.body()), (200, "ran"));
    // A REST API leaves the function's headers as they are.
    assert_eq!(
        response.header("access-control-allow-origin"),
        Some("function")
    );
    let other = page_post("https://app.example").send(program.address("closed"));
    assert_eq!(
        other.status(),
        403,
        "the CORS of one API is not that of another"
    );
}

#[test]
fn the_templates_cors_lets_the_pages_of_its_origin_call_an_http_api() {
    let program = Program::start_api(&[]);
    let web = program.address("web");
    let preflight = Request::preflight("/", "https://app.example").send(web);
    assert_eq!(preflight.status(), 204, "{preflight:?}");
    assert_eq!(
        preflight.header("access-control-allow-methods"),
        Some("GET,POST")
    );
    assert!(!program.function_ran());
    let response = page_post("https://app.example").send(web);
    assert_eq!((response.status(), response.body()), (200, "ran"));
    assert_eq!(
        response.header("access-control-allow-origin"),
        Some("https://app.example")
    );
}

#[test]
fn a_flag_lets_the_pages_of_an_origin_call_every_api() {
    let program = Program::start_api(&[
        "--allow-origin",
        "https://one.example",
        "--allow-origin",
        "https://two.example:8443",
    ]);
    let closed = program.address("closed");
    for (origin, status) in [
        ("https://one.example", 200),
        ("https://two.example:8443", 200),
        ("https://two.example", 403),
        ("null", 403),
    ] {
        let response = page_post(origin).send(closed);
        assert_eq!(response.status(), status, "{origin}: {response:?}");
    }
    let rebound = page_post("https://one.example").header("Host", "one.example");
    assert_eq!(rebound.send(closed).status(), 403);
}

#[test]
fn a_star_lets_every_page_call_and_no_other_host() {
    let program = Program::start_api(&["--allow-origin", "*"]);
    let closed = program.address("closed");
    for origin in ["https://evil.example", "null"] {
        assert_eq!(page_post(origin).send(closed).status(), 200, "{origin}");
    }
    let rebound = page_post("https://evil.example").header("Host", "evil.example");
    assert_eq!(rebound.send(closed).status(), 403);
}
