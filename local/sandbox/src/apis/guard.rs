use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;

use super::response::rejected;
use crate::state::Rejection;

/// Headers that browsers send and runtimes do not (Fetch standard, "`Origin` header"; Fetch
/// Metadata Request Headers). `Sec-Fetch-Mode` is not among them: Node's `fetch` sends it.
const BROWSER_HEADERS: [&str; 4] = [
    "origin",
    "sec-fetch-dest",
    "sec-fetch-site",
    "sec-fetch-user",
];

/// Answers only requests that a process of the environment may have sent. All others are
/// rejected with 403, on every path.
///
/// `address` is the value of `AWS_LAMBDA_RUNTIME_API`, and `Host` must repeat it exactly, as
/// every HTTP client does. A web page whose name resolves to the address (DNS rebinding) sends
/// its own name. A page that knows the address sends one of [`BROWSER_HEADERS`].
pub(super) fn guard(router: Router, address: &str) -> Router {
    router.layer(from_fn_with_state(Arc::<str>::from(address), check))
}

async fn check(State(address): State<Arc<str>>, request: Request, next: Next) -> Response {
    match violation(&request, &address) {
        Some(message) => rejected(&Rejection::forbidden("Sandbox.ForeignCaller", message)),
        None => next.run(request).await,
    }
}

/// The reason to reject a request. It does not contain the address, because a foreign caller
/// may read it.
fn violation(request: &Request, address: &str) -> Option<String> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let is_own_host = hosts.next().is_some_and(|host| host == address) && hosts.next().is_none();
    let authority = request.uri().authority().map(Authority::as_str);
    if !is_own_host || authority.is_some_and(|authority| authority != address) {
        return Some(
            "Host is not the address of this API: send the value of AWS_LAMBDA_RUNTIME_API"
                .to_owned(),
        );
    }
    BROWSER_HEADERS
        .into_iter()
        .find(|name| request.headers().contains_key(*name))
        .map(|name| format!("the header {name} comes from a browser: call the API without it"))
}
